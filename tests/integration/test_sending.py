"""When a confirmed payment is sent: once, within ten minutes of the press or never, by whoever carries it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.gateway_calls import Call, NoTurns
from portal.gateways.contract import ChargeOutcome, State
from portal.payment_methods.models import PaymentMethod
from portal.payments.jobs import check_payments, send_payments
from portal.payments.models import Payment
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.payments.operations.sending import end_unsent, record, send_payment
from portal.tenancy import Scope
from portal.worker import JOBS, ORDERS, Job, run_forever
from tests.support.actors import GATEWAY
from tests.support.customers import insert_method
from tests.support.paying import Killed, PayingCustomer, carry_on, credit, grant_credit, killing_at
from tests.support.scripted_gateway import OneGateway, ScriptedGateway, lost
from tests.support.waiting import wait_for


@dataclass
class LeftOver(NoTurns):
    """Calls that nobody makes for now: the threads of the server are spared, and the worker is the net."""

    calls: list[Call] = field(default_factory=list)

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        self.calls.append(call)

    def ask(self, subject: str, call: Call) -> None:
        self.calls.append(call)


def confirm_unsent(payer: PayingCustomer, payment: str) -> LeftOver:
    """Press Pay while the server has no thread for the call."""
    left_over = LeftOver()
    payer.confirm(payment, services=replace(payer.services, calls=left_over))
    return left_over


def absent(outcome: ChargeOutcome) -> ChargeOutcome:
    return ChargeOutcome(State.ABSENT, outcome.reference)


def orders(payer: PayingCustomer) -> list[tuple[str, str]]:
    return [call for call in payer.gateway.calls if call[0] in ("charge", "page", "prompt")]


def stopping(payer: PayingCustomer, label: str, **time: float) -> Callable[[str], None]:
    """A process that is stopped for so long when it reaches the label, and then goes on."""

    def reached(here: str) -> None:
        if here == label:
            payer.clock.advance(**time)

    return reached


def test_confirmation_that_has_no_thread_stands_unsent(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)

    confirm_unsent(payer, payment)

    row = payer.payment(payment)
    assert (row.status, row.sent_at, row.confirmed_at) == ("processing", None, payer.clock.now())
    assert payer.balance(invoice) == ("open", 0, 5000)
    assert payer.gateway.calls == []


def test_worker_sends_what_was_not_sent_within_seconds_under_its_own_reference(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    confirm_unsent(payer, payment)
    assert send_payments(payer.services) == 0  # The process that confirmed it may be about to.

    payer.clock.advance(seconds=4)

    assert send_payments(payer.services) == 1
    assert payer.gateway.calls == [("charge", payment)]
    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert payer.payment(payment).sent_at == payer.clock.now()


def test_the_call_that_comes_late_and_the_worker_send_it_once(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    left_over = confirm_unsent(payer, payment)
    payer.clock.advance(seconds=4)
    carry_on(payer)

    left_over.calls.pop()()

    assert orders(payer) == [("charge", payment)]


def test_several_processes_that_send_it_at_once_send_it_once(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    start = threading.Barrier(6)

    def send(_: int) -> None:
        start.wait(10)
        send_payment(payer.services, payer.scope.merchant_id, payment, "sandbox", last_sent_at=None)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    assert orders(payer) == [("charge", payment)]
    assert payer.status(payment) == "complete"


def test_its_own_page_sends_it_too(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)

    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.status(payment) == "complete"
    assert payer.gateway.calls == [("charge", payment)]


def test_ten_minutes_after_the_press_nothing_is_sent_any_more(payer: PayingCustomer) -> None:
    invoice = payer.invoice(8000)
    grant_credit(payer, 3000)
    payment = payer.checkout(invoice, use_credit=True)
    left_over = confirm_unsent(payer, payment)
    assert credit(payer) == (3000, 3000)

    payer.clock.advance(minutes=10)
    carry_on(payer)
    left_over.calls.pop()()
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.gateway.calls == []
    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "not_sent")
    assert (payer.balance(invoice), credit(payer)) == (("open", 0, 0), (3000, 0))
    ended = [entry for entry in payer.rows(AuditEntry, object_id=payment) if entry.action == "payment.failed"]
    assert [(entry.actor_type, entry.details["evidence"]) for entry in ended] == [("system", "never sent")]


def test_a_moment_before_the_ten_minutes_it_is_sent(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)

    payer.clock.advance(minutes=9, seconds=59.9)
    carry_on(payer)

    assert payer.status(payment) == "complete"


def test_what_was_never_sent_can_be_paid_anew(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    confirm_unsent(payer, payment)
    payer.clock.advance(minutes=11)
    carry_on(payer)

    again = payer.pay(invoice)

    assert (payer.status(payment), payer.status(again)) == ("failed", "complete")
    assert payer.gateway.captured == [again]
    assert payer.wrong_row() is None


@pytest.mark.parametrize(("stopped_for", "ends_as"), [({"seconds": 6}, "complete"), ({"minutes": 11}, "failed")])
def test_process_that_was_stopped_between_claim_and_sending_sends_nothing(
    payer: PayingCustomer, stopped_for: dict[str, float], ends_as: str
) -> None:
    payment = payer.checkout(payer.invoice())
    stopped = payer.with_crash_point(stopping(payer, "payment.send_claimed", **stopped_for))

    payer.confirm(payment, services=stopped)

    assert payer.gateway.calls == []
    assert payer.status(payment) == "processing"
    payer.clock.advance(seconds=11)
    carry_on(payer)
    assert payer.status(payment) == ends_as
    assert len(orders(payer)) == (ends_as == "complete")


def test_claim_that_comes_to_nothing_is_sent_again_once_the_gateway_proves_it_absent(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.send_claimed")))
    payer.clock.advance(seconds=5)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)
    assert orders(payer) == []  # It may be on its way.

    payer.clock.advance(seconds=6)
    carry_on(payer)

    assert payer.status(payment) == "complete"
    assert payer.gateway.captured == [payment]


def test_what_never_arrived_is_not_sent_again_after_ten_minutes_and_ends(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.send_claimed")))

    payer.clock.advance(minutes=10)
    carry_on(payer)

    assert orders(payer) == []
    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "not_sent")
    assert payer.balance(invoice) == ("open", 0, 0)


def test_request_in_flight_at_ten_minutes_is_not_counted_as_never_sent(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    confirm_unsent(payer, payment)
    payer.clock.advance(minutes=9, seconds=50)
    payer.gateway.answers.append(lost)
    carry_on(payer)  # It is sent, and takes two minutes to arrive.
    arrives = payer.gateway.ledger.pop(payment)

    payer.clock.advance(minutes=1)
    carry_on(payer)
    assert (payer.status(payment), payer.balance(invoice)) == ("processing", ("open", 0, 5000))
    payer.gateway.ledger[payment] = arrives
    payer.clock.advance(minutes=5)
    carry_on(payer)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert len(orders(payer)) == 1


def test_unsent_at_ten_minutes_ends_though_the_gateway_does_not_answer(payer: PayingCustomer) -> None:
    """Nobody has ever claimed it: no gateway is needed to know that it was not sent."""
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    payer.gateway.look_ups.append(lost)

    payer.clock.advance(minutes=10)
    carry_on(payer)

    assert payer.payment(payment).failure_code == "not_sent"
    assert payer.gateway.look_ups == [lost]


def test_nothing_ends_and_nothing_is_sent_again_while_the_gateway_does_not_answer(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.gateway.answers.append(lost)
    payment = payer.pay(invoice)
    del payer.gateway.ledger[payment]
    payer.gateway.look_ups = [lost] * 20

    for _ in range(20):
        payer.clock.advance(minutes=4)
        resolve_payment(payer.services, payer.scope.merchant_id, payment)
    assert (payer.status(payment), payer.balance(invoice)) == ("processing", ("open", 0, 5000))
    payer.clock.advance(hours=2)
    carry_on(payer)

    assert len(orders(payer)) == 1
    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "not_sent")


def test_gateway_that_has_it_after_all_is_believed_at_ten_minutes(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())

    payer.clock.advance(minutes=10)
    carry_on(payer)

    assert payer.status(payment) == "complete"


def test_money_that_came_all_the_same_after_the_end_is_booked(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.gateway.answers.append(lost)
    payment = payer.pay(invoice)
    arrives = payer.gateway.ledger.pop(payment)
    payer.clock.advance(minutes=10)
    carry_on(payer)
    assert payer.payment(payment).failure_code == "not_sent"

    payer.gateway.ledger[payment] = arrives
    payer.record(payment)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert payer.wrong_row() is None


def test_payment_that_is_claimed_at_the_last_moment_is_not_ended_by_who_saw_it_unsent(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    payer.gateway.becomes.append(State.PENDING)
    payer.gateway.answers.append(lost)
    send_payment(payer.services, payer.scope.merchant_id, payment, "sandbox", last_sent_at=None)

    end_unsent(payer.services, payer.scope.merchant_id, payment, "not_sent", last_sent_at=None)

    assert payer.status(payment) == "processing"


def test_unsent_payment_can_be_cancelled_at_once_and_is_never_sent(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    left_over = confirm_unsent(payer, payment)

    assert cancel_payment(payer.services, payer.scope, payment, actor=payer.actor) == "canceled"
    left_over.calls.pop()()
    payer.clock.advance(minutes=1)
    carry_on(payer)

    assert payer.gateway.calls == []
    assert (payer.status(payment), payer.balance(invoice)) == ("canceled", ("open", 0, 0))


def test_unsent_payment_whose_method_was_removed_ends_at_once(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    confirm_unsent(payer, payment)
    _remove_method(payer)

    payer.clock.advance(seconds=4)
    carry_on(payer)

    assert payer.gateway.calls == []
    assert (payer.status(payment), payer.payment(payment).failure_code) == ("rejected", "method_invalid")
    assert payer.balance(invoice) == ("open", 0, 0)


def test_order_whose_method_was_removed_is_not_resent(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.send_claimed")))
    _remove_method(payer)

    payer.clock.advance(seconds=11)
    carry_on(payer)
    assert payer.status(payment) == "processing"
    payer.clock.advance(minutes=10)
    carry_on(payer)

    assert payer.gateway.ledger == {}
    assert (payer.status(payment), payer.balance(invoice)) == ("failed", ("open", 0, 0))


def test_what_is_at_the_gateway_of_an_order_that_never_arrived_is_closed_before_it_ends(payer: PayingCustomer) -> None:
    """A gateway may know a payment that it was never asked to collect: closed there, it cannot be collected any more."""
    payment = payer.pay(payer.invoice(), method="new")
    with payer.services.database.unit_of_work() as session:
        session.get_one(type(payer.payment(payment)), (payer.scope.merchant_id, payment)).status = "processing"
    payer.gateway.look_ups.append(absent)

    payer.clock.advance(minutes=10)
    carry_on(payer)

    assert ("cancel", payment) in payer.gateway.calls
    assert payer.gateway.ledger[payment].state is State.FAILED
    assert payer.payment(payment).failure_code == "not_sent"


def test_payment_that_was_paid_while_it_was_about_to_end_is_paid(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    payer.gateway.look_ups.append(absent)

    payer.clock.advance(minutes=10)
    check_payments(payer.services)

    assert payer.status(payment) == "complete"


def test_pending_payment_that_the_gateway_forgot_is_not_counted_as_never_sent(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(payer.invoice())
    del payer.gateway.ledger[payment]

    payer.clock.advance(minutes=30)
    carry_on(payer)
    before = payer.status(payment)
    payer.clock.advance(hours=3)
    carry_on(payer)

    assert (before, payer.status(payment)) == ("pending", "expired")
    assert len(orders(payer)) == 1


def test_payment_of_a_gateway_that_is_gone_ends_too(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    gone = replace(payer.services, gateways=OneGateway(None))

    payer.clock.advance(minutes=1)
    assert send_payments(gone) == 1
    assert payer.payment(payment).sent_at is None
    payer.clock.advance(minutes=9)
    send_payments(gone)

    assert payer.payment(payment).failure_code == "not_sent"


def test_payment_that_was_sent_before_there_were_claims_is_resent_and_ended_by_its_one_instant(
    payer: PayingCustomer,
) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    del payer.gateway.ledger[payment]
    with payer.services.database.unit_of_work() as session:
        session.get_one(type(payer.payment(payment)), (payer.scope.merchant_id, payment)).last_sent_at = None

    payer.clock.advance(seconds=11)
    carry_on(payer)

    assert len(orders(payer)) == 2
    assert payer.status(payment) == "complete"
    assert payer.payment(payment).last_sent_at == payer.payment(payment).sent_at + timedelta(seconds=11)  # type: ignore[operator]


def _remove_method(payer: PayingCustomer) -> None:
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == payer.scope.merchant_id, PaymentMethod.id == payer.method_id)
            .values(status="removed", is_default=False)
        )


def test_worker_sends_many_side_by_side_while_a_gateway_hangs(payer: PayingCustomer) -> None:
    payments = [payer.checkout(payer.invoice()) for _ in range(20)]
    for payment in payments:
        confirm_unsent(payer, payment)
    payer.clock.advance(seconds=4)
    begun, answers, stop = threading.Semaphore(0), threading.Event(), threading.Event()

    def hang() -> None:
        begun.release()
        assert answers.wait(30)

    payer.gateway.before_charge = hang
    jobs = (Job("sent", timedelta(0), send_payments, ORDERS),)
    worker = threading.Thread(target=run_forever, args=(payer.services, {}, stop), kwargs={"jobs": jobs})
    worker.start()
    try:
        at_once = sum(begun.acquire(timeout=10) for _ in range(16))
        is_bounded = not begun.acquire(timeout=0.1)
        answers.set()
        wait_for(lambda: len(payer.gateway.captured) == 20)
        wait_for(lambda: {payer.status(payment) for payment in payments} == {"complete"})
    finally:
        answers.set()
        stop.set()
        worker.join(20)

    assert (at_once, is_bounded) == (16, True)
    assert sorted(payer.gateway.captured) == sorted(payments)


def test_order_of_another_merchant_is_sent_while_more_of_one_hang_than_there_are_threads(
    payer: PayingCustomer, make_scope: Any
) -> None:
    """They were confirmed before it, and are due before it."""
    other = another_merchant(payer, make_scope())
    hanging = ScriptedGateway()
    begun, answers, stop = threading.Semaphore(0), threading.Event(), threading.Event()

    def hang() -> None:
        begun.release()
        assert answers.wait(30)

    hanging.before_charge = hang
    services = replace(payer.services, gateways=GatewayOfEach({payer.scope.merchant_id: hanging}, other.gateway))
    unsent = replace(services, calls=LeftOver())
    for _ in range(27):
        payer.confirm(payer.checkout(payer.invoice()), services=unsent)
    payer.clock.advance(seconds=4)
    worker = threading.Thread(
        target=run_forever,
        args=(services, {}, stop),
        kwargs={"jobs": (Job("sent", timedelta(0), send_payments, ORDERS),)},
    )
    worker.start()
    try:
        at_once = sum(begun.acquire(timeout=10) for _ in range(16))
        is_bounded = not begun.acquire(timeout=0.3)
        theirs = other.checkout(other.invoice())
        other.confirm(theirs, services=unsent)
        payer.clock.advance(seconds=4)
        wait_for(lambda: other.gateway.captured == [theirs])
        is_answered = answers.is_set()
    finally:
        stop.set()
        answers.set()
        worker.join(20)

    assert (at_once, is_bounded, is_answered) == (16, True, False)


def another_merchant(payer: PayingCustomer, scope: Scope) -> PayingCustomer:
    """A customer of another merchant, with a card at a gateway of its own."""
    with payer.services.database.unit_of_work() as session:
        method = insert_method(
            session, scope, at=payer.clock.now(), token="tok_visa", fingerprint="fp", is_default=True
        )
    return replace(payer, scope=scope, method_id=method, gateway=ScriptedGateway())


@dataclass(frozen=True)
class GatewayOfEach:
    """The gateways of merchants, and that of all others."""

    of: Mapping[str, ScriptedGateway]
    others: ScriptedGateway

    def find(self, merchant_id: str) -> ScriptedGateway:
        return self.of.get(merchant_id, self.others)

    def find_named(self, merchant_id: str, name: str | None) -> ScriptedGateway:
        return self.find(merchant_id)


def test_lookups_and_other_jobs_do_not_keep_payments_from_being_sent() -> None:
    lanes = {job.run: job.lane for job in JOBS}

    assert lanes[send_payments].name not in {lane.name for run, lane in lanes.items() if run is not send_payments}
    assert lanes[check_payments].name not in {lane.name for run, lane in lanes.items() if run is not check_payments}


def test_claim_that_had_to_wait_for_the_database_is_sent_all_the_same(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    left_over = confirm_unsent(payer, payment)
    sender = threading.Thread(target=left_over.calls.pop())

    with payer.services.database.unit_of_work() as writer:
        writer.execute(sa.update(Payment).where(Payment.id == payment).values(note="held"))
        sender.start()
        sender.join(0.5)  # It waits for the payment now.
        payer.clock.advance(seconds=6)
    sender.join(20)

    assert (orders(payer), payer.status(payment)) == ([("charge", payment)], "complete")


def test_worker_that_is_told_to_stop_finishes_the_payment_that_it_is_sending(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    payer.clock.advance(seconds=4)
    begun, stop = threading.Event(), threading.Event()

    def take_a_moment() -> None:
        begun.set()
        stop.wait(10)
        time.sleep(1)

    payer.gateway.before_charge = take_a_moment
    jobs = (Job("sent", timedelta(0), send_payments, ORDERS),)
    worker = threading.Thread(target=run_forever, args=(payer.services, {}, stop), kwargs={"jobs": jobs})
    worker.start()
    assert begun.wait(10)

    stop.set()
    worker.join(20)

    assert payer.status(payment) == "complete"


def test_payment_that_the_gateway_has_reported_meanwhile_is_not_resent(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    confirm_unsent(payer, payment)
    payer.gateway.answers.append(lost)
    send_payment(payer.services, payer.scope.merchant_id, payment, "sandbox", last_sent_at=None)
    sent_at = payer.payment(payment).sent_at
    payer.clock.advance(seconds=20)
    outcome = ChargeOutcome(State.PENDING, payment, evidence="request")
    record(payer.services, payer.scope.merchant_id, payment, outcome, actor=GATEWAY)  # The answer came late.

    send_payment(payer.services, payer.scope.merchant_id, payment, "sandbox", last_sent_at=sent_at)

    assert orders(payer) == [("charge", payment)]
    assert payer.payment(payment).last_sent_at == sent_at
