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
from tests.support.paying import Killed, Till, killing_at
from tests.support.scripted_gateway import lost


def differences(till: Till) -> list[tuple[str, str]]:
    """The open ones: which payment, and what is wrong."""
    return sorted((row.reference, row.kind) for row in till.rows(GatewayDifference) if row.resolved_at is None)


def a_day_later(till: Till) -> int:
    till.clock.advance(days=1, seconds=1)
    return compare_charges(till.services)


def late_money(till: Till, payment: str, amount: int = 5000) -> None:
    """What the gateway took after all, whatever we heard."""
    till.gateway.ledger[payment] = ChargeOutcome(State.SUCCEEDED, payment, f"ch_{payment}", Money(amount, "USD"))


def test_sides_that_agree_have_no_difference_and_equal_totals(till: Till) -> None:
    for _ in range(3):
        till.pay(till.invoice(5000))
    refund_payment(till.services, till.scope.merchant_id, till.pay(till.invoice(700)), 700, reason=None, actor=STAFF)

    till.clock.advance(hours=2)
    assert compare_charges(till.services) == 1

    (comparison,) = till.rows(GatewayComparison)
    assert (comparison.charge_count, comparison.compared_until) == (4, till.clock.now())
    assert comparison.totals == {"USD": {"listed": 15700, "booked": 15700}}
    assert differences(till) == []


