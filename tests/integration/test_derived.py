"""What is derived from payments follows them: by every operation, in the same transaction, and for what was there before."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.database import Database
from portal.gateways.contract import State
from portal.importing.models import ImportRun
from portal.importing.operations.undoing import undo_run
from portal.invoices.models import Invoice
from portal.method_users import METHOD_USERS
from portal.migrations import downgrade, upgrade
from portal.payment_methods.operations.removal import remove_method
from portal.payments.models import PaymentCount, PaymentSearchTerm
from portal.payments.queries.counts import read_counts
from portal.payments.queries.shares import chosen_pricing, shown_version
from tests.integration.test_money_races import at_once
from tests.integration.test_outcomes import canceled, come_late
from tests.support import customers
from tests.support.actors import CUSTOMER
from tests.support.derived import stale_counts, stale_terms
from tests.support.importing import Silence, importer_of
from tests.support.paying import Killed, PayingCustomer, carry_on, grant_credit, refund_as_staff

AT = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)


def counted(payer: PayingCustomer) -> dict[tuple[str, str], int]:
    with payer.services.database.read() as reader:
        groups = read_counts(reader, payer.scope).groups
    return {(group.status, group.method_type): group.payment_count for group in groups}


def found_by(payer: PayingCustomer, term: str) -> set[str]:
    return {row.payment_id for row in payer.rows(PaymentSearchTerm, term=term)}


def assert_all_follows(database: Database) -> None:
    assert stale_counts(database) == {}
    assert stale_terms(database) == set()


def test_counts_follow_a_payment_from_the_checkout_to_its_refund(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    assert counted(payer) == {("incomplete", "card"): 1}

    payer.gateway.becomes.append(State.PENDING)
    payer.confirm(payment)
    assert counted(payer) == {("pending", "card"): 1}

    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.clock.advance(minutes=10)
    carry_on(payer)
    assert counted(payer) == {("complete", "card"): 1}

    refund_as_staff(payer, payment, 2000)
    assert counted(payer) == {("partially_refunded", "card"): 1}
    assert_all_follows(payer.services.database)


def test_checkout_that_leaves_the_history_leaves_the_counts(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.checkout(invoice)

    payer.checkout(invoice, method="new")
    assert counted(payer) == {("incomplete", ""): 1}

    come_late(payer, canceled(payer, payer.invoice()))
    assert counted(payer) == {("incomplete", ""): 1, ("complete", "card"): 1}
    assert_all_follows(payer.services.database)


def test_method_that_becomes_known_moves_the_payment_to_it(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice(), method="new")
    payer.confirm(payment)
    assert counted(payer) == {("requires_action", ""): 1}

    payer.gateway.pay_page(payment)
    payer.record(payment)

    assert counted(payer) == {("complete", "card"): 1}
    assert_all_follows(payer.services.database)


def test_checkout_that_moves_to_another_method_is_counted_under_it(payer: PayingCustomer) -> None:
    payer.checkout(payer.invoice())
    with payer.services.database.unit_of_work() as session:
        other = customers.insert_method(
            session, payer.scope, at=payer.clock.now(), type="bank_account", bank_name="Chase"
        )

    with payer.services.database.unit_of_work() as session:
        remove_method(
            session,
            METHOD_USERS,
            payer.scope,
            payer.method_id,
            move_to=other,
            has_fresh_code=True,
            actor=CUSTOMER,
            at=payer.clock.now(),
        )

    assert counted(payer) == {("incomplete", "bank_account"): 1}


def test_amount_that_changes_before_it_is_confirmed_is_found_and_the_old_one_is_not(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, number="ACME-0001")
    payment = payer.checkout(invoice)
    assert found_by(payer, "50.") == {payment}
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(total=6000, subtotal=6000)
        )

    shown = shown_version(payment, chosen_pricing("USD", 6000, 0, [(invoice, 6000, None)]), payer.method_id)
    payer.confirm(payment, version=shown)

    assert (found_by(payer, "50."), found_by(payer, "60."), found_by(payer, "acme0001")) == (
        set(),
        {payment},
        {payment},
    )
    assert_all_follows(payer.services.database)


def test_late_money_is_found_by_what_came(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    payment = canceled(payer, payer.invoice(5000), use_credit=True)
    assert found_by(payer, "50.") == found_by(payer, "30.") == {payment}  # In all, and what the card was to pay.

    come_late(payer, payment)

    assert (found_by(payer, "50."), found_by(payer, "30.")) == (set(), {payment})
    assert_all_follows(payer.services.database)


def test_import_writes_what_it_makes_and_taking_it_back_takes_it_out_of_the_counts(
    database: Database, clock: MovableClock, tmp_path: Path
) -> None:
    importer = importer_of(database, clock, tmp_path)
    importer.text(
        "number,customer,customer_email,issued_on,total,status,amount_paid,amount_refunded,description",
        "A-1,c1,a@x.example,2026-01-31,12.40,paid,,,Zebra crossing",
        "A-2,c1,a@x.example,2026-01-31,9.00,open,4.00,1.00,Team plan",
    )
    importer.text(
        "customer,amount,currency,status,gateway,gateway_reference,created_at,channel,reference",
        "c1,49.01,USD,failed,stripe,ch_1,2026-02-01T10:00:00Z,card,ORD-9",
        "c1,49.01,USD,complete,stripe,ch_2,2026-02-02T10:00:00Z,card,",
        kind="payments",
    )
    assert_all_follows(database)
    kept = importer.rows(sa.select(PaymentCount.status, PaymentCount.method_type, PaymentCount.payment_count))
    assert sorted(map(tuple, kept)) == [
        ("complete", "", 1), ("complete", "card", 1), ("failed", "card", 1), ("partially_refunded", "", 1),
    ]  # fmt: skip
    for term in ("zebra", "a1", "12.4", "49.01", "ord9"):
        assert importer.rows(sa.select(PaymentSearchTerm).where(PaymentSearchTerm.term == term)), term

    for (run_id,) in importer.rows(sa.select(ImportRun.id).order_by(ImportRun.id.desc())):
        undo_run(database, run_id, clock, Silence())

    assert stale_counts(database) == {}
    assert sum(count for (count,) in importer.rows(sa.select(PaymentCount.payment_count))) == 0


def test_what_is_rolled_back_is_not_counted(payer: PayingCustomer) -> None:
    payer.checkout(payer.invoice())
    before = counted(payer), len(payer.rows(PaymentSearchTerm))

    with suppress(Killed), payer.services.database.unit_of_work() as session:
        customers.insert_payment(session, payer.scope, at=payer.clock.now())
        raise Killed

    assert (counted(payer), len(payer.rows(PaymentSearchTerm))) == before


def test_payments_of_one_customer_that_end_at_once_are_all_counted(payer: PayingCustomer) -> None:
    payments = [payer.checkout(payer.invoice(1000 + number)) for number in range(12)]

    at_once(12, lambda number: payer.confirm(payments[number]))

    assert counted(payer) == {("complete", "card"): 12}
    assert_all_follows(payer.services.database)


def test_payments_from_before_the_migration_are_counted_and_found(bare_database: Database) -> None:
    upgrade(bare_database)
    with bare_database.unit_of_work() as session:
        scope = customers.add_customer(session, customers.add_merchant(session, at=AT), at=AT)
        invoice = customers.add_invoice(session, scope, at=AT, number="ACME-0412", description="Zebra crossing")
        for status in ("complete", "complete", "failed"):
            customers.insert_payment(session, scope, status, at=AT, pays={invoice: 1000}, reference="ORD-7")
        customers.insert_payment(session, scope, "canceled", at=AT, listed=False, method_type=None)
    downgrade(bare_database, "2026_11_30_sending")

    upgrade(bare_database)

    assert_all_follows(bare_database)
    with bare_database.read() as reader:
        assert read_counts(reader, scope).total == 3
