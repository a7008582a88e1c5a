"""Refunds: never more than was captured, and each ends in the truth."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.gateways.contract import RefundOrder, RefundOutcome, State
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.refunds.errors import NotRefundable, RefundTooLarge
from portal.refunds.jobs import check_refunds
from portal.refunds.models import Refund
from portal.refunds.operations import record_refund_outcome, refund_payment
from tests.support.paying import Till
from tests.support.scripted_gateway import OneGateway, ScriptedGateway


def refund(till: Till, payment: str, amount: int) -> str:
    return refund_payment(till.services, till.scope.merchant_id, payment, amount, reason=None, actor_id="staff")


def test_refund_in_part_and_then_the_rest(till: Till) -> None:
    payment = till.pay(till.invoice(5000))

    refund(till, payment, 1500)
    assert (till.status(payment), till.payment(payment).amount_refunded) == ("partially_refunded", 1500)
    refund(till, payment, 3500)

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("refunded", 5000)
    assert [row.status for row in till.rows(Refund)] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("amount", [5001, 0, -1])
def test_refund_out_of_range_is_refused_before_the_gateway(till: Till, amount: int) -> None:
    payment = till.pay(till.invoice(5000))

    with pytest.raises(RefundTooLarge):
        refund(till, payment, amount)

    assert till.gateway.refunds == {} and till.rows(Refund) == []


def test_nothing_is_refunded_of_what_was_not_captured(till: Till) -> None:
    till.gateway.becomes.append(State.FAILED)
    payment = till.pay(till.invoice())

    with pytest.raises(NotRefundable):
        refund(till, payment, 100)


def test_full_refunds_at_once_give_back_once(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    refused: list[Exception] = []

    def give_back() -> None:
        try:
            refund(till, payment, 5000)
        except RefundTooLarge as fault:
            refused.append(fault)

    threads = [threading.Thread(target=give_back) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(till.gateway.refunds) == 1 and len(refused) == 5
    assert till.payment(payment).amount_refunded == 5000


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_refund_from_ending(till: Till, garbage: str) -> None:
    payment = till.pay(till.invoice(5000))
    till.gateway.refund = lambda order: RefundOutcome(  # type: ignore[method-assign]
        State.FAILED, order.reference, f"gr{garbage}", order.money, f"lost{garbage}"
    )

    refund(till, payment, 5000)

    (row,) = till.rows(Refund)
    assert (row.status, row.failure_code, row.gateway_reference) == ("failed", "lost", None)


def test_refund_that_fails_later_gives_its_amount_back(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    till.gateway.refund = lambda order: RefundOutcome(State.PENDING, order.reference, "gr", order.money)  # type: ignore[method-assign]
    refund_id = refund(till, payment, 5000)
    assert till.status(payment) == "refunded"

    till.gateway.refunds[refund_id] = RefundOutcome(State.FAILED, refund_id, "gr", Money(5000, "USD"), "closed_account")
    till.clock.advance(seconds=11)
    assert check_refunds(till.services) == 1

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("complete", 0)


def test_refund_that_never_arrived_is_given_again_under_its_reference(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    really = till.gateway.refund
    till.gateway.refund = lambda order: RefundOutcome(State.UNKNOWN, order.reference)  # type: ignore[method-assign]
    refund_id = refund(till, payment, 700)
    till.gateway.refund = really  # type: ignore[method-assign]

    till.clock.advance(seconds=11)
    check_refunds(till.services)

    assert list(till.gateway.refunds) == [refund_id]
    assert [row.status for row in till.rows(Refund)] == ["succeeded"]


def test_same_outcome_of_a_refund_again_changes_nothing(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    refund_id = refund(till, payment, 700)

    outcome = RefundOutcome(State.SUCCEEDED, refund_id, "gr", Money(700, "USD"))
    with till.services.database.unit_of_work() as session:
        record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())

    assert till.payment(payment).amount_refunded == 700
    assert till.wrong_row() is None


def test_refund_that_comes_back_after_it_was_called_done_is_the_payments_again(till: Till) -> None:
    """Threat 118: the bank did not take it, days after the gateway had said that it succeeded."""
    payment = till.pay(till.invoice(5000))
    refund_id = refund(till, payment, 700)
    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(700, "USD"))

    for _ in range(2):
        with till.services.database.unit_of_work() as session:
            record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("complete", 0)
    assert till.wrong_row() is None


def test_refund_order_carries_the_gateways_own_charge(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    orders: list[RefundOrder] = []
    really = till.gateway.refund

    def remember(order: RefundOrder) -> RefundOutcome:
        orders.append(order)
        return really(order)

    till.gateway.refund = remember  # type: ignore[method-assign]
    refund(till, payment, 700)

    assert [order.charge for order in orders] == [f"ch_{payment}"]


def test_refunded_invoice_stays_paid(till: Till) -> None:
    """A refund is money given back, not an invoice reopened: what is owed again is the merchant's to say."""
    invoice = till.invoice(5000)
    payment = till.pay(invoice)
    refund(till, payment, 5000)

    assert till.balance(invoice) == ("paid", 5000, 0)


