"""Refunds: never more than was captured, and each ends in the truth."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.audit.models import AuditEntry
from portal.contacts import ContactRefused
from portal.gateways.contract import Gateway, RefundOutcome, RefundRequest, State
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.refunds.errors import NotRefundable, RefundTooLarge
from portal.refunds.jobs import check_refunds
from portal.refunds.models import Refund
from portal.refunds.operations import record_refund_outcome, refund_payment, resolve_refund
from tests.support.actors import GATEWAY, STAFF
from tests.support.paying import PayingCustomer, refund_as_staff
from tests.support.scripted_gateway import OneGateway, ScriptedGateway


def test_refund_in_part_and_then_the_rest(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))

    version = payer.payment(payment).version
    payer.clock.advance(minutes=5)
    refund_as_staff(payer, payment, 1500)
    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("partially_refunded", 1500)
    assert (payer.payment(payment).version, payer.payment(payment).updated_at) == (version + 1, payer.clock.now())
    refund_as_staff(payer, payment, 3500)

    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("refunded", 5000)
    assert [row.status for row in payer.rows(Refund)] == ["complete", "complete"]
    assert sorted(act.details["amount"] for act in payer.rows(AuditEntry, action="refund.created")) == [1500, 3500]


@pytest.mark.parametrize("amount", [5001, 0, -1])
def test_refund_out_of_range_is_refused_before_the_gateway(payer: PayingCustomer, amount: int) -> None:
    payment = payer.pay(payer.invoice(5000))

    with pytest.raises(RefundTooLarge):
        refund_as_staff(payer, payment, amount)

    assert payer.gateway.refunds == {} and payer.rows(Refund) == []


def test_nothing_is_refunded_of_what_was_not_captured(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.FAILED)
    payment = payer.pay(payer.invoice())

    with pytest.raises(NotRefundable):
        refund_as_staff(payer, payment, 100)


def test_full_refunds_at_once_give_back_once(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    refused: list[Exception] = []

    def refund_all() -> None:
        try:
            refund_as_staff(payer, payment, 5000)
        except RefundTooLarge as fault:
            refused.append(fault)

    threads = [threading.Thread(target=refund_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(payer.gateway.refunds) == 1 and len(refused) == 5
    assert payer.payment(payment).amount_refunded == 5000


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_refund_from_ending(payer: PayingCustomer, garbage: str) -> None:
    payment = payer.pay(payer.invoice(5000))
    payer.gateway.refund = lambda request: RefundOutcome(  # type: ignore[method-assign]
        State.FAILED, request.reference, f"gr{garbage}", request.money, f"lost{garbage}"
    )

    refund_as_staff(payer, payment, 5000)

    (row,) = payer.rows(Refund)
    assert (row.status, row.failure_code, row.gateway_reference) == ("failed", "lost", None)


def test_refund_that_fails_later_gives_its_amount_back(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    payer.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_id = refund_as_staff(payer, payment, 5000)
    assert payer.status(payment) == "refunded"

    payer.gateway.refunds[refund_id] = RefundOutcome(
        State.FAILED, refund_id, "gr", Money(5000, "USD"), "closed_account"
    )
    payer.clock.advance(seconds=11)
    assert check_refunds(payer.services) == 1

    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("complete", 0)


def test_refund_that_never_arrived_is_resent_under_its_reference(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    really = payer.gateway.refund
    payer.gateway.refund = lambda request: RefundOutcome(State.UNKNOWN, request.reference)  # type: ignore[method-assign]
    refund_id = refund_as_staff(payer, payment, 700)
    payer.gateway.refund = really  # type: ignore[method-assign]

    payer.clock.advance(seconds=11)
    check_refunds(payer.services)
    assert payer.gateway.refunds == {}, "it may still be on its way"
    payer.clock.advance(seconds=49)
    assert resolve_refund(payer.services, payer.scope.merchant_id, refund_id), "a minute has gone by"

    assert list(payer.gateway.refunds) == [refund_id]
    assert [row.status for row in payer.rows(Refund)] == ["complete"]


def test_two_who_ask_at_once_give_a_refund_again_once(payer: PayingCustomer) -> None:
    """Not every gateway knows an order by its reference: a worker, and another because of an event, both hear of nothing."""
    payment = payer.pay(payer.invoice(5000))
    requests = lose_refunds(payer)
    refund_id = refund_as_staff(payer, payment, 700)
    payer.clock.advance(minutes=2)
    both_heard = threading.Barrier(2)
    really = payer.gateway.look_up_refund

    def look_up(request: RefundRequest) -> RefundOutcome:
        outcome = really(request)
        both_heard.wait(10)
        return outcome

    payer.gateway.look_up_refund = look_up  # type: ignore[method-assign]
    arguments = (payer.services, payer.scope.merchant_id, refund_id)
    threads = [threading.Thread(target=resolve_refund, args=arguments) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert requests == [refund_id] * 2, "once by whoever gave it first, and once again"


def test_answer_from_before_a_refund_was_resent_sends_it_no_third_time(payer: PayingCustomer) -> None:
    """One lookup was held up for more than a minute, in which another caller resent the refund."""
    payment = payer.pay(payer.invoice(5000))
    requests = lose_refunds(payer)
    refund_id = refund_as_staff(payer, payment, 700)
    payer.clock.advance(minutes=2)
    really = payer.gateway.look_up_refund

    def look_up_slowly(request: RefundRequest) -> RefundOutcome:
        outcome = really(request)
        payer.gateway.look_up_refund = really  # type: ignore[method-assign]
        resolve_refund(payer.services, payer.scope.merchant_id, refund_id)
        payer.clock.advance(minutes=2)
        return outcome

    payer.gateway.look_up_refund = look_up_slowly  # type: ignore[method-assign]
    resolve_refund(payer.services, payer.scope.merchant_id, refund_id)

    assert requests == [refund_id] * 2


def test_refund_that_succeeds_after_it_had_failed_is_shown_to_a_person(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    refund_id = refund_as_staff(payer, payment, 700)
    for state in (State.FAILED, State.SUCCEEDED):
        outcome = RefundOutcome(state, refund_id, "gr", Money(700, "USD"))
        with payer.services.database.unit_of_work() as session:
            record_refund_outcome(
                session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now()
            )

    (act,) = payer.rows(AuditEntry, action="refund.outcome_contradicted")
    assert (act.object_id, act.actor_type, act.actor_id) == (refund_id, "gateway", "sandbox")
    assert payer.payment(payment).amount_refunded == 0
    assert payer.wrong_row() is None


def test_same_outcome_of_a_refund_again_changes_nothing(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    refund_id = refund_as_staff(payer, payment, 700)

    outcome = RefundOutcome(State.SUCCEEDED, refund_id, "gr", Money(700, "USD"))
    with payer.services.database.unit_of_work() as session:
        record_refund_outcome(session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now())

    assert payer.payment(payment).amount_refunded == 700
    assert payer.wrong_row() is None


def test_refund_that_comes_back_after_it_was_called_done_is_the_payments_again(payer: PayingCustomer) -> None:
    """Threats 118: the bank did not take it, days after the gateway had said that it succeeded."""
    payment = payer.pay(payer.invoice(5000))
    refund_id = refund_as_staff(payer, payment, 700)
    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(700, "USD"))

    for _ in range(2):
        with payer.services.database.unit_of_work() as session:
            record_refund_outcome(
                session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now()
            )

    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("complete", 0)
    assert payer.wrong_row() is None


def test_refund_order_carries_the_gateways_own_charge(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    requests: list[RefundRequest] = []
    really = payer.gateway.refund

    def remember(request: RefundRequest) -> RefundOutcome:
        requests.append(request)
        return really(request)

    payer.gateway.refund = remember  # type: ignore[method-assign]
    refund_as_staff(payer, payment, 700)

    assert [request.charge for request in requests] == [f"ch_{payment}"]


def test_refunded_invoice_stays_paid(payer: PayingCustomer) -> None:
    """A refund is money sent back, not an invoice reopened: what is owed again is the merchant's to say."""
    invoice = payer.invoice(5000)
    payment = payer.pay(invoice)
    refund_as_staff(payer, payment, 5000)

    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_refund_at_another_gateway_than_the_payments_is_refused(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(payer.services, gateways=OneGateway(other))

    with pytest.raises(NotRefundable):
        refund_payment(moved, payer.scope.merchant_id, payment, 100, reason=None, actor=STAFF)

    assert other.calls == []


def test_refund_of_a_payment_at_the_gateway_of_before_goes_there(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(payer.services, gateways=Moved(other, payer.gateway))

    refund_payment(moved, payer.scope.merchant_id, payment, 100, reason=None, actor=STAFF)

    assert [row.status for row in payer.rows(Refund)] == ["complete"]
    assert (len(payer.gateway.refunds), other.calls) == (1, [])


def test_refund_keeps_its_reason_and_refuses_one_that_must_not_be_kept(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))

    with pytest.raises(ContactRefused):
        refund_as_staff(payer, payment, 100, reason="card 4242 4242 4242 4242")
    refund_as_staff(payer, payment, 100, reason=" as  agreed ")
    refund_as_staff(payer, payment, 200, reason=" ")

    assert {row.amount: row.reason for row in payer.rows(Refund)} == {100: "as agreed", 200: None}


def test_asking_for_a_refund_tells_whether_the_gateway_answered(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    ids = (payer.scope.merchant_id, refund_as_staff(payer, payment, 100))
    assert resolve_refund(payer.services, *ids) is True

    payer.gateway.look_up_refund = lambda request: RefundOutcome(State.UNKNOWN, request.reference)  # type: ignore[method-assign]
    assert resolve_refund(payer.services, *ids) is False
    without = replace(payer.services, gateways=OneGateway(None))
    assert resolve_refund(without, *ids) is False


def test_refund_that_was_called_done_is_looked_at_again_for_a_month(payer: PayingCustomer) -> None:
    """The bank sent it back after ten days, and the event that reported it was lost."""
    payment = payer.pay(payer.invoice())
    refund_id = refund_as_staff(payer, payment, 700)
    looked = []
    for day in range(1, 40):
        payer.clock.advance(days=1)
        if day == 10:
            outcome = payer.gateway.refunds[refund_id]
            payer.gateway.refunds[refund_id] = replace(outcome, state=State.FAILED)
        if check_refunds(payer.services):
            looked.append(day)

    assert looked == [1, 3, 7, 14]
    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("complete", 0)
    assert payer.wrong_row() is None


def test_refund_that_took_long_is_looked_at_as_often_afterwards(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    payer.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_id = refund_as_staff(payer, payment, 700)
    payer.gateway.refunds[refund_id] = RefundOutcome(State.PENDING, refund_id, "gr", Money(700, "USD"))
    for _ in range(6):
        payer.clock.advance(hours=1)
        check_refunds(payer.services)

    payer.gateway.refunds[refund_id] = replace(payer.gateway.refunds[refund_id], state=State.SUCCEEDED)
    payer.clock.advance(days=1)
    assert check_refunds(payer.services) == 1

    looked = []
    for day in range(1, 32):
        payer.clock.advance(days=1)
        if check_refunds(payer.services):
            looked.append(day)
    assert looked == [1, 3, 7, 14, 30]


def test_refund_that_was_reported_complete_is_never_resent(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    refund_as_staff(payer, payment, 700)
    payer.gateway.refunds.clear()

    payer.clock.advance(days=1)
    assert check_refunds(payer.services) == 1

    assert payer.gateway.refunds == {}
    assert payer.payment(payment).amount_refunded == 700


def test_customer_is_written_to_when_a_refund_is_made_and_when_it_comes_back(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    refund_id = refund_as_staff(payer, payment, 700)
    assert [(mail["type"], mail["object"]) for mail in _mails(payer)] == [("refund.complete", refund_id)]

    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(700, "USD"))
    for _ in range(2):
        with payer.services.database.unit_of_work() as session:
            record_refund_outcome(
                session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now()
            )

    assert sorted(mail["type"] for mail in _mails(payer)) == ["refund.complete", "refund.failed"]


def test_refund_that_never_left_is_not_written_about(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    payer.gateway.refund = lambda request: RefundOutcome(State.FAILED, request.reference)  # type: ignore[method-assign]

    refund_as_staff(payer, payment, 700)

    assert _mails(payer) == []


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
def test_no_sequence_of_refunds_gives_back_more_than_came(
    payer: PayingCustomer, story: list[tuple[int, State, State]]
) -> None:
    """Each refund with the gateway's first word and its last, which may take the first back."""
    payment = payer.pay(payer.invoice(5000))
    given_back = 0
    for amount, first, last in story:
        payer.gateway.refund = lambda request, state=first: RefundOutcome(state, request.reference, None, request.money)  # type: ignore[method-assign, misc]
        try:
            refund_id = refund_as_staff(payer, payment, amount)
        except RefundTooLarge:
            continue
        with payer.services.database.unit_of_work() as session:
            outcome = RefundOutcome(last, refund_id, None, Money(amount, "USD"))
            record_refund_outcome(
                session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now()
            )
        (row,) = payer.rows(Refund, id=refund_id)
        given_back += amount if row.status != "failed" else 0

        assert payer.payment(payment).amount_refunded == given_back <= 5000
        assert payer.wrong_row() is None


def lose_refunds(payer: PayingCustomer) -> list[str]:
    """No order to refund reaches the gateway; gives the references of those that were sent, one for each time."""
    requests: list[str] = []

    def lose(request: RefundRequest) -> RefundOutcome:
        requests.append(request.reference)
        return RefundOutcome(State.UNKNOWN, request.reference)

    payer.gateway.refund = lose  # type: ignore[method-assign]
    return requests


@dataclass(frozen=True)
class Moved:
    """A merchant that takes payments through another gateway now, and has kept its account at the one of before."""

    now: ScriptedGateway
    before: ScriptedGateway

    def find(self, merchant_id: str) -> Gateway | None:
        return self.now

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        return next((each for each in (self.now, self.before) if name == each.name), None)


def _mails(payer: PayingCustomer) -> list[dict[str, str]]:
    return [row.payload for row in payer.rows(OutboxMessage, kind="refund_mail")]
