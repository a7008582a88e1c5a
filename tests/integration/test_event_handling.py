"""What events lead to: a question to the gateway, in any order and number, parked while too early, aside when poisonous."""

from __future__ import annotations

from contextlib import suppress
from itertools import permutations

import pytest

from portal.gateways.contract import Outcome, Question, RefundOutcome, State
from portal.payment_methods.models import PaymentMethodSetup
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.operations.setups import Wish, begin_setup
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import cancel_payment
from portal.provider_events.jobs import handle_events
from portal.provider_events.models import ProviderEvent
from portal.provider_events.operations import receive_event
from portal.provider_events.rules import MOST_TRIES
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from portal.services import Services
from tests.support.actors import CUSTOMER, STAFF
from tests.support.paying import Killed, Till, killing_at
from tests.support.scripted_gateway import lost


def tell(till: Till, event_id: str, reference: str = "-", gateway_reference: str = "-", **given: Services) -> None:
    """An event that the gateway sends and that is genuine."""
    body = f"{event_id} {reference} {gateway_reference}".encode()
    services = given.get("services", till.services)
    receive_event(services, till.scope.merchant_id, "sandbox", {"Signature": "right"}, body)


def event(till: Till, event_id: str) -> ProviderEvent:
    (row,) = till.rows(ProviderEvent, event_id=event_id)
    assert isinstance(row, ProviderEvent)
    return row


