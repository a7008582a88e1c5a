"""What always holds, after every step; and what holds when the world has come to rest."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from portal.gateways.contract import State
from portal.ledger.operations.checking import verify_ledger
from portal.payments.rules.sending import SEND_WITHIN
from portal.payments.rules.statuses import CAPTURED, ENDED_WITHOUT_MONEY, UNSETTLED
from tests.simulation.line import ABLE
from tests.simulation.world import Broken, PaymentRow, World

LONGEST_PAUSE = timedelta(days=1)
"""Between two questions about one payment; the worker's own delay comes on top."""
_UNSETTLED = "('processing', 'requires_action', 'pending')"

# What rows say beside what others of them sum up to. Each statement finds what differs; none finds anything.
_DIFFERENCES = {
    "reservations equal the holds": """
        select i.id, i.amount_reserved, coalesce(sum(a.amount), 0) from invoices i
        left join payment_allocations a on a.merchant_id = i.merchant_id and a.invoice_id = i.id and a.state = 'active'
        group by i.id having i.amount_reserved <> coalesce(sum(a.amount), 0)""",
    "what is held is under way": f"""
        select a.payment_id, a.state, p.status from payment_allocations a
        join payments p on p.merchant_id = a.merchant_id and p.id = a.payment_id where (a.state = 'active') <> (p.status in {_UNSETTLED})""",
    "held credit is that of payments under way": f"""
        select b.customer_id, b.amount_reserved, b.amount from customer_balances b
        left join payments p on p.merchant_id = b.merchant_id and p.customer_id = b.customer_id
          and p.currency = b.currency and p.status in {_UNSETTLED}
        group by b.customer_id, b.currency
        having b.amount_reserved <> coalesce(sum(p.credit_amount), 0) or b.amount < b.amount_reserved
          or b.amount_reserved < 0""",
    "what came is given once": """
        select p.id, p.amount_refunded, e.granted, p.amount from payments p
        join (select payment_id, -sum(amount) as granted from ledger_entries where account = 'credit' group by payment_id) e
          on e.payment_id = p.id
        where p.amount_refunded + e.granted + p.credit_amount > p.amount - p.credit_amount""",
    "counts equal the listed payments": """
        select 'payments ' || status || ' ' || method || ' ' || currency as id, sum(kept) from (
          select status, coalesce(method_type, '') as method, currency, 1 as kept from payments where listed
          union all select status, method_type, currency, -payment_count from payment_counts
        ) group by status, method, currency having sum(kept) <> 0""",
    "sums are zero": "select currency, sum(amount) from ledger_entries group by currency having sum(amount) <> 0",
    "an entry belongs to a transaction": """
        select e.transaction_id, e.position from ledger_entries e
        left join ledger_transactions t on t.merchant_id = e.merchant_id and t.id = e.transaction_id where t.id is null""",
    "projections equal the ledger": """
        select id, sum(kept) from (
          select id, total - amount_paid - amount_credited as kept from invoices
          union all select invoice_id, -amount from ledger_entries where account = 'receivable'
          union all select customer_id || currency, amount from customer_balances
          union all select customer_id || currency, amount from ledger_entries where account = 'credit'
        ) group by id having sum(kept) <> 0""",
}


def check(world: World) -> None:
    """After every step; where it changed nothing, it broke nothing."""
    has_written, has_happened = world.what_changed()
    for invariant, statement in _DIFFERENCES.items() if has_written else ():
        different = world.connection.execute(statement).fetchone()
        if different is not None:
            raise Broken(invariant, f"{world.name(str(different[0]))} {different[1:]}")
    if not has_written and not has_happened:
        return
    payments = {row.id: row for row in world.payments()}
    _check_captures(world, payments)
    _check_sendings(world, payments)
    for row in payments.values():
        _check_payment(world, row)
    _check_refunds(world)
    _check_questions(world)


def prove(world: World) -> None:
    """The portal's own proof of its ledger: every digest, sum, link and balance. Slower, so that it is called now and then."""
    with world.database.snapshot() as reader:
        wrong = verify_ledger(reader, world.merchant_id).wrong
    if wrong is not None:
        raise Broken("projections equal the ledger", f"{wrong.table} {wrong.reason}")
    check_events(world)


