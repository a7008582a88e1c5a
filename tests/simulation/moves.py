"""What may happen next: what customers, payers, the provider, the worker and the merchant do, each by chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from portal.events.rules import customer_actor, pay_link_actor
from portal.notice_kinds import KINDS as NOTICE_KINDS
from portal.notices.jobs import remind_of_invoices
from portal.pay_links.operations import create_pay_link
from portal.pay_links.queries import find_pay_link
from portal.pay_links.rules import LINK_PLACE
from portal.payment_methods.jobs import check_setups, mail_expiring_methods
from portal.payments.operations.by_link import LinkChoice, begin_by_link, confirm_by_link
from portal.payments.operations.checkouts import begin_checkout
from portal.payments.operations.paying import MIN_LOOKUP_INTERVAL, cancel_payment, confirm_payment, resolve_payment
from portal.payments.rules.choices import (
    Choice,
    CreditAlone,
    Exact,
    FirstPart,
    Full,
    Invoices,
    NewMethod,
    Prompt,
    SavedMethod,
    TopUp,
    Way,
    amount_of,
)
from portal.payments.rules.statuses import CAPTURED, UNSETTLED
from portal.privacy.jobs import delete_exports, erase_customers, erase_late_arrivals, make_exports
from portal.provider_events.operations import receive_event
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.tenancy import MerchantScope, Scope
from portal.worker import JOBS, clean_up, run_once
from tests.simulation import installation
from tests.simulation.installation import GATEWAY, Payer
from tests.simulation.line import ABLE
from tests.simulation.provider import END, OPEN, Charge, Event
from tests.simulation.world import NEVER, Broken, PaymentRow, World
from tests.support.actors import STAFF

CRASH_RATE = 0.25
"""How many processes die on their way: each at one of the first crash points that it passes."""
CHECKOUT_HOURS = 3
_MOVE_NO_MONEY = (
    clean_up, check_setups, mail_expiring_methods, remind_of_invoices, make_exports, delete_exports, erase_customers, erase_late_arrivals,
)  # fmt: skip
ROUND = tuple(job for job in JOBS if job.run not in _MOVE_NO_MONEY)
"""What a round of the worker does here; what moves no money is done when a run has come to its end."""


def step(world: World) -> None:
    """Let one thing happen, whatever is possible now."""
    world.pass_time(milliseconds=world.chance.choice((1, 20, 400, 3000)))
    names, weights = zip(*MOVES, strict=True)
    while not world.chance.choices(names, weights)[0](world):
        pass


def aside(world: World) -> None:
    """What others do while a process waits for the provider: mostly nothing, but time passes."""
    if world.chance.random() > 0.12:
        return
    world.pass_time(seconds=world.chance.choice((0.2, 1, 4, 9)))
    world.chance.choice((look, press_again, cancel, thread_goes_on, payer_acts, event, work))(world)


def choose(world: World) -> bool:
    """A customer chooses what to pay and how, in one of all the ways there are."""
    payer = world.chance.choice(world.payers)
    choice = _choice(world, payer)
    if choice is None:
        return False
    begin(world, payer, choice)
    return True


def begin(world: World, payer: Payer, choice: Choice) -> str:
    """Begin the checkout; tells the payment's id, or the name of the fault that refused it."""
    return world.operate(
        "customer",
        f"{payer.name} chooses {_described(world, choice)}",
        lambda services: world.name(_begin(services, payer.scope, choice)),
    )


def _begin(services: Services, scope: Scope, choice: Choice) -> str:
    with services.database.unit_of_work() as session:
        return begin_checkout(
            session, scope, choice, gateway=GATEWAY, expires_after=timedelta(hours=CHECKOUT_HOURS),
            actor=customer_actor(scope.customer_id), charge_limits=ABLE.charge_limits, at=services.clock.now()
        )  # fmt: skip


def choose_by_link(world: World) -> bool:
    """Somebody who has the pay link of an invoice chooses how to pay it."""
    payer = world.chance.choice(world.payers)
    invoices = world.connection.execute(
        "select id from invoices where customer_id = ? and status in ('open', 'partially_paid') order by rowid",
        (payer.scope.customer_id,),
    ).fetchall()
    if not invoices:
        return False
    (invoice_id,) = world.chance.choice(invoices)
    way = Prompt("cm.mtn", "+237670000002") if world.chance.random() < 0.5 else NewMethod(save=False)
    world.operate(
        "guest",
        f"chooses {world.name(invoice_id)} by {_WAYS[type(way)]}",
        lambda services: world.name(_begin_by_link(services, payer.scope, invoice_id, way)),
    )
    return True


