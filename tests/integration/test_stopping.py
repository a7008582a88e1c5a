"""Stopping a payment that waits at its gateway: the request is kept until the gateway has answered, whoever makes the call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from portal.audit.models import AuditEntry
from portal.gateway_calls import Call, NoTurns
from portal.gateways.contract import State
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import cancel_payment, resolve_payment
from tests.support.paying import Killed, PayingCustomer, killing_at
from tests.support.scripted_gateway import lost


@dataclass
class NoThread(NoTurns):
    """A server that has no thread free for a call: it is not made."""

    calls: list[Call] = field(default_factory=list)

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        self.calls.append(call)

    def ask(self, subject: str, call: Call) -> None:
        self.calls.append(call)


@pytest.fixture
def payment(payer: PayingCustomer) -> str:
    """A payment that waits on the gateway's page."""
    return payer.pay(payer.invoice(), method="new")


def stop(payer: PayingCustomer, payment: str, **changes: object) -> str:
    return cancel_payment(replace(payer.services, **changes), payer.scope, payment, actor=payer.actor)  # type: ignore[arg-type]


def cancellations(payer: PayingCustomer) -> int:
    return sum(name == "cancel" for name, _ in payer.gateway.calls)


def canceled_by(payer: PayingCustomer, payment: str) -> list[tuple[str, str | None]]:
    rows = payer.rows(AuditEntry, object_id=payment, action="payment.canceled")
    return [(row.actor_type, row.actor_id) for row in rows]


def test_stop_for_which_no_thread_is_free_is_carried_out_by_the_worker_within_seconds(
    payer: PayingCustomer, payment: str
) -> None:
    assert stop(payer, payment, calls=NoThread()) == "requires_action"
    assert cancellations(payer) == 0

    payer.clock.advance(seconds=3)
    check_payments(payer.services)

    assert payer.status(payment) == "canceled"
    assert payer.payment(payment).failure_code == "page_canceled"
    assert canceled_by(payer, payment) == [("customer", payer.scope.customer_id)]
    assert payer.gateway.captured == []


def test_call_that_comes_after_the_worker_has_stopped_it_changes_nothing(payer: PayingCustomer, payment: str) -> None:
    late = NoThread()
    stop(payer, payment, calls=late)
    payer.clock.advance(seconds=3)
    check_payments(payer.services)

    late.calls.pop()()

    assert payer.status(payment) == "canceled"
    assert len(canceled_by(payer, payment)) == 1


def test_process_that_dies_after_the_request_was_stored_has_it_carried_out(payer: PayingCustomer, payment: str) -> None:
    with pytest.raises(Killed):
        stop(payer, payment, crash_point=killing_at("payment.stop_requested"))

    payer.clock.advance(seconds=3)
    check_payments(payer.services)

    assert payer.status(payment) == "canceled"


def test_process_that_dies_after_the_gateway_canceled_leaves_the_customers_act(
    payer: PayingCustomer, payment: str
) -> None:
    with pytest.raises(Killed):
        stop(payer, payment, crash_point=killing_at("payment.cancel_answered"))

    payer.clock.advance(seconds=3)
    check_payments(payer.services)

    assert payer.status(payment) == "canceled"
    assert canceled_by(payer, payment) == [("customer", payer.scope.customer_id)]
    assert cancellations(payer) == 1


def test_stop_that_the_gateway_does_not_answer_is_tried_again(payer: PayingCustomer, payment: str) -> None:
    payer.gateway.cancels = ["lost", "lost"]

    assert stop(payer, payment) == "requires_action"
    payer.clock.advance(seconds=3)
    check_payments(payer.services)
    assert payer.status(payment) == "requires_action"
    payer.clock.advance(seconds=30)
    check_payments(payer.services)

    assert payer.status(payment) == "canceled"
    assert cancellations(payer) == 3


def test_stop_that_the_gateway_refuses_is_over(payer: PayingCustomer, payment: str) -> None:
    payer.gateway.pay_page(payment, State.PENDING)
    payer.gateway.cancels.append("refused")
    stop(payer, payment)

    payer.clock.advance(minutes=2)
    check_payments(payer.services)

    assert payer.status(payment) == "pending"
    assert payer.payment(payment).stop_requested_at is None
    assert cancellations(payer) == 1


def test_payment_that_was_paid_before_it_could_be_stopped_is_paid(payer: PayingCustomer, payment: str) -> None:
    stop(payer, payment, calls=NoThread())
    payer.gateway.pay_page(payment)

    payer.clock.advance(seconds=3)
    check_payments(payer.services)

    assert payer.status(payment) == "complete"
    assert cancellations(payer) == 0


def test_page_that_is_loaded_before_the_worker_comes_carries_the_stop_out(payer: PayingCustomer, payment: str) -> None:
    stop(payer, payment, calls=NoThread())

    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.status(payment) == "canceled"


def test_payment_whose_outcome_is_unknown_is_not_stopped(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())

    assert stop(payer, payment) == "processing"

    assert payer.payment(payment).stop_requested_at is None


def test_stop_of_a_payment_that_has_ended_stores_nothing(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())

    assert stop(payer, payment) == "complete"

    assert payer.payment(payment).stop_requested_at is None
