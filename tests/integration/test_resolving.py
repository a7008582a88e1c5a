"""Payments whose outcome is not known at once: looked up, resent, ended, and booked whenever the money comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from portal.audit.models import AuditEntry
from portal.credit.models import CustomerBalance
from portal.gateways.contract import ChargeOutcome, MethodDetails, State
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payments.errors import (
    CheckoutEnded,
)
from portal.payments.jobs import check_payments, expire_checkouts
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.outcomes import record_outcome
from portal.payments.operations.paying import cancel_payment, resolve_payment
from tests.support.actors import CUSTOMER, GATEWAY
from tests.support.paying import Killed, PayingCustomer, carry_on, killing_at
from tests.support.scripted_gateway import OneGateway, ScriptedGateway, lost


def test_lost_answer_is_processing_until_the_gateway_tells(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.gateway.answers.append(lost)

    payment = payer.pay(invoice)

    assert payer.status(payment) == "processing"
    assert payer.balance(invoice) == ("open", 0, 5000)
    payer.clock.advance(seconds=11)
    assert check_payments(payer.services) == 1
    assert payer.status(payment) == "complete"
    assert payer.gateway.captured == [payment]


def test_order_that_never_arrived_is_resent_under_the_same_reference(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.intent_committed")))
    assert payer.gateway.ledger == {}

    payer.clock.advance(seconds=11)
    carry_on(payer)

    assert payer.gateway.captured == [payment]
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_absent_order_is_not_resent_while_it_may_be_in_flight(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.send_claimed")))

    payer.clock.advance(seconds=5)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert ("charge", payment) not in payer.gateway.calls
    assert payer.status(payment) == "processing"


@pytest.mark.parametrize(
    "label",
    [
        "payment.intent_written",
        "payment.intent_committed",
        "payment.send_claimed",
        "payment.gateway_answered",
        "payment.outcome_recorded",
    ],
)
@pytest.mark.parametrize("retried_by", ["customer", "worker"])
@pytest.mark.parametrize("answer", [State.SUCCEEDED, State.FAILED])
def test_killed_anywhere_ends_with_one_truth(payer: PayingCustomer, label: str, retried_by: str, answer: State) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    payer.gateway.becomes.append(answer)
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at(label)))

    payer.clock.advance(seconds=15)
    if retried_by == "customer" or label == "payment.intent_written":
        payer.confirm(payment)
    carry_on(payer)

    expected = {State.SUCCEEDED: ("complete", ("paid", 5000, 0)), State.FAILED: ("failed", ("open", 0, 0))}[answer]
    assert (payer.status(payment), payer.balance(invoice)) == expected
    assert list(payer.gateway.ledger) == [payment]


def test_unconfirmed_checkout_reserves_nothing_and_is_abandoned_after_its_hours(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    assert payer.balance(invoice) == ("open", 0, 0)

    payer.clock.advance(hours=3, seconds=1)
    assert expire_checkouts(payer.services) == 1

    assert payer.status(payment) == "abandoned"
    with pytest.raises(CheckoutEnded):
        payer.confirm(payment)


def test_two_workers_end_each_checkout_once(payer: PayingCustomer) -> None:
    payments = [payer.checkout(payer.invoice()) for _ in range(5)]
    payer.clock.advance(hours=3, seconds=1)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: expire_checkouts(payer.services), range(3)))

    assert sum(counts) == 5
    assert {payer.status(payment) for payment in payments} == {"abandoned"}


def test_checkout_that_is_cancelled_while_the_worker_waits_for_it_stays_cancelled(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    payer.clock.advance(hours=3, seconds=1)
    database = payer.services.database
    has_read = threading.Event()
    event.listen(database.reader, "after_cursor_execute", lambda *_: has_read.set())

    with ThreadPoolExecutor(1) as pool:
        with database.unit_of_work() as session:
            end_checkout(
                session,
                lock_payment(session, payer.scope.merchant_id, payment),
                "canceled",
                actor=CUSTOMER,
                at=payer.clock.now(),
            )
            session.flush()
            ended = pool.submit(expire_checkouts, payer.services)
            assert has_read.wait(10)
        assert ended.result(10) == 0

    assert payer.status(payment) == "canceled"


def test_page_left_open_is_abandoned_and_closed_at_the_gateway(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")

    payer.clock.advance(hours=3, seconds=1)
    check_payments(payer.services)

    assert payer.status(payment) == "abandoned"
    assert ("cancel", payment) in payer.gateway.calls
    assert payer.balance(invoice) == ("open", 0, 0)


def test_bank_transfer_entered_on_the_gateways_page_is_not_called_off(payer: PayingCustomer) -> None:
    """Nobody came back, and its event was lost: that it is a transfer is known from the very lookup after the three hours."""
    payment = payer.pay(payer.invoice(), method="new")
    payer.clock.advance(hours=2, minutes=50)
    payer.gateway.pay_page(payment, State.PENDING)
    account = MethodDetails("bank_account", last4="0001", bank_name="Acme Bank")
    payer.gateway.ledger[payment] = replace(payer.gateway.ledger[payment], method=account)

    payer.clock.advance(hours=2)
    check_payments(payer.services)

    assert payer.status(payment) == "pending"
    assert ("cancel", payment) not in payer.gateway.calls


def test_success_after_we_gave_up_still_pays_the_invoice(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)

    outcome = ChargeOutcome(State.SUCCEEDED, payment, "ch_late", Money(5000, "USD"))
    with payer.services.database.unit_of_work() as session:
        record_outcome(session, payer.scope.merchant_id, payment, outcome, actor=GATEWAY, at=payer.clock.now())

    assert payer.status(payment) == "complete"
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_money_that_came_twice_is_the_customers_credit(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    late = payer.pay(invoice, method="new")
    cancel_payment(payer.services, payer.scope, late, actor=CUSTOMER)
    payer.pay(invoice)

    outcome = ChargeOutcome(State.SUCCEEDED, late, "ch_late", Money(5000, "USD"))
    with payer.services.database.unit_of_work() as session:
        record_outcome(session, payer.scope.merchant_id, late, outcome, actor=GATEWAY, at=payer.clock.now())

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert [(credit.amount, credit.customer_id) for credit in payer.rows(CustomerBalance)] == [
        (5000, payer.scope.customer_id)
    ]


def test_same_outcome_recorded_again_changes_nothing(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice)
    before = (payer.payment(payment).version, len(payer.rows(OutboxMessage)), len(payer.rows(AuditEntry)))

    with payer.services.database.unit_of_work() as session:
        record_outcome(
            session,
            payer.scope.merchant_id,
            payment,
            payer.gateway.ledger[payment],
            actor=GATEWAY,
            at=payer.clock.now(),
        )

    assert (payer.payment(payment).version, len(payer.rows(OutboxMessage)), len(payer.rows(AuditEntry))) == before
    assert payer.balance(invoice) == ("paid", 5000, 0)


@pytest.mark.parametrize(
    "foreign", [{"money": Money(1, "USD")}, {"money": Money(5000, "EUR")}, {"money": None}, {"reference": "pay_other"}]
)
def test_success_for_other_money_is_quarantined(payer: PayingCustomer, foreign: dict[str, object]) -> None:
    invoice = payer.invoice()
    payer.gateway.answers.append(lambda truth: replace(truth, **foreign))  # type: ignore[arg-type]

    payment = payer.pay(invoice)

    assert payer.status(payment) == "processing"
    assert payer.balance(invoice) == ("open", 0, 5000)
    assert "payment.outcome_contradicted" in [entry.action for entry in payer.rows(AuditEntry)]
    assert payer.payment(payment).gateway_reference is None


def test_failure_reported_after_success_changes_nothing(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice)

    with payer.services.database.unit_of_work() as session:
        record_outcome(
            session,
            payer.scope.merchant_id,
            payment,
            ChargeOutcome(State.FAILED, payment),
            actor=GATEWAY,
            at=payer.clock.now(),
        )

    assert payer.status(payment) == "complete"
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_unknown_outcome_is_looked_up_on_schedule(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    waits = []
    payer.gateway.look_ups = [lost] * 6
    for _ in range(6):
        due = payer.payment(payment).next_check_at
        assert due is not None
        waits.append(due - payer.clock.now())
        payer.clock.move_to(due)
        check_payments(payer.services)

    assert waits == [
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=3, seconds=20),  # At ten minutes: what the gateway does not know then has never arrived.
        timedelta(minutes=15),
    ]
    assert payer.status(payment) == "processing"


def test_look_up_that_fails_keeps_the_way_to_the_gateways_page(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new")
    page = payer.payment(payment).action_url
    payer.gateway.look_ups.append(lost)

    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert (payer.status(payment), payer.payment(payment).action_url) == ("requires_action", page)


def test_another_gateway_is_never_called_nor_sent_the_order_anew(payer: PayingCustomer) -> None:
    """The merchant changed its gateway: the new one has never heard of the payment, and would charge a second time."""
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    other = ScriptedGateway(name="other")
    moved = replace(payer.services, gateways=OneGateway(other))

    payer.clock.advance(seconds=11)
    check_payments(moved)
    cancel_payment(moved, payer.scope, payment, actor=CUSTOMER)

    assert other.calls == []
    assert payer.status(payment) == "processing"


def test_checkout_of_another_gateway_is_not_confirmed(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    other = ScriptedGateway(name="other")

    with pytest.raises(CheckoutEnded):
        payer.confirm(payment, services=replace(payer.services, gateways=OneGateway(other)))

    assert other.calls == []
    assert payer.balance(invoice) == ("open", 0, 0)