def _begin_by_link(services: Services, scope: Scope, invoice_id: str, way: Way) -> str:
    at = services.clock.now()
    with services.database.unit_of_work() as session:
        link_id = create_pay_link(session, MerchantScope(scope.merchant_id), invoice_id, actor=STAFF, at=at)
        link = find_pay_link(session, scope.merchant_id, link_id, now=at)
        assert link is not None, "it was made in this transaction"
        return begin_by_link(
            session, link, LinkChoice(way, Full()), gateway=GATEWAY, expires_after=timedelta(hours=CHECKOUT_HOURS),
            actor=pay_link_actor(link_id), charge_limits=ABLE.charge_limits, at=at,
        )  # fmt: skip


def press_pay(world: World) -> bool:
    """A customer confirms a checkout: mostly the newest."""
    waiting = world.payments("incomplete")
    if not waiting:
        return False
    confirm(world, waiting[-1] if world.chance.random() < 0.8 else world.chance.choice(waiting), dies_at=_death(world))
    return True


def press_again(world: World) -> bool:
    """A customer who does not know whether it worked presses Pay again."""
    pressed = [row for row in world.payments() if row.status != "incomplete"]
    if not pressed:
        return False
    confirm(world, world.chance.choice(pressed[-4:]), dies_at=_death(world))
    return True


def confirm(
    world: World,
    payment: PaymentRow,
    *,
    dies_at: str | int = NEVER,
    faults: list[str] | None = None,
    fate: str | None = None,
) -> str:
    scope = world.payer(payment.customer_id).scope
    return world.operate(
        "customer",
        f"presses Pay on {world.name(payment.id)}",
        lambda services: (
            confirm_payment(
                services,
                scope,
                payment.id,
                version="",
                return_url=page_of(payment.id),
                locale="en",
                actor=customer_actor(scope.customer_id),
            )
            if payment.pay_link_id is None
            else _confirm_by_link(services, scope, payment.id, payment.pay_link_id)
        ),
        about=payment.id,
        dies_at=dies_at,
        faults=faults,
        fate=fate,
    )


def _confirm_by_link(services: Services, scope: Scope, payment_id: str, link_id: str) -> None:
    with services.database.read() as reader:
        link = find_pay_link(reader, scope.merchant_id, link_id, now=services.clock.now())
    assert link is not None, "nobody deletes links"
    confirm_by_link(
        services, link, payment_id, actor=pay_link_actor(link_id), version="", page_url=page_of(f"{LINK_PLACE}/{payment_id}"), locale="en"
    )  # fmt: skip


def page_of(payment_id: str) -> str:
    return f"http://127.0.0.1/payments/{payment_id}"


def look(world: World) -> bool:
    """A customer opens the page of a payment that is not settled: it asks."""
    waiting = world.payments(*UNSETTLED)
    if not waiting:
        return False
    open_page(world, world.chance.choice(waiting), dies_at=_death(world))
    return True


def open_page(world: World, payment: PaymentRow, *, dies_at: str | int = NEVER, faults: list[str] | None = None) -> str:
    return world.operate(
        "customer",
        f"opens the page of {world.name(payment.id)}",
        lambda services: resolve_payment(
            services, world.merchant_id, payment.id, unless_checked_within=MIN_LOOKUP_INTERVAL
        ),
        about=payment.id,
        dies_at=dies_at,
        faults=faults,
    )


def cancel(world: World) -> bool:
    """A customer calls a payment off."""
    waiting = world.payments("incomplete", *UNSETTLED)
    if not waiting:
        return False
    call_off(world, world.chance.choice(waiting), dies_at=_death(world))
    return True


def call_off(world: World, payment: PaymentRow, *, dies_at: str | int = NEVER, faults: list[str] | None = None) -> str:
    scope = world.payer(payment.customer_id).scope
    return world.operate(
        "customer",
        f"cancels {world.name(payment.id)}",
        lambda services: cancel_payment(services, scope, payment.id, actor=customer_actor(scope.customer_id)),
        about=payment.id,
        dies_at=dies_at,
        faults=faults,
    )


def thread_goes_on(world: World) -> bool:
    """A call whose request was answered is made now; or its process ends before, and it never is."""
    if not world.detached:
        return False
    call = world.detached.pop(world.chance.randrange(len(world.detached)))
    if world.chance.random() < 0.8:
        world.go_on(call, dies_at=_death(world))
    return True


def payer_acts(world: World) -> bool:
    """On the provider's page, at the telephone, at the bank: something open comes to its end, or from a page goes on to wait."""
    charges = [charge for charge in world.provider.charges.values() if charge.state in OPEN]
    if not charges:
        return False
    charge = world.chance.choice(charges)
    odds = END if charge.kind != "page" or charge.state.value == "pending" else {**END, "pending": 12}
    _finish(world, charge, world.chance.choices(list(odds), list(odds.values()))[0])
    return True


