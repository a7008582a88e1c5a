"""Refunds: never more than was captured, and each ends in the truth."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.audit.models import AuditEntry
from portal.contacts import ContactRefused
from portal.gateways.contract import Gateway, RefundOrder, RefundOutcome, State
from portal.ledger.operations import post
from portal.ledger.rules import refund_begun, refund_succeeded
from portal.merchants.payment_options import AmountLimits
from portal.migrations import downgrade, upgrade
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payments.operations import cancel_payment
from portal.public_ids import new_id
from portal.refunds.errors import CreditSpent, NotRefundable, RefundTooLarge
from portal.refunds.jobs import check_refunds
from portal.refunds.models import Refund
from portal.refunds.operations import record_refund_outcome, refund_payment, resolve_refund
from tests.support.paying import Till, allow, credit
from tests.support.scripted_gateway import OneGateway, ScriptedGateway


def refund(till: Till, payment: str, amount: int, reason: str | None = None) -> str:
    return refund_payment(till.services, till.scope.merchant_id, payment, amount, reason=reason, actor_id="staff")


def test_refund_in_part_and_then_the_rest(till: Till) -> None:
    payment = till.pay(till.invoice(5000))

    version = till.payment(payment).version
    till.clock.advance(minutes=5)
    refund(till, payment, 1500)
    assert (till.status(payment), till.payment(payment).amount_refunded) == ("partially_refunded", 1500)
    assert (till.payment(payment).version, till.payment(payment).updated_at) == (version + 1, till.clock.now())
    refund(till, payment, 3500)

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("refunded", 5000)
    assert [row.status for row in till.rows(Refund)] == ["succeeded", "succeeded"]
    assert sorted(act.details["amount"] for act in till.rows(AuditEntry, action="refund.created")) == [1500, 3500]


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
    assert till.gateway.refunds == {}, "it may still be on its way"
    till.clock.advance(seconds=49)
    assert resolve_refund(till.services, till.scope.merchant_id, refund_id), "a minute has gone by"

    assert list(till.gateway.refunds) == [refund_id]
    assert [row.status for row in till.rows(Refund)] == ["succeeded"]


def test_two_who_ask_at_once_give_a_refund_again_once(till: Till) -> None:
    """Not every gateway knows an order by its reference: a worker, and another because of an event, both hear of nothing."""
    payment = till.pay(till.invoice(5000))
    orders: list[str] = []

    def lose(order: RefundOrder) -> RefundOutcome:
        orders.append(order.reference)
        return RefundOutcome(State.UNKNOWN, order.reference)

    till.gateway.refund = lose  # type: ignore[method-assign]
    refund_id = refund(till, payment, 700)
    till.clock.advance(minutes=2)
    both_heard = threading.Barrier(2)
    really = till.gateway.look_up_refund

    def look_up(order: RefundOrder) -> RefundOutcome:
        told = really(order)
        both_heard.wait(10)
        return told

    till.gateway.look_up_refund = look_up  # type: ignore[method-assign]
    asked = (till.services, till.scope.merchant_id, refund_id)
    threads = [threading.Thread(target=resolve_refund, args=asked) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert orders == [refund_id] * 2, "once by whoever gave it first, and once again"


def test_answer_from_before_a_refund_was_given_again_gives_it_no_third_time(till: Till) -> None:
    """One who asked was held up for more than a minute, in which another gave the refund again."""
    payment = till.pay(till.invoice(5000))
    orders: list[str] = []

    def lose(order: RefundOrder) -> RefundOutcome:
        orders.append(order.reference)
        return RefundOutcome(State.UNKNOWN, order.reference)

    till.gateway.refund = lose  # type: ignore[method-assign]
    refund_id = refund(till, payment, 700)
    till.clock.advance(minutes=2)
    really = till.gateway.look_up_refund

    def look_up_slowly(order: RefundOrder) -> RefundOutcome:
        told = really(order)
        till.gateway.look_up_refund = really  # type: ignore[method-assign]
        resolve_refund(till.services, till.scope.merchant_id, refund_id)
        till.clock.advance(minutes=2)
        return told

    till.gateway.look_up_refund = look_up_slowly  # type: ignore[method-assign]
    resolve_refund(till.services, till.scope.merchant_id, refund_id)

    assert orders == [refund_id] * 2


def test_refund_that_succeeds_after_it_had_failed_is_shown_to_a_person(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    refund_id = refund(till, payment, 700)
    for state in (State.FAILED, State.SUCCEEDED):
        outcome = RefundOutcome(state, refund_id, "gr", Money(700, "USD"))
        with till.services.database.unit_of_work() as session:
            record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())

    (act,) = till.rows(AuditEntry, action="refund.outcome_contradicted")
    assert (act.object_id, act.actor_type, act.actor_id) == (refund_id, "system", "gateway")
    assert till.payment(payment).amount_refunded == 0
    assert till.wrong_row() is None


def test_money_in_advance_that_is_given_back_leaves_the_customers_credit(till: Till) -> None:
    payment = top_up(till, 2000)

    refund(till, payment, 500)
    assert credit(till) == (1500, 0)
    refund(till, payment, 1500)

    assert credit(till) == (0, 0)
    assert (till.status(payment), till.payment(payment).credit_granted) == ("refunded", 0)
    assert till.wrong_row() is None


def test_money_in_advance_that_was_spent_is_not_given_back_too(till: Till) -> None:
    payment = top_up(till, 2000)
    till.pay(till.invoice(1200), use_credit=True)

    with pytest.raises(CreditSpent):
        refund(till, payment, 801)
    refund(till, payment, 800)

    assert [told.money for told in till.gateway.refunds.values()] == [Money(800, "USD")]
    assert credit(till) == (0, 0)
    assert till.wrong_row() is None


def test_credit_that_a_payment_under_way_holds_is_not_given_back(till: Till) -> None:
    payment = top_up(till, 2000)
    till.gateway.becomes.append(State.PENDING)
    till.pay(till.invoice(5000), use_credit=True)

    with pytest.raises(CreditSpent):
        refund(till, payment, 1)

    assert credit(till) == (2000, 2000)


def test_surplus_goes_back_from_the_credit_and_the_rest_from_the_invoice(till: Till) -> None:
    """5,000 came after 2,000 of it had been paid another way: 3,000 went to the invoice, 2,000 to the credit."""
    payment = late_payment(till, 5000, paid_meanwhile=2000)
    assert (credit(till), till.payment(payment).credit_granted) == ((2000, 0), 2000)

    refund(till, payment, 2500)
    assert (credit(till), till.payment(payment).credit_granted) == ((0, 0), 0)
    refund(till, payment, 2500)

    assert sorted((row.amount, row.credit_taken) for row in till.rows(Refund)) == [(2500, 0), (2500, 2000)]
    assert till.wrong_row() is None


def test_what_went_to_the_invoice_is_given_back_even_when_the_surplus_was_spent(till: Till) -> None:
    payment = late_payment(till, 5000, paid_meanwhile=2000)
    till.pay(till.invoice(2000), use_credit=True)

    with pytest.raises(CreditSpent):
        refund(till, payment, 3001)
    refund(till, payment, 3000)

    assert till.payment(payment).credit_granted == 2000
    assert till.wrong_row() is None


@pytest.mark.parametrize("had_succeeded", [False, True])
def test_refund_that_fails_brings_back_the_credit_that_it_took(till: Till, had_succeeded: bool) -> None:
    payment = top_up(till, 2000)
    if not had_succeeded:
        till.gateway.refund = lambda order: RefundOutcome(State.PENDING, order.reference, "gr", order.money)  # type: ignore[method-assign]
    refund_id = refund(till, payment, 1500)
    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(1500, "USD"))

    for _ in range(2):
        with till.services.database.unit_of_work() as session:
            record_refund_outcome(session, till.scope.merchant_id, refund_id, outcome, at=till.clock.now())

    assert credit(till) == (2000, 0)
    assert (till.status(payment), till.payment(payment).credit_granted) == ("complete", 2000)
    assert till.wrong_row() is None


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


def test_refund_of_a_payment_at_the_gateway_of_before_goes_there(till: Till) -> None:
    payment = till.pay(till.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(till.services, gateways=Moved(other, till.gateway))

    refund_payment(moved, till.scope.merchant_id, payment, 100, reason=None, actor_id="staff")

    assert [row.status for row in till.rows(Refund)] == ["succeeded"]
    assert (len(till.gateway.refunds), other.calls) == (1, [])


def test_refund_keeps_its_reason_and_refuses_one_that_must_not_be_kept(till: Till) -> None:
    payment = till.pay(till.invoice(5000))

    with pytest.raises(ContactRefused):
        refund(till, payment, 100, reason="card 4242 4242 4242 4242")
    refund(till, payment, 100, reason=" as  agreed ")
    refund(till, payment, 200, reason=" ")

    assert {row.amount: row.reason for row in till.rows(Refund)} == {100: "as agreed", 200: None}


def test_asking_for_a_refund_tells_whether_the_gateway_answered(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    asked = (till.scope.merchant_id, refund(till, payment, 100))
    assert resolve_refund(till.services, *asked) is True

    till.gateway.look_up_refund = lambda order: RefundOutcome(State.UNKNOWN, order.reference)  # type: ignore[method-assign]
    assert resolve_refund(till.services, *asked) is False
    without = replace(till.services, gateways=OneGateway(None))
    assert resolve_refund(without, *asked) is False


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


def test_refund_that_took_long_is_looked_at_as_often_afterwards(till: Till) -> None:
    payment = till.pay(till.invoice())
    till.gateway.refund = lambda order: RefundOutcome(State.PENDING, order.reference, "gr", order.money)  # type: ignore[method-assign]
    refund_id = refund(till, payment, 700)
    till.gateway.refunds[refund_id] = RefundOutcome(State.PENDING, refund_id, "gr", Money(700, "USD"))
    for _ in range(6):
        till.clock.advance(hours=1)
        check_refunds(till.services)

    till.gateway.refunds[refund_id] = replace(till.gateway.refunds[refund_id], state=State.SUCCEEDED)
    till.clock.advance(days=1)
    assert check_refunds(till.services) == 1

    looked = []
    for day in range(1, 32):
        till.clock.advance(days=1)
        if check_refunds(till.services):
            looked.append(day)
    assert looked == [1, 3, 7, 14, 30]


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


@dataclass(frozen=True)
class Moved:
    """A merchant that takes payments through another gateway now, and has kept its account at the one of before."""

    now: ScriptedGateway
    before: ScriptedGateway

    def find(self, merchant_id: str, name: str | None = None) -> Gateway | None:
        return next((each for each in (self.now, self.before) if name in (None, each.name)), None)


@pytest.mark.parametrize(("given_back", "granted"), [(2000, 0), (1500, 500), (0, 2000)])
def test_what_was_refunded_before_keeps_its_credit_and_is_proved(till: Till, given_back: int, granted: int) -> None:
    """Money in advance of 2,000, given back by the code of before, which left the credit where it was; then the migration."""
    payment = top_up(till, 2000)
    database = till.services.database
    downgrade(database, "2026_11_24_provider_inbox")
    if given_back:
        _refund_as_before(till, payment, given_back)

    upgrade(database)
    database.dispose()  # No connection goes on with what it has prepared for the tables of before.

    assert till.payment(payment).credit_granted == granted
    assert credit(till) == (2000, 0)
    assert till.wrong_row() is None


def _refund_as_before(till: Till, payment: str, amount: int) -> None:
    at, told = till.clock.now(), {"merchant": till.scope.merchant_id, "payment": payment, "amount": amount}
    refund_id = new_id("re", at)
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.text(
                "insert into refunds (merchant_id, id, payment_id, status, currency, amount, check_count, created_at, completed_at)"
                " select merchant_id, :refund, id, 'succeeded', currency, :amount, 0, created_at, created_at from payments"
                " where merchant_id = :merchant and id = :payment"
            ),
            {**told, "refund": refund_id},
        )
        session.execute(
            sa.text(
                "update payments set amount_refunded = :amount, status = :status where merchant_id = :merchant and id = :payment"
            ),
            {**told, "status": "refunded" if amount == 2000 else "partially_refunded"},
        )
        names, money = (till.scope.customer_id, payment, refund_id), Money(amount, "USD")
        begun = refund_begun(*names, money, credit_taken=Money(0, "USD"), at=at)
        post(session, till.scope.merchant_id, begun, refund_succeeded(*names, "sandbox", money, at=at))


def top_up(till: Till, amount: int) -> str:
    """Money in advance, which stands to the customer's credit."""
    allow(till, top_ups={"USD": AmountLimits(100, 5000)})
    return till.pay(top_up=True, currency="USD", amount=amount, title="Money in advance")


def late_payment(till: Till, amount: int, *, paid_meanwhile: int) -> str:
    """A payment of one invoice whose money came after it had been called off, and a part of the invoice had been paid."""
    allow(till, amount_mode="editable")
    invoice = till.invoice(amount)
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(invoice)
    cancel_payment(till.services, till.scope, payment)
    till.pay(invoice, amount=paid_meanwhile)
    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)
    return payment


def _mails(till: Till) -> list[dict[str, str]]:
    return [row.payload for row in till.rows(OutboxMessage, kind="refund_mail")]
