"""The daily comparison of the gateway's list with the ledger: late money is booked, every other difference is stored until it is resolved."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal.gateways.contract import ChargeOutcome, ListedCharge, State
from portal.merchants.models import Merchant
from portal.money import Money
from portal.payments.operations.paying import cancel_payment
from portal.public_ids import new_id
from portal.reconciliation.jobs import compare_charges
from portal.reconciliation.models import GatewayComparison, GatewayDifference
from portal.refunds.operations import refund_payment
from tests.support.actors import CUSTOMER, STAFF
from tests.support.paying import Killed, PayingCustomer, killing_at
from tests.support.scripted_gateway import lost


def differences(payer: PayingCustomer) -> list[tuple[str, str]]:
    """The open ones: which payment, and what is wrong."""
    return sorted((row.reference, row.kind) for row in payer.rows(GatewayDifference) if row.resolved_at is None)


def a_day_later(payer: PayingCustomer) -> int:
    payer.clock.advance(days=1, seconds=1)
    return compare_charges(payer.services)


def late_money(payer: PayingCustomer, payment: str, amount: int = 5000) -> None:
    """What the gateway took after all, whatever we heard."""
    payer.gateway.ledger[payment] = ChargeOutcome(State.SUCCEEDED, payment, f"ch_{payment}", Money(amount, "USD"))


def test_sides_that_agree_have_no_difference_and_equal_totals(payer: PayingCustomer) -> None:
    for _ in range(3):
        payer.pay(payer.invoice(5000))
    refund_payment(
        payer.services, payer.scope.merchant_id, payer.pay(payer.invoice(700)), 700, reason=None, actor=STAFF
    )

    payer.clock.advance(hours=2)
    assert compare_charges(payer.services) == 1

    (comparison,) = payer.rows(GatewayComparison)
    assert (comparison.charge_count, comparison.compared_until) == (4, payer.clock.now())
    assert comparison.totals == {"USD": {"listed": 15700, "booked": 15700}}
    assert differences(payer) == []


def test_late_money_is_booked_and_no_difference_remains(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    late_money(payer, payment)

    compare_charges(payer.services)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert payer.rows(GatewayDifference) == []
    assert payer.wrong_row() is None


def test_payment_without_an_event_yet_is_looked_up(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())

    compare_charges(payer.services)

    assert payer.status(payment) == "complete"
    assert differences(payer) == []


def test_charge_of_another_amount_is_a_difference_and_books_nothing(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    late_money(payer, payment, 4999)

    compare_charges(payer.services)

    assert differences(payer) == [(payment, "missing_here")]
    assert payer.status(payment) == "canceled"


def test_booked_charge_that_is_not_listed_is_a_difference_until_it_is_listed(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    charge = payer.gateway.ledger.pop(payment)

    payer.clock.advance(hours=2)
    compare_charges(payer.services)
    assert differences(payer) == [(payment, "missing_there")]
    found_at = payer.clock.now()
    a_day_later(payer)
    assert [row.found_at for row in payer.rows(GatewayDifference)] == [found_at]  # Its age is that of the first time.
    payer.gateway.ledger[payment] = charge
    a_day_later(payer)

    assert differences(payer) == []


def test_booked_charge_that_is_listed_as_failed_stays_a_difference_however_long_it_is_listed(
    payer: PayingCustomer,
) -> None:
    payment, made_at = payer.pay(payer.invoice()), payer.clock.now()
    payer.gateway.settle(payment, State.FAILED, "returned_unpaid")
    charged = payer.gateway.ledger[payment]
    charge = ListedCharge(f"ch_{payment}", payment, State.FAILED, charged.money or Money(0, "USD"), made_at)
    payer.gateway.list_charges = lambda since, until: (charge,) if since <= made_at < until else ()  # type: ignore[method-assign]

    payer.clock.advance(minutes=30)
    compare_charges(payer.services)
    for _ in range(
        4
    ):  # On the third day it is named in the hour by which the list reaches further than what is expected.
        payer.clock.advance(days=1)
        compare_charges(payer.services)

        assert differences(payer) == [(payment, "missing_there")]


def test_money_that_was_refunded_before_it_was_booked_is_no_difference_any_more(payer: PayingCustomer) -> None:
    forgotten = new_id("pay", payer.clock.now())
    late_money(payer, forgotten)
    compare_charges(payer.services)
    assert differences(payer) == [(forgotten, "missing_here")]

    payer.gateway.settle(forgotten, State.FAILED, "returned_unpaid")
    a_day_later(payer)

    assert differences(payer) == []


def test_charge_booked_in_the_last_hour_is_expected_next_time(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    del payer.gateway.ledger[payment]

    compare_charges(payer.services)

    assert differences(payer) == []


def test_reference_that_was_charged_twice_stays_a_difference(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    twice = [ListedCharge(f"ch_{n}", payment, State.SUCCEEDED, Money(5000, "USD"), payer.clock.now()) for n in "12"]
    payer.gateway.list_charges = lambda since, until: tuple(twice)  # type: ignore[method-assign]

    compare_charges(payer.services)

    (row,) = payer.rows(GatewayDifference)
    assert (row.kind, row.listed_amount, row.booked_amount) == ("other_amount", 10000, 5000)


def test_charges_that_are_not_ours_are_only_counted(payer: PayingCustomer) -> None:
    foreign = ListedCharge("ch_shop", None, State.SUCCEEDED, Money(900, "USD"), payer.clock.now())
    payer.gateway.list_charges = lambda since, until: (foreign,)  # type: ignore[method-assign]

    compare_charges(payer.services)

    (comparison,) = payer.rows(GatewayComparison)
    assert (comparison.unknown_charge_count, comparison.charge_count, differences(payer)) == (1, 0, [])


def test_payment_that_a_restored_backup_does_not_have_is_a_difference(payer: PayingCustomer) -> None:
    forgotten = new_id("pay", payer.clock.now())
    late_money(payer, forgotten)

    compare_charges(payer.services)

    assert differences(payer) == [(forgotten, "missing_here")]


@pytest.mark.parametrize("side", ["booked here", "listed there"])
def test_difference_older_than_the_list_is_compared_until_it_is_resolved(payer: PayingCustomer, side: str) -> None:
    payment = payer.pay(payer.invoice(), method="new" if side == "booked here" else None)
    charge = payer.gateway.ledger.pop(payment, None)
    if side == "booked here":
        cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
        late_money(payer, payment, 4999)
    payer.clock.advance(hours=2)
    compare_charges(payer.services)
    assert len(differences(payer)) == 1
    payer.gateway.list_charges = lambda since, until: ()  # type: ignore[method-assign]
    payer.clock.advance(days=9)
    compare_charges(payer.services)
    assert len(differences(payer)) == 1

    if side == "booked here":
        _agree_on(payer, payment, 4999)
    elif charge:
        payer.gateway.ledger[payment] = charge
    a_day_later(payer)

    assert differences(payer) == []


def test_list_that_the_gateway_cannot_return_is_requested_again_in_an_hour(payer: PayingCustomer) -> None:
    really = payer.gateway.list_charges
    payer.gateway.list_charges = lambda since, until: None  # type: ignore[method-assign]
    assert compare_charges(payer.services) == 0
    payer.gateway.list_charges = really  # type: ignore[method-assign]

    assert compare_charges(payer.services) == 0
    payer.clock.advance(hours=1)
    assert compare_charges(payer.services) == 1


def test_gateway_that_lists_nothing_is_never_compared(payer: PayingCustomer) -> None:
    payer.gateway.capabilities = replace(payer.gateway.capabilities, lists_charges=False)
    payer.gateway.list_charges = None  # type: ignore[method-assign, assignment]

    assert compare_charges(payer.services) == 0
    assert a_day_later(payer) == 0


def test_a_day_is_compared_once_though_two_workers_come_at_once(payer: PayingCustomer) -> None:
    compare_charges(payer.services)
    payer.clock.advance(days=1)
    both = threading.Barrier(2)
    compared: list[int] = []

    def work() -> None:
        both.wait()
        compared.append(compare_charges(payer.services))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(compared) == 1


def test_comparison_whose_worker_was_killed_is_retried(payer: PayingCustomer) -> None:
    with pytest.raises(Killed):
        compare_charges(payer.with_crash_point(killing_at("comparison.claimed")))
    assert compare_charges(payer.services) == 0

    payer.clock.advance(hours=1)

    assert compare_charges(payer.services) == 1


def test_account_that_cannot_be_compared_does_not_block_others(payer: PayingCustomer, make_scope) -> None:
    other = make_scope()
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == other.merchant_id).values(gateway="sandbox"))
    calls: list[int] = []

    def fail_once(since: object, until: object) -> tuple[ListedCharge, ...]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError
        return ()

    payer.gateway.list_charges = fail_once  # type: ignore[method-assign]

    assert compare_charges(payer.services) == 1
    assert len(calls) == 2


def _agree_on(payer: PayingCustomer, payment_id: str, amount: int) -> None:
    """The merchant corrects the amount to what was really charged, so that the next lookup books it."""
    with payer.services.database.unit_of_work() as session:
        row = session.merge(payer.payment(payment_id))
        row.amount = amount