def _finish(world: World, charge: Charge, fate: str) -> None:
    world.provider.finish(charge, fate)
    world.tell(f"payer ends {world.name(charge.reference)}: {fate}")


def approve_late(world: World) -> bool:
    """A payer approves what was called off."""
    charges = [
        charge
        for charge in world.provider.charges.values()
        if charge.failure_code in ("payer_canceled", "page_canceled") and charge.has_reported_failure
    ]
    if not charges or world.chance.random() < 0.7:
        return False
    charge = world.chance.choice(charges)
    world.provider.approve_late(charge)
    # Whoever asks for it now does so because of this, and no more because of a death before.
    world.deaths.pop(charge.reference, None)
    world.tell(f"payer approves {world.name(charge.reference)} after all")
    return True


def event(world: World) -> bool:
    """The provider makes a call that it owes: late, out of order, a second time; some it never makes."""
    events = world.provider.events
    if not events:
        return False
    chosen = world.chance.choice(events)
    lot = world.chance.random()
    if lot < 0.75:
        events.remove(chosen)
    if lot < 0.1:
        world.tell(f"{chosen.id} about {world.name(chosen.reference)} is never sent")
        return True
    send_event(world, chosen, dies_at=_death(world))
    return True


def send_event(world: World, event: Event, *, dies_at: str | int = NEVER) -> None:
    body = json.dumps({"id": event.id, "reference": event.reference}).encode()
    result = world.operate(
        "webhook",
        f"{event.id} about {world.name(event.reference)}",
        lambda services: receive_event(services, world.merchant_id, GATEWAY, {"signature": "right"}, body),
        about=event.reference,
        brings=event.id,
        dies_at=dies_at,
    )
    if not result.startswith("killed"):
        world.note_event(event)


def work(world: World) -> bool:
    """The worker does a round, or the one job whose turn has come."""
    jobs = ROUND if world.chance.random() < 0.25 else (world.chance.choice(ROUND),)
    work_round(world, jobs, dies_at=_death(world))
    return True


KINDS = ("detach_method", *sorted(mail for kind in NOTICE_KINDS.values() for mail in kind.mails))
"""The outbox's kinds of messages."""


def work_round(
    world: World, jobs: tuple = ROUND, *, dies_at: str | int = NEVER, faults: list[str] | None = None
) -> str:
    handlers = {kind: world.handler(kind) for kind in KINDS}
    words = "does a round" if jobs == ROUND else f"does {', '.join(job.name for job in jobs)}"

    def run(services: Services) -> str:
        counts = run_once(services, handlers, jobs=jobs)
        if counts.get("failed_jobs"):
            raise Broken("nothing fails but by a named fault", f"a job failed: {counts}")
        return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"

    return world.operate("worker", words, run, dies_at=dies_at, faults=faults)