def test_event_has_the_gateway_asked_long_before_its_time(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    assert check_payments(till.services) == 0

    tell(till, "evt_1", payment)
    assert handle_events(till.services) == 1

    assert till.status(payment) == "complete"
    assert (event(till, "evt_1").handled_at, event(till, "evt_1").due_at) == (till.clock.now(), None)


def test_event_is_never_believed(till: Till) -> None:
    """It says `charge.succeeded`; the gateway, asked, says that it failed."""
    till.gateway.answers.append(lost)
    till.gateway.becomes.append(State.FAILED)
    payment = till.pay(till.invoice())

    tell(till, "evt_1", payment)
    handle_events(till.services)

    assert till.status(payment) == "failed"


def test_events_of_one_payment_that_come_together_ask_once(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    till.clock.advance(seconds=1)
    for number in range(5):
        tell(till, f"evt_{number}", payment)
    till.clock.advance(seconds=1)

    assert handle_events(till.services) == 5

    assert till.gateway.calls.count(("look_up", payment)) == 1


def test_event_that_tells_the_gateways_id_alone_finds_the_payment(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    till.gateway.settle(payment, State.SUCCEEDED)

    tell(till, "evt_1", "-", f"ch_{payment}")
    handle_events(till.services)

    assert till.status(payment) == "complete"


def test_event_before_our_own_commit_is_parked_and_handled_then(till: Till) -> None:
    """It names the charge, whose id is recorded with the outcome: at this moment nobody here has it."""
    till.gateway.becomes.append(State.PENDING)
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    tell(till, "evt_1", "-", f"ch_{payment}")

    handle_events(till.services)
    assert (event(till, "evt_1").fault, event(till, "evt_1").handled_at) == ("not_ours", None)
    till.clock.advance(seconds=10)
    check_payments(till.services)
    till.gateway.settle(payment, State.SUCCEEDED)
    handle_events(till.services)

    assert till.status(payment) == "complete"
    assert event(till, "evt_1").handled_at is not None


def test_charge_that_is_not_ours_is_done_with_in_the_end_and_alarms_nobody(till: Till) -> None:
    tell(till, "evt_1", "-", "ch_of_another_shop")

    try_to_the_end(till)

    assert (event(till, "evt_1").dead_at, event(till, "evt_1").due_at) == (None, None)
    assert event(till, "evt_1").handled_at is not None


def test_event_of_a_payment_that_stays_unknown_here_goes_aside_after_its_tries(till: Till) -> None:
    tell(till, "evt_1", new_id("pay", till.clock.now()))

    tries = try_to_the_end(till)

    assert (tries, event(till, "evt_1").fault) == (MOST_TRIES, "unknown_here")
    assert event(till, "evt_1").dead_at is not None


@pytest.mark.parametrize("reference", ["-", "order 7", "cus_0351NVaOhsYXswh5OTufqs"])
def test_event_of_a_kind_that_leads_nowhere_is_kept_and_done_with(till: Till, reference: str) -> None:
    tell(till, "evt_1", reference)

    handle_events(till.services)

    assert event(till, "evt_1").handled_at == till.clock.now()


def test_poison_goes_aside_and_the_others_go_on(till: Till) -> None:
    till.gateway.becomes += [State.PENDING, State.PENDING]
    poisonous, sound = till.pay(till.invoice()), till.pay(till.invoice())
    till.gateway.settle(sound, State.SUCCEEDED)
    look_up = till.gateway.look_up

    def burst(question: Question) -> Outcome:
        if question.reference == poisonous:
            raise RuntimeError("maya@lindqvist.example")
        return look_up(question)

    till.gateway.look_up = burst  # type: ignore[method-assign]
    tell(till, "evt_1", poisonous)
    tell(till, "evt_2", sound)

    handle_events(till.services)
    assert till.status(sound) == "complete"
    assert event(till, "evt_1").fault == "RuntimeError"  # A code; what a fault says may be personal.
    try_to_the_end(till)

    assert event(till, "evt_1").dead_at is not None


@pytest.mark.parametrize("label", ["event.stored", "event.taken", "event.handled"])
def test_killed_anywhere_an_event_has_its_one_effect(till: Till, label: str) -> None:
    till.gateway.becomes.append(State.PENDING)
    invoice = till.invoice()
    payment = till.pay(invoice)
    till.gateway.settle(payment, State.SUCCEEDED)
    dying = till.with_crash_point(killing_at(label))

    with suppress(Killed):
        tell(till, "evt_1", payment, services=dying)
        handle_events(dying)
        pytest.fail("it was not killed")
    tell(till, "evt_1", payment)  # It had no answer, or the gateway repeats it all the same.
    till.clock.advance(seconds=10)
    handle_events(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert event(till, "evt_1").handled_at is not None
    assert till.wrong_row() is None


def test_event_that_kills_its_worker_each_time_goes_aside_too(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    tell(till, "evt_1", payment)

    for _ in range(MOST_TRIES - 1):
        with pytest.raises(Killed):
            handle_events(till.with_crash_point(killing_at("event.taken")))
        till.clock.advance(hours=4)
    till.gateway.look_up = _burst  # type: ignore[method-assign]
    handle_events(till.services)

    assert event(till, "evt_1").dead_at is not None


def test_late_approval_after_we_gave_up_is_asked_for_and_booked(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    till.gateway.ledger[payment] = Outcome(State.SUCCEEDED, payment, f"ch_{payment}", till.gateway.pages[payment].money)

    till.clock.advance(days=2)
    tell(till, "evt_1", payment)
    handle_events(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert till.wrong_row() is None


def test_event_of_an_ended_payment_is_tried_again_while_the_gateway_is_silent(till: Till) -> None:
    """Nobody else would ask: a payment that has ended is on no schedule."""
    payment = till.pay(till.invoice(), method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    till.gateway.ledger[payment] = Outcome(State.SUCCEEDED, payment, f"ch_{payment}", till.gateway.pages[payment].money)
    till.gateway.look_ups.append(lost)

    tell(till, "evt_1", payment)
    handle_events(till.services)
    assert (till.status(payment), event(till, "evt_1").fault) == ("canceled", "no_answer")
    till.clock.advance(seconds=10)
    handle_events(till.services)

    assert till.status(payment) == "complete"


def test_event_long_after_the_end_asks_nothing_any_more(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    asked = len(till.gateway.calls)

    till.clock.advance(days=31)
    tell(till, "evt_1", payment)
    handle_events(till.services)

    assert len(till.gateway.calls) == asked
    assert event(till, "evt_1").handled_at is not None


def test_event_of_a_refund_that_comes_before_its_own_answer(till: Till) -> None:
    payment = till.pay(till.invoice())
    really = till.gateway.refund

    def answer_lost(order):
        really(order)
        tell(till, "evt_1", order.reference)
        handle_events(till.services)
        return RefundOutcome(State.UNKNOWN, order.reference)

    till.gateway.refund = answer_lost  # type: ignore[method-assign]
    refund_payment(till.services, till.scope.merchant_id, payment, 700, reason=None, actor=STAFF)

    assert [row.status for row in till.rows(Refund)] == ["complete"]
    assert till.payment(payment).amount_refunded == 700
    assert till.wrong_row() is None


@pytest.mark.parametrize("told_by", ["refund", "charge"])
def test_event_of_a_refund_that_came_back_gives_its_amount_back(till: Till, told_by: str) -> None:
    payment = till.pay(till.invoice())
    refund_id = refund_payment(till.services, till.scope.merchant_id, payment, 700, reason=None, actor=STAFF)
    done = till.gateway.refunds[refund_id]
    till.gateway.refunds[refund_id] = RefundOutcome(State.FAILED, refund_id, done.gateway_reference, done.money)

    tell(till, "evt_1", refund_id if told_by == "refund" else payment)
    handle_events(till.services)

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("complete", 0)
    assert till.wrong_row() is None


def test_event_of_a_method_to_be_kept_has_its_setup_asked_for(till: Till) -> None:
    word = Consent("Acme may keep it.", "en", "203.0.113.7", "Mozilla/5.0")
    setup = begin_setup(
        till.services, till.scope, Wish(), consent=word, locale="en", pages_url="http://127.0.0.1/m", actor=CUSTOMER
    )
    till.gateway.finish_setup(setup)

    tell(till, "evt_1", setup)
    handle_events(till.services)

    assert [row.status for row in till.rows(PaymentMethodSetup)] == ["complete"]
    assert event(till, "evt_1").handled_at == till.clock.now()


@pytest.mark.parametrize("order", list(permutations(["created", "pending", "succeeded", "refunded"])))
def test_events_in_any_order_three_times_each_lead_to_the_same_end(till: Till, order: tuple[str, ...]) -> None:
    if till.services.database.is_sqlite is False and order != ("refunded", "succeeded", "pending", "created"):
        return  # The order is the same matter on both: there one that is wholly wrong is enough.
    till.gateway.becomes.append(State.PENDING)
    invoice = till.invoice()
    payment = till.pay(invoice)
    till.gateway.settle(payment, State.SUCCEEDED)

    for number in range(3):
        for kind in order:
            tell(till, f"evt_{kind}_{number}", payment)
            handle_events(till.services)
            till.clock.advance(seconds=1)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert len(till.rows(ProviderEvent)) == 12
    assert till.wrong_row() is None


def test_with_every_event_lost_every_payment_is_resolved_by_asking(till: Till) -> None:
    ends = [State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.SUCCEEDED]
    till.gateway.becomes += [State.PENDING] * len(ends)
    payments = [till.pay(till.invoice()) for _ in ends]
    for payment, state in zip(payments, ends, strict=True):
        till.gateway.settle(payment, state, "insufficient_funds" if state is State.FAILED else None)

    till.clock.advance(seconds=10)
    check_payments(till.services)

    assert [till.status(payment) for payment in payments] == ["complete", "failed", "complete", "complete"]
    assert till.rows(ProviderEvent) == []


def try_to_the_end(till: Till) -> int:
    """Work until nothing is due any more; tells how many tries there were."""
    tries = 0
    for _ in range(MOST_TRIES + 1):
        tries += handle_events(till.services)
        till.clock.advance(hours=4)
    return tries


def _burst(question: Question) -> Outcome:
    raise RuntimeError