def test_refund_at_another_gateway_than_the_payments_is_refused(till: Till) -> None:
    payment = till.pay(till.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(till.services, gateways=OneGateway(other))

    with pytest.raises(NotRefundable):
        refund_payment(moved, till.scope.merchant_id, payment, 100, reason=None, actor_id="staff")

    assert other.calls == []


def test_refund_that_was_called_done_is_looked_at_again_for_a_month(till: Till) -> None:
    """The bank sent it back after ten days, and the event that told so was lost."""
    payment = till.pay(till.invoice())
    refund_id = refund(till, payment, 700)
    looked = []
    for day in range(1, 40):
        till.clock.advance(days=1)
        if day == 10:
            told = till.gateway.refunds[refund_id]
            till.gateway.refunds[refund_id] = replace(told, state=State.FAILED)
        if check_refunds(till.services):
            looked.append(day)

    assert looked == [1, 3, 7, 14]
    assert (till.status(payment), till.payment(payment).amount_refunded) == ("complete", 0)
    assert till.wrong_row() is None


def test_refund_that_was_called_done_is_never_given_again(till: Till) -> None:
    payment = till.pay(till.invoice())
    refund(till, payment, 700)
    till.gateway.refunds.clear()

    till.clock.advance(days=1)
    assert check_refunds(till.services) == 1

    assert till.gateway.refunds == {}
    assert till.payment(payment).amount_refunded == 700


def test_customer_is_written_to_when_a_refund_is_made_and_when_it_comes_back(till: Till) -> None:
    payment = till.pay(till.invoice())
    refund_id = refund(till, payment, 700)
    assert _mails(till) == [{"refund": refund_id, "told": "succeeded"}]

    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(700, "USD"))
    for _ in range(2):
        with till.services.database.unit_of_work() as session:
            record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())

    assert sorted(mail["told"] for mail in _mails(till)) == ["came_back", "succeeded"]


def test_refund_that_never_left_is_not_written_about(till: Till) -> None:
    payment = till.pay(till.invoice())
    till.gateway.refund = lambda order: RefundOutcome(State.FAILED, order.reference)  # type: ignore[method-assign]

    refund(till, payment, 700)

    assert _mails(till) == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 6000),
            st.sampled_from([State.SUCCEEDED, State.FAILED, State.PENDING, State.UNKNOWN]),
            st.sampled_from([State.SUCCEEDED, State.FAILED, State.UNKNOWN]),
        ),
        max_size=6,
    )
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_refunds_gives_back_more_than_came(till: Till, story: list[tuple[int, State, State]]) -> None:
    """Each refund with the gateway's first word and its last, which may take the first back."""
    payment = till.pay(till.invoice(5000))
    given_back = 0
    for amount, first, last in story:
        till.gateway.refund = lambda order, state=first: RefundOutcome(state, order.reference, None, order.money)  # type: ignore[method-assign, misc]
        try:
            refund_id = refund(till, payment, amount)
        except RefundTooLarge:
            continue
        with till.services.database.unit_of_work() as session:
            outcome = RefundOutcome(last, refund_id, None, Money(amount, "USD"))
            record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())
        (row,) = till.rows(Refund, id=refund_id)
        given_back += amount if row.status != "failed" else 0

        assert till.payment(payment).amount_refunded == given_back <= 5000
        assert till.wrong_row() is None


def _mails(till: Till) -> list[dict[str, str]]:
    return [row.payload for row in till.rows(OutboxMessage, kind="refund_mail")]