# Who may have caused an event of the kind; what a customer does is done by the customer whose it is.
_MAY = {
    "payment.created": {"customer"},
    "payment.processing": {"customer"},
    "payment.complete": {"gateway", "customer"},  # The customer where credit pays all.
    "payment.canceled": {"customer", "gateway"},
    "payment.expired": {"system", "gateway"},
    "payment.abandoned": {"system", "gateway"},
    "payment.failed": {"gateway", "system"},
    "payment.rejected": {"gateway", "system"},
    "payment.pending": {"gateway"},
    "payment.requires_action": {"gateway"},
    "payment.partially_refunded": {"staff", "gateway"},  # The gateway where one of several refunds failed.
    "payment.refunded": {"staff"},
    "refund.created": {"staff"},
    "refund.complete": {"gateway"},
    "refund.failed": {"gateway"},
    "invoice.partially_paid": {"gateway", "customer"},
    "invoice.paid": {"gateway", "customer"},
}
_FIRST_STATUS = {"payment": "incomplete", "refund": "pending", "invoice": "open", "payment_method": "active"}
_TABLES = {"payment": "payments", "refund": "refunds", "invoice": "invoices", "payment_method": "payment_methods"}


def check_events(world: World) -> None:
    """Each change of a status has exactly one event, by the actor who did it: the events of an object lead from its first
    status to the one it has, each from where the one before it ended."""
    statuses: dict[str, str] = {}
    by_link = {row.id: row.pay_link_id for row in world.payments() if row.pay_link_id}
    events = world.connection.execute(
        "select object_id, type, actor_type, actor_id, customer_id, data from events order by rowid"
    )
    for object_id, event_type, actor_type, actor_id, customer_id, data in events:
        noun = event_type.partition(".")[0]
        if noun not in _TABLES:
            continue
        if actor_type not in _MAY.get(event_type, {actor_type}):
            raise Broken("an event names who did it", f"{event_type} of {world.name(object_id)} by {actor_type}")
        # What was begun by a pay link is an act of whoever has it; the customer may look, and call it off.
        if actor_type == "customer" and actor_id not in (customer_id, by_link.get(object_id)):
            raise Broken("an event names who did it", f"{event_type} of {world.name(object_id)} by another customer")
        payload = json.loads(data)
        status, before = payload["object"]["status"], payload["previous"].get("status")
        known = statuses.get(object_id, _FIRST_STATUS[noun])
        if (before or known) != known or (before is None and status != known) or before == status:
            raise Broken(
                "each change of a status has one event",
                f"{world.name(object_id)} was {known}, and {event_type} leads from {before} to {status}",
            )
        statuses[object_id] = status
    for noun, table in _TABLES.items():
        for object_id, status in world.connection.execute(f"select id, status from {table}"):
            if statuses.get(object_id, _FIRST_STATUS[noun]) != status:
                raise Broken(
                    "each change of a status has one event",
                    f"{world.name(object_id)} is {status}, and no event says so",
                )


def check_rest(world: World) -> None:
    """When nothing is under way any more, and the provider's list was compared with ours."""
    prove(world)
    payments = {row.id: row for row in world.payments()}
    for row in payments.values():
        if row.status in UNSETTLED | {"incomplete"}:
            raise Broken("nothing is unknown past its time", f"{world.name(row.id)} is {row.status}")
    for capture in world.provider.captures:
        row = payments[capture.reference]
        if row.status not in CAPTURED:
            raise Broken("no capture is lost", f"{world.name(row.id)} is {row.status}")
        booked = world.connection.execute(
            "select coalesce(sum(amount), 0) from ledger_entries where payment_id = ? and account = 'gateway'",
            (row.id,),
        ).fetchone()[0]
        held = capture.money.amount - _given_back(world, row.id)
        if booked != held:
            raise Broken("no capture is lost", f"{world.name(row.id)}: {held} is held, {booked} booked")
    waiting = world.connection.execute(
        "select count(*) from outbox_messages where done_at is null and dead_at is null"
    ).fetchone()[0]
    unsealed = world.connection.execute("select count(*) from ledger_unsealed").fetchone()[0]
    if waiting or unsealed:
        raise Broken("nothing is left undone", f"{waiting} messages, {unsealed} seals")
    _check_receipts(world, payments)