def test_late_money_is_booked_and_no_difference_remains(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    late_money(till, payment)

    compare_charges(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert till.rows(GatewayDifference) == []
    assert till.wrong_row() is None


def test_payment_without_an_event_yet_is_looked_up(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())

    compare_charges(till.services)

    assert till.status(payment) == "complete"
    assert differences(till) == []


def test_charge_of_another_amount_is_a_difference_and_books_nothing(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    late_money(till, payment, 4999)

    compare_charges(till.services)

    assert differences(till) == [(payment, "missing_here")]
    assert till.status(payment) == "canceled"


def test_booked_charge_that_is_not_listed_is_a_difference_until_it_is_listed(till: Till) -> None:
    payment = till.pay(till.invoice())
    charge = till.gateway.ledger.pop(payment)

    till.clock.advance(hours=2)
    compare_charges(till.services)
    assert differences(till) == [(payment, "missing_there")]
    found_at = till.clock.now()
    a_day_later(till)
    assert [row.found_at for row in till.rows(GatewayDifference)] == [found_at]  # Its age is that of the first time.
    till.gateway.ledger[payment] = charge
    a_day_later(till)

    assert differences(till) == []


def test_booked_charge_that_is_listed_as_failed_stays_a_difference_however_long_it_is_listed(till: Till) -> None:
    payment, made_at = till.pay(till.invoice()), till.clock.now()
    till.gateway.settle(payment, State.FAILED, "returned_unpaid")
    charged = till.gateway.ledger[payment]
    charge = ListedCharge(f"ch_{payment}", payment, State.FAILED, charged.money or Money(0, "USD"), made_at)
    till.gateway.list_charges = lambda since, until: (charge,) if since <= made_at < until else ()  # type: ignore[method-assign]

    till.clock.advance(minutes=30)
    compare_charges(till.services)
    for _ in range(
        4
    ):  # On the third day it is named in the hour by which the list reaches further than what is expected.
        till.clock.advance(days=1)
        compare_charges(till.services)

        assert differences(till) == [(payment, "missing_there")]


def test_money_that_was_refunded_before_it_was_booked_is_no_difference_any_more(till: Till) -> None:
    forgotten = new_id("pay", till.clock.now())
    late_money(till, forgotten)
    compare_charges(till.services)
    assert differences(till) == [(forgotten, "missing_here")]

    till.gateway.settle(forgotten, State.FAILED, "returned_unpaid")
    a_day_later(till)

    assert differences(till) == []


def test_charge_booked_in_the_last_hour_is_expected_next_time(till: Till) -> None:
    payment = till.pay(till.invoice())
    del till.gateway.ledger[payment]

    compare_charges(till.services)

    assert differences(till) == []


def test_reference_that_was_charged_twice_stays_a_difference(till: Till) -> None:
    payment = till.pay(till.invoice())
    twice = [ListedCharge(f"ch_{n}", payment, State.SUCCEEDED, Money(5000, "USD"), till.clock.now()) for n in "12"]
    till.gateway.list_charges = lambda since, until: tuple(twice)  # type: ignore[method-assign]

    compare_charges(till.services)

    (row,) = till.rows(GatewayDifference)
    assert (row.kind, row.listed_amount, row.booked_amount) == ("other_amount", 10000, 5000)


def test_charges_that_are_not_ours_are_only_counted(till: Till) -> None:
    foreign = ListedCharge("ch_shop", None, State.SUCCEEDED, Money(900, "USD"), till.clock.now())
    till.gateway.list_charges = lambda since, until: (foreign,)  # type: ignore[method-assign]

    compare_charges(till.services)

    (comparison,) = till.rows(GatewayComparison)
    assert (comparison.stranger_count, comparison.charge_count, differences(till)) == (1, 0, [])


def test_payment_that_a_restored_backup_does_not_have_is_a_difference(till: Till) -> None:
    forgotten = new_id("pay", till.clock.now())
    late_money(till, forgotten)

    compare_charges(till.services)

    assert differences(till) == [(forgotten, "missing_here")]


@pytest.mark.parametrize("side", ["booked here", "listed there"])
def test_difference_older_than_the_list_is_compared_until_it_is_resolved(till: Till, side: str) -> None:
    payment = till.pay(till.invoice(), method="new" if side == "booked here" else None)
    charge = till.gateway.ledger.pop(payment, None)
    if side == "booked here":
        cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
        late_money(till, payment, 4999)
    till.clock.advance(hours=2)
    compare_charges(till.services)
    assert len(differences(till)) == 1
    till.gateway.list_charges = lambda since, until: ()  # type: ignore[method-assign]
    till.clock.advance(days=9)
    compare_charges(till.services)
    assert len(differences(till)) == 1

    if side == "booked here":
        _agree_on(till, payment, 4999)
    elif charge:
        till.gateway.ledger[payment] = charge
    a_day_later(till)

    assert differences(till) == []


def test_list_that_the_gateway_cannot_return_is_requested_again_in_an_hour(till: Till) -> None:
    really = till.gateway.list_charges
    till.gateway.list_charges = lambda since, until: None  # type: ignore[method-assign]
    assert compare_charges(till.services) == 0
    till.gateway.list_charges = really  # type: ignore[method-assign]

    assert compare_charges(till.services) == 0
    till.clock.advance(hours=1)
    assert compare_charges(till.services) == 1


def test_gateway_that_lists_nothing_is_never_compared(till: Till) -> None:
    till.gateway.capabilities = replace(till.gateway.capabilities, lists_charges=False)
    till.gateway.list_charges = None  # type: ignore[method-assign, assignment]

    assert compare_charges(till.services) == 0
    assert a_day_later(till) == 0


def test_a_day_is_compared_once_though_two_workers_come_at_once(till: Till) -> None:
    compare_charges(till.services)
    till.clock.advance(days=1)
    both = threading.Barrier(2)
    compared: list[int] = []

    def work() -> None:
        both.wait()
        compared.append(compare_charges(till.services))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(compared) == 1


def test_comparison_whose_worker_was_killed_is_retried(till: Till) -> None:
    with pytest.raises(Killed):
        compare_charges(till.with_crash_point(killing_at("comparison.claimed")))
    assert compare_charges(till.services) == 0

    till.clock.advance(hours=1)

    assert compare_charges(till.services) == 1


def test_account_that_cannot_be_compared_does_not_block_others(till: Till, make_scope) -> None:
    other = make_scope()
    with till.services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == other.merchant_id).values(gateway="sandbox"))
    calls: list[int] = []

    def fail_once(since: object, until: object) -> tuple[ListedCharge, ...]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError
        return ()

    till.gateway.list_charges = fail_once  # type: ignore[method-assign]

    assert compare_charges(till.services) == 1
    assert len(calls) == 2


def _agree_on(till: Till, payment_id: str, amount: int) -> None:
    """The merchant corrects the amount to what was really charged, so that the next lookup books it."""
    with till.services.database.unit_of_work() as session:
        row = session.merge(till.payment(payment_id))
        row.amount = amount
