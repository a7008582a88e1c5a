"""Payments whose outcome is not known at once: asked for, given again, given up, and booked whenever the money comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from portal.audit.models import AuditEntry
from portal.credit.models import CustomerBalance
from portal.gateways.contract import ChargeOutcome, MethodDetails, State
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod
from portal.payments.errors import (
    CheckoutEnded,
)
from portal.payments.jobs import check_payments, expire_checkouts
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.outcomes import record_outcome
from portal.payments.operations.paying import cancel_payment, resolve_payment
from tests.support.actors import CUSTOMER, GATEWAY
from tests.support.paying import Killed, Till, killing_at
from tests.support.scripted_gateway import OneGateway, ScriptedGateway, lost


def test_lost_answer_is_processing_until_the_gateway_tells(till: Till) -> None:
    invoice = till.invoice()
    till.gateway.answers.append(lost)

    payment = till.pay(invoice)

    assert till.status(payment) == "processing"
    assert till.balance(invoice) == ("open", 0, 5000)
    till.clock.advance(seconds=11)
    assert check_payments(till.services) == 1
    assert till.status(payment) == "complete"
    assert till.gateway.captured == [payment]


def test_order_that_never_arrived_is_given_again_under_the_same_reference(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    with pytest.raises(Killed):
        till.confirm(payment, services=till.with_crash_point(killing_at("payment.intent_committed")))
    assert till.gateway.ledger == {}

    till.clock.advance(seconds=11)
    check_payments(till.services)

    assert till.gateway.captured == [payment]
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_absent_order_is_not_given_again_while_it_may_be_on_its_way(till: Till) -> None:
    payment = till.checkout(till.invoice())
    with pytest.raises(Killed):
        till.confirm(payment, services=till.with_crash_point(killing_at("payment.intent_committed")))

    till.clock.advance(seconds=5)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert ("charge", payment) not in till.gateway.calls
    assert till.status(payment) == "processing"


@pytest.mark.parametrize(
    "label",
    ["payment.intent_written", "payment.intent_committed", "payment.gateway_answered", "payment.outcome_recorded"],
)
@pytest.mark.parametrize("retried_by", ["customer", "worker"])
@pytest.mark.parametrize("answer", [State.SUCCEEDED, State.FAILED])
def test_killed_anywhere_ends_with_one_truth(till: Till, label: str, retried_by: str, answer: State) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    till.gateway.becomes.append(answer)
    with pytest.raises(Killed):
        till.confirm(payment, services=till.with_crash_point(killing_at(label)))

    till.clock.advance(seconds=15)
    if retried_by == "customer" or label == "payment.intent_written":
        till.confirm(payment)
    check_payments(till.services)

    told = {State.SUCCEEDED: ("complete", ("paid", 5000, 0)), State.FAILED: ("failed", ("open", 0, 0))}[answer]
    assert (till.status(payment), till.balance(invoice)) == told
    assert list(till.gateway.ledger) == [payment]


def test_never_sent_payment_expires_and_frees_the_invoice(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    with pytest.raises(Killed):
        till.confirm(payment, services=till.with_crash_point(killing_at("payment.intent_committed")))

    till.clock.advance(hours=3, seconds=1)
    check_payments(till.services)

    assert till.status(payment) == "expired"
    assert till.balance(invoice) == ("open", 0, 0)
    assert till.gateway.ledger == {}


def test_unconfirmed_checkout_reserves_nothing_and_is_abandoned_after_its_hours(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    assert till.balance(invoice) == ("open", 0, 0)

    till.clock.advance(hours=3, seconds=1)
    assert expire_checkouts(till.services) == 1

    assert till.status(payment) == "abandoned"
    with pytest.raises(CheckoutEnded):
        till.confirm(payment)


def test_two_workers_end_each_checkout_once(till: Till) -> None:
    payments = [till.checkout(till.invoice()) for _ in range(5)]
    till.clock.advance(hours=3, seconds=1)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: expire_checkouts(till.services), range(3)))

    assert sum(counts) == 5
    assert {till.status(payment) for payment in payments} == {"abandoned"}


def test_checkout_that_is_cancelled_while_the_worker_waits_for_it_stays_cancelled(till: Till) -> None:
    payment = till.checkout(till.invoice())
    till.clock.advance(hours=3, seconds=1)
    database = till.services.database
    has_read = threading.Event()
    event.listen(database.reader, "after_cursor_execute", lambda *_: has_read.set())

    with ThreadPoolExecutor(1) as pool, database.unit_of_work() as session:
        end_checkout(
            session,
            lock_payment(session, till.scope.merchant_id, payment),
            "canceled",
            actor=CUSTOMER,
            at=till.clock.now(),
        )
        session.flush()
        ended = pool.submit(expire_checkouts, till.services)
        assert has_read.wait(10)
        session.commit()
        assert ended.result(10) == 0

    assert till.status(payment) == "canceled"


def test_page_left_open_is_abandoned_and_closed_at_the_gateway(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")

    till.clock.advance(hours=3, seconds=1)
    check_payments(till.services)

    assert till.status(payment) == "abandoned"
    assert ("cancel", payment) in till.gateway.calls
    assert till.balance(invoice) == ("open", 0, 0)


def test_bank_transfer_entered_on_the_gateways_page_is_not_called_off(till: Till) -> None:
    """Nobody came back, and its event was lost: that it is a transfer is told by the very answer after the three hours."""
    payment = till.pay(till.invoice(), method="new")
    till.clock.advance(hours=2, minutes=50)
    till.gateway.pay_page(payment, State.PENDING)
    account = MethodDetails("bank_account", last4="0001", bank_name="Acme Bank")
    till.gateway.ledger[payment] = replace(till.gateway.ledger[payment], method=account)

    till.clock.advance(hours=2)
    check_payments(till.services)

    assert till.status(payment) == "pending"
    assert ("cancel", payment) not in till.gateway.calls


def test_success_after_we_gave_up_still_pays_the_invoice(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)

    outcome = ChargeOutcome(State.SUCCEEDED, payment, "ch_late", Money(5000, "USD"))
    with till.services.database.unit_of_work() as session:
        record_outcome(session, till.scope.merchant_id, payment, outcome, actor=GATEWAY, at=till.clock.now())

    assert till.status(payment) == "complete"
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_money_that_came_twice_is_the_customers_credit(till: Till) -> None:
    invoice = till.invoice()
    late = till.pay(invoice, method="new")
    cancel_payment(till.services, till.scope, late, actor=CUSTOMER)
    till.pay(invoice)

    outcome = ChargeOutcome(State.SUCCEEDED, late, "ch_late", Money(5000, "USD"))
    with till.services.database.unit_of_work() as session:
        record_outcome(session, till.scope.merchant_id, late, outcome, actor=GATEWAY, at=till.clock.now())

    assert till.balance(invoice) == ("paid", 5000, 0)
    assert [(credit.amount, credit.customer_id) for credit in till.rows(CustomerBalance)] == [
        (5000, till.scope.customer_id)
    ]


def test_same_outcome_recorded_again_changes_nothing(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice)
    before = (till.payment(payment).version, len(till.rows(OutboxMessage)), len(till.rows(AuditEntry)))

    with till.services.database.unit_of_work() as session:
        record_outcome(
            session, till.scope.merchant_id, payment, till.gateway.ledger[payment], actor=GATEWAY, at=till.clock.now()
        )

    assert (till.payment(payment).version, len(till.rows(OutboxMessage)), len(till.rows(AuditEntry))) == before
    assert till.balance(invoice) == ("paid", 5000, 0)


@pytest.mark.parametrize(
    "foreign", [{"money": Money(1, "USD")}, {"money": Money(5000, "EUR")}, {"money": None}, {"reference": "pay_other"}]
)
def test_success_for_other_money_is_quarantined(till: Till, foreign: dict[str, object]) -> None:
    invoice = till.invoice()
    till.gateway.answers.append(lambda truth: replace(truth, **foreign))  # type: ignore[arg-type]

    payment = till.pay(invoice)

    assert till.status(payment) == "processing"
    assert till.balance(invoice) == ("open", 0, 5000)
    assert "payment.outcome_contradicted" in [entry.action for entry in till.rows(AuditEntry)]
    assert till.payment(payment).gateway_reference is None


def test_failure_told_after_success_changes_nothing(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice)

    with till.services.database.unit_of_work() as session:
        record_outcome(
            session,
            till.scope.merchant_id,
            payment,
            ChargeOutcome(State.FAILED, payment),
            actor=GATEWAY,
            at=till.clock.now(),
        )

    assert till.status(payment) == "complete"
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_unknown_outcome_is_asked_for_on_schedule(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    asked = []
    till.gateway.look_ups = [lost] * 6
    for _ in range(6):
        due = till.payment(payment).next_check_at
        assert due is not None
        asked.append(due - till.clock.now())
        till.clock.move_to(due)
        check_payments(till.services)

    assert asked == [
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
    ]
    assert till.status(payment) == "processing"


def test_order_whose_method_was_removed_is_not_given_again(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    with pytest.raises(Killed):
        till.confirm(payment, services=till.with_crash_point(killing_at("payment.intent_committed")))
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == till.scope.merchant_id, PaymentMethod.id == till.method_id)
            .values(status="removed", is_default=False)
        )

    till.clock.advance(seconds=11)
    check_payments(till.services)
    assert till.status(payment) == "processing"
    till.clock.advance(hours=3)
    check_payments(till.services)

    assert till.gateway.ledger == {}
    assert (till.status(payment), till.balance(invoice)) == ("expired", ("open", 0, 0))


def test_look_up_that_fails_keeps_the_way_to_the_gateways_page(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")
    page = till.payment(payment).action_url
    till.gateway.look_ups.append(lost)

    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert (till.status(payment), till.payment(payment).action_url) == ("requires_action", page)


def test_another_gateway_is_never_asked_nor_given_the_order_anew(till: Till) -> None:
    """The merchant changed its gateway: the new one has never heard of the payment, and would charge a second time."""
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(till.services, gateways=OneGateway(other))

    till.clock.advance(seconds=11)
    check_payments(moved)
    cancel_payment(moved, till.scope, payment, actor=CUSTOMER)

    assert other.calls == []
    assert till.status(payment) == "processing"


def test_checkout_of_another_gateway_is_not_confirmed(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    other = ScriptedGateway(name="other")

    with pytest.raises(CheckoutEnded):
        till.confirm(payment, services=replace(till.services, gateways=OneGateway(other)))

    assert other.calls == []
    assert till.balance(invoice) == ("open", 0, 0)