def _check_captures(world: World, payments: dict[str, PaymentRow]) -> None:
    # By the payment at the end of its address: below a pay link, there is a token before it.
    pages = Counter(capture.page.rpartition("/")[2] for capture in world.provider.captures)
    for capture in world.provider.captures:
        row = payments.get(capture.reference)
        if row is None or pages[row.id] != 1:
            raise Broken("one charge a payment", f"{capture.page.replace(capture.reference, '')} was charged again")
        if capture.money.amount != row.charge_amount or capture.money.currency != row.currency:
            raise Broken("what is taken is what was confirmed", f"{world.name(row.id)}: {capture.money}")


def _check_sendings(world: World, payments: dict[str, PaymentRow]) -> None:
    """Nothing leaves us later than ten minutes after the press, nor before it."""
    for reference, sent_at in world.provider.sendings:
        row = payments.get(reference)
        if row is None:
            continue  # A planted bug's: named by its charge.
        if row.confirmed_at is None:
            raise Broken("nothing is sent that was not confirmed", world.name(row.id))
        pressed_at = datetime.fromtimestamp(row.confirmed_at / 1_000_000, UTC)
        if sent_at >= pressed_at + SEND_WITHIN:
            raise Broken(
                "nothing is sent after ten minutes", f"{world.name(row.id)} was sent {sent_at - pressed_at} after"
            )
    del world.provider.sendings[:]


def _check_payment(world: World, row: PaymentRow) -> None:
    if row.charge_amount == 0:
        return
    charge = world.provider.charges.get(row.id)
    if charge is not None and not ABLE.charge_limits[charge.money.currency].allows(charge.money.amount):
        raise Broken("nothing is ordered that is not charged", f"{world.name(row.id)}: {charge.money}")
    if row.status in CAPTURED and not world.provider.is_captured(row.id):
        raise Broken("nothing is booked that was not taken", f"{world.name(row.id)} is {row.status}")
    if row.status in ENDED_WITHOUT_MONEY and charge is not None and not charge.has_reported_failure:
        raise Broken("a failure is proven", f"{world.name(row.id)} is {row.status}, the provider says {charge.state}")
    if row.status in ENDED_WITHOUT_MONEY and row.was_sent and world.provider.is_expected(row.id) and charge is None:
        raise Broken("a failure is proven", f"{world.name(row.id)} is {row.status}, and its order still under way")
    if row.failure_code == "not_sent" and row.status == "failed" and charge is not None:
        raise Broken("what was never sent is not at the provider", f"{world.name(row.id)} is there: {charge.state}")
    is_open = row.status in UNSETTLED | CAPTURED | ENDED_WITHOUT_MONEY
    if world.provider.is_captured(row.id) and not is_open:
        raise Broken("no double charge", f"{world.name(row.id)} is {row.status}, though its money was taken")


def _check_refunds(world: World) -> None:
    for reference in world.provider.charges:
        given = _given_back(world, reference)
        if given > sum(c.money.amount for c in world.provider.captures if c.reference == reference):
            raise Broken("no more is refunded than was taken", world.name(reference))


def _check_questions(world: World) -> None:
    latest = world.clock.now() + LONGEST_PAUSE
    microseconds = int(latest.timestamp() * 1_000_000)
    found = world.connection.execute(
        f"select id, status from payments where status in {_UNSETTLED}"
        " and (next_check_at is null or next_check_at > ?)"
        " union all select id, status from refunds where status = 'pending'"
        " and (next_check_at is null or next_check_at > ?)",
        (microseconds, microseconds),
    ).fetchone()
    if found is not None:
        raise Broken("nothing is unknown past its time", f"{world.name(found[0])} is {found[1]}, and nobody will ask")


def _check_receipts(world: World, payments: dict[str, PaymentRow]) -> None:
    receipt_counts = Counter(payment_id for kind, payment_id, _ in world.mails if kind == "receipt_mail")
    for row in payments.values():
        if row.status in CAPTURED and receipt_counts[row.id] != 1:
            raise Broken("one receipt a payment", f"{world.name(row.id)} has {receipt_counts[row.id]}")


def _given_back(world: World, reference: str) -> int:
    charge = world.provider.charges[reference]
    return sum(
        request.money.amount
        for request, outcome in world.provider.refunds.values()
        if request.charge == f"ch_{charge.number}" and outcome.state is State.SUCCEEDED
    )