def refund(world: World) -> bool:
    """The merchant's staff give something back: sometimes more than there is."""
    captured = world.payments(*CAPTURED)
    if not captured:
        return False
    row = world.chance.choice(captured)
    left = row.charge_amount - row.amount_refunded
    amount = world.chance.choice((left, max(1, left // 2), max(1, left // 3), left + 1))
    give_back(world, row, amount, dies_at=_death(world))
    return True


def give_back(
    world: World,
    payment: PaymentRow,
    amount: int,
    *,
    dies_at: str | int = NEVER,
    faults: list[str] | None = None,
) -> str:
    return world.operate(
        "staff",
        f"give back {amount} of {world.name(payment.id)}",
        lambda services: world.name(
            refund_payment(services, world.merchant_id, payment.id, amount, reason=None, actor=STAFF)
        ),
        about=payment.id,
        dies_at=dies_at,
        faults=faults,
    )


def refund_ends(world: World) -> bool:
    """A pending refund comes to its end, or one that was done comes back."""
    refunds = [
        (reference, outcome)
        for reference, (_, outcome) in world.provider.refunds.items()
        if outcome.state.value == "pending" or (outcome.state.value == "succeeded" and world.chance.random() < 0.2)
    ]
    if not refunds:
        return False
    reference, outcome = world.chance.choice(refunds)
    can_succeed = outcome.state.value == "pending" and world.chance.random() < 0.7
    fate = "succeeded" if can_succeed else "declined"
    world.provider.finish_refund(reference, fate)
    world.tell(f"provider ends {world.name(reference)}: {fate}")
    return True


def bill(world: World) -> bool:
    """The merchant opens another invoice."""
    payer = world.chance.choice(world.payers)
    total = world.chance.randint(1, 200) * 100
    mode = world.chance.choice((None, "fixed", "editable"))
    invoice_id = installation.open_invoice(world.database, payer.scope, world.clock, total, "USD", amount_mode=mode)
    world.tell(f"merchant bills {payer.name} {world.name(invoice_id)} over {total}")
    return True


def grant(world: World) -> bool:
    """The merchant writes a credit note."""
    payer = world.chance.choice(world.payers)
    amount = world.chance.randint(1, 60) * 100
    installation.grant_credit(world.database, payer.scope, world.clock, amount)
    world.tell(f"merchant grants {payer.name} {amount}")
    return True


def wait(world: World) -> bool:
    """Nothing happens for a while."""
    seconds = world.chance.choice((5, 11, 31, 61, 301, 599, 901, 3601, 10_801, 86_401))
    world.pass_time(seconds=seconds)
    world.tell(f"{seconds} s pass")
    return True


Move = Callable[[World], bool]
MOVES: tuple[tuple[Move, int], ...] = (
    (choose, 10),
    (choose_by_link, 2),
    (press_pay, 12),
    (press_again, 2),
    (look, 7),
    (cancel, 5),
    (thread_goes_on, 6),
    (payer_acts, 13),
    (approve_late, 3),
    (event, 11),
    (work, 8),
    (refund, 4),
    (refund_ends, 3),
    (bill, 2),
    (grant, 1),
    (wait, 18),
)
"""Each with its weight."""


def _death(world: World) -> int:
    return world.chance.randint(1, 4) if world.chance.random() < CRASH_RATE else NEVER


def _choice(world: World, payer: Payer) -> Choice | None:
    chance = world.chance
    if chance.random() < 0.08:
        top_up = chance.choice((50, 100, 2500, 50_000))
        return Choice(TopUp("USD"), SavedMethod(payer.method_id), Exact(top_up))
    split = _split(world, payer)
    if split is not None:
        return split
    invoices = world.connection.execute(
        "select id, currency, total - amount_paid - amount_credited - amount_reserved from invoices"
        " where customer_id = ? and status in ('open', 'partially_paid') order by rowid",
        (payer.scope.customer_id,),
    ).fetchall()
    if not invoices:
        return None
    first = chance.choice(invoices)
    alike = [row for row in invoices if row[1] == first[1]]
    chosen = alike if chance.random() < 0.12 else chance.sample(alike, min(len(alike), chance.choice((1, 1, 1, 2, 3))))
    left = sum(row[2] for row in chosen)
    amount = chance.choice((None, None, None, None, left, left // 2, 3000, max(1, left - 20)))
    method, phone = _method(world, payer)
    splits = len(chosen) == 1 and chance.random() < 0.1
    exact = Full() if amount is None else Exact(amount)
    currency = "EUR" if chance.random() < 0.05 else None
    use_credit, save = chance.random() < 0.3, chance.random() < 0.3
    return Choice(
        Invoices(tuple(row[0] for row in chosen), currency),
        _way(method, phone, save=save),
        FirstPart(max(1, left // 2)) if splits else exact,
        use_credit,
    )


def _split(world: World, payer: Payer) -> Choice | None:
    """The second payment of an invoice that is paid by two methods, where there is a first one."""
    firsts = world.connection.execute(
        "select p.id, a.invoice_id from payments p join payment_allocations a on a.payment_id = p.id"
        " where p.customer_id = ? and p.amount_choice = 'first_part' order by p.rowid",
        (payer.scope.customer_id,),
    ).fetchall()
    if not firsts or world.chance.random() < 0.75:
        return None
    payment_id, invoice_id = world.chance.choice(firsts)
    method, phone = _method(world, payer)
    return Choice(Invoices((invoice_id,), split_of=payment_id), _way(method, phone, save=False))


def _method(world: World, payer: Payer) -> tuple[str | None, str | None]:
    """How it is paid: the saved card, a telephone by its number, or (neither) the provider's page."""
    lot = world.chance.random()
    if lot < 0.5:
        return payer.method_id, None
    return (None, None) if lot < 0.75 else (None, "+237670000001")


def _way(method_id: str | None, phone: str | None, *, save: bool) -> Way:
    if method_id:
        return SavedMethod(method_id)
    return Prompt("cm.mtn", phone, save) if phone else NewMethod(save)


def _described(world: World, choice: Choice) -> str:
    what, amount = choice.what, amount_of(choice.amount)
    parts = [
        " ".join(world.name(invoice_id) for invoice_id in what.ids) if isinstance(what, Invoices) else "a top-up",
        f"{amount}" if amount else "",
        what.currency or "",
        f"by {_WAYS[type(choice.way)]}",
        "with credit" if choice.use_credit else "",
        "in two" if isinstance(choice.amount, FirstPart) else "",
        f"the rest of {world.name(what.split_of)}" if isinstance(what, Invoices) and what.split_of else "",
    ]
    return " ".join(part for part in parts if part)


_WAYS: dict[type[Way], str] = {SavedMethod: "card", NewMethod: "new", Prompt: "telephone", CreditAlone: "credit"}
