"""What events cause: a lookup at the gateway, in any order and number, retried while too early, dead letters in the end."""

from __future__ import annotations

from contextlib import suppress
from itertools import permutations

import pytest

from portal.gateways.contract import ChargeOutcome, Lookup, RefundOutcome, State
from portal.payment_methods.models import PaymentMethodSetup
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.operations.setups import SetupOptions, begin_setup
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import cancel_payment
from portal.provider_events.jobs import handle_events
from portal.provider_events.models import ProviderEvent
from portal.provider_events.operations import receive_event
from portal.provider_events.rules import MAX_ATTEMPTS
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from portal.services import Services
from tests.support.actors import CUSTOMER, STAFF
from tests.support.paying import Killed, Till, killing_at
from tests.support.scripted_gateway import lost


def receive(till: Till, event_id: str, reference: str = "-", gateway_reference: str = "-", **given: Services) -> None:
    """An event that the gateway sends and that is genuine."""
    body = f"{event_id} {reference} {gateway_reference}".encode()
    services = given.get("services", till.services)
    receive_event(services, till.scope.merchant_id, "sandbox", {"Signature": "right"}, body)


def event(till: Till, event_id: str) -> ProviderEvent:
    (row,) = till.rows(ProviderEvent, event_id=event_id)
    assert isinstance(row, ProviderEvent)
    return row


def test_event_causes_a_lookup_long_before_the_schedule(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    assert check_payments(till.services) == 0

    receive(till, "evt_1", payment)
    assert handle_events(till.services) == 1

    assert till.status(payment) == "complete"
    assert (event(till, "evt_1").handled_at, event(till, "evt_1").due_at) == (till.clock.now(), None)


def test_payload_of_an_event_is_never_trusted(till: Till) -> None:
    """The payload has `charge.succeeded`; the lookup returns that it failed."""
    till.gateway.answers.append(lost)
    till.gateway.becomes.append(State.FAILED)
    payment = till.pay(till.invoice())

    receive(till, "evt_1", payment)
    handle_events(till.services)

    assert till.status(payment) == "failed"


def test_simultaneous_events_of_one_payment_cause_one_lookup(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    till.clock.advance(seconds=1)
    for number in range(5):
        receive(till, f"evt_{number}", payment)
    till.clock.advance(seconds=1)

    assert handle_events(till.services) == 5

    assert till.gateway.calls.count(("look_up", payment)) == 1


def test_event_with_only_the_gateways_id_finds_the_payment(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    till.gateway.settle(payment, State.SUCCEEDED)

    receive(till, "evt_1", "-", f"ch_{payment}")
    handle_events(till.services)

    assert till.status(payment) == "complete"


def test_event_before_our_own_commit_is_retried_and_then_handled(till: Till) -> None:
    """It names the charge, whose id is recorded with the outcome: at this moment nobody here has it."""
    till.gateway.becomes.append(State.PENDING)
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    receive(till, "evt_1", "-", f"ch_{payment}")

    handle_events(till.services)
    assert (event(till, "evt_1").fault, event(till, "evt_1").handled_at) == ("not_ours", None)
    till.clock.advance(seconds=10)
    check_payments(till.services)
    till.gateway.settle(payment, State.SUCCEEDED)
    handle_events(till.services)

    assert till.status(payment) == "complete"
    assert event(till, "evt_1").handled_at is not None


def test_event_of_a_charge_that_is_not_ours_ends_without_an_alarm(till: Till) -> None:
    receive(till, "evt_1", "-", "ch_of_another_shop")

    try_to_the_end(till)

    assert (event(till, "evt_1").dead_at, event(till, "evt_1").due_at) == (None, None)
    assert event(till, "evt_1").handled_at is not None


def test_event_of_a_payment_that_stays_unknown_here_becomes_a_dead_letter(till: Till) -> None:
    receive(till, "evt_1", new_id("pay", till.clock.now()))

    tries = try_to_the_end(till)

    assert (tries, event(till, "evt_1").fault) == (MAX_ATTEMPTS, "unknown_here")
    assert event(till, "evt_1").dead_at is not None


@pytest.mark.parametrize("reference", ["-", "order 7", "cus_0351NVaOhsYXswh5OTufqs"])
def test_event_of_an_unhandled_kind_is_stored_without_an_effect(till: Till, reference: str) -> None:
    receive(till, "evt_1", reference)

    handle_events(till.services)

    assert event(till, "evt_1").handled_at == till.clock.now()


def test_event_that_always_fails_becomes_a_dead_letter_and_the_others_are_handled(till: Till) -> None:
    till.gateway.becomes += [State.PENDING, State.PENDING]
    failing, other = till.pay(till.invoice()), till.pay(till.invoice())
    till.gateway.settle(other, State.SUCCEEDED)
    look_up = till.gateway.look_up

    def fail(lookup: Lookup) -> ChargeOutcome:
        if lookup.reference == failing:
            raise RuntimeError("maya@lindqvist.example")
        return look_up(lookup)

    till.gateway.look_up = fail  # type: ignore[method-assign]
    receive(till, "evt_1", failing)
    receive(till, "evt_2", other)

    handle_events(till.services)
    assert till.status(other) == "complete"
    assert event(till, "evt_1").fault == "RuntimeError"  # A code; what a fault says may be personal.
    try_to_the_end(till)

    assert event(till, "evt_1").dead_at is not None


@pytest.mark.parametrize("label", ["event.stored", "event.claimed", "event.handled"])
def test_killed_anywhere_an_event_has_its_one_effect(till: Till, label: str) -> None:
    till.gateway.becomes.append(State.PENDING)
    invoice = till.invoice()
    payment = till.pay(invoice)
    till.gateway.settle(payment, State.SUCCEEDED)
    dying = till.with_crash_point(killing_at(label))

    with suppress(Killed):
        receive(till, "evt_1", payment, services=dying)
        handle_events(dying)
        pytest.fail("it was not killed")
    receive(till, "evt_1", payment)  # It got no response, or the gateway resends it anyway.
    till.clock.advance(seconds=10)
    handle_events(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert event(till, "evt_1").handled_at is not None
    assert till.wrong_row() is None


def test_event_that_kills_its_worker_each_time_becomes_a_dead_letter_too(till: Till) -> None:
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(till.invoice())
    receive(till, "evt_1", payment)

    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(Killed):
            handle_events(till.with_crash_point(killing_at("event.claimed")))
        till.clock.advance(hours=4)
    till.gateway.look_up = _fail  # type: ignore[method-assign]
    handle_events(till.services)

    assert event(till, "evt_1").dead_at is not None


def test_late_approval_of_an_expired_payment_is_looked_up_and_booked(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    till.gateway.ledger[payment] = ChargeOutcome(
        State.SUCCEEDED, payment, f"ch_{payment}", till.gateway.pages[payment].money
    )

    till.clock.advance(days=2)
    receive(till, "evt_1", payment)
    handle_events(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert till.wrong_row() is None


def test_event_of_an_ended_payment_is_retried_while_the_gateway_does_not_respond(till: Till) -> None:
    """Nothing else would look it up: a payment that has ended is not polled."""
    payment = till.pay(till.invoice(), method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    till.gateway.ledger[payment] = ChargeOutcome(
        State.SUCCEEDED, payment, f"ch_{payment}", till.gateway.pages[payment].money
    )
    till.gateway.look_ups.append(lost)

    receive(till, "evt_1", payment)
    handle_events(till.services)
    assert (till.status(payment), event(till, "evt_1").fault) == ("canceled", "no_answer")
    till.clock.advance(seconds=10)
    handle_events(till.services)

    assert till.status(payment) == "complete"


def test_event_long_after_the_end_causes_no_lookup(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    call_count = len(till.gateway.calls)

    till.clock.advance(days=31)
    receive(till, "evt_1", payment)
    handle_events(till.services)

    assert len(till.gateway.calls) == call_count
    assert event(till, "evt_1").handled_at is not None


def test_event_of_a_refund_that_arrives_before_its_response(till: Till) -> None:
    payment = till.pay(till.invoice())
    really = till.gateway.refund

    def lose_response(request):
        really(request)
        receive(till, "evt_1", request.reference)
        handle_events(till.services)
        return RefundOutcome(State.UNKNOWN, request.reference)

    till.gateway.refund = lose_response  # type: ignore[method-assign]
    refund_payment(till.services, till.scope.merchant_id, payment, 700, reason=None, actor=STAFF)

    assert [row.status for row in till.rows(Refund)] == ["complete"]
    assert till.payment(payment).amount_refunded == 700
    assert till.wrong_row() is None


@pytest.mark.parametrize("named_by", ["refund", "charge"])
def test_event_of_a_failed_refund_restores_its_amount(till: Till, named_by: str) -> None:
    payment = till.pay(till.invoice())
    refund_id = refund_payment(till.services, till.scope.merchant_id, payment, 700, reason=None, actor=STAFF)
    done = till.gateway.refunds[refund_id]
    till.gateway.refunds[refund_id] = RefundOutcome(State.FAILED, refund_id, done.gateway_reference, done.money)

    receive(till, "evt_1", refund_id if named_by == "refund" else payment)
    handle_events(till.services)

    assert (till.status(payment), till.payment(payment).amount_refunded) == ("complete", 0)
    assert till.wrong_row() is None


def test_event_of_a_setup_causes_its_lookup(till: Till) -> None:
    word = Consent("Acme may keep it.", "en", "203.0.113.7", "Mozilla/5.0")
    setup = begin_setup(
        till.services,
        till.scope,
        SetupOptions(),
        consent=word,
        locale="en",
        pages_url="http://127.0.0.1/m",
        actor=CUSTOMER,
    )
    till.gateway.finish_setup(setup)

    receive(till, "evt_1", setup)
    handle_events(till.services)

    assert [row.status for row in till.rows(PaymentMethodSetup)] == ["complete"]
    assert event(till, "evt_1").handled_at == till.clock.now()


@pytest.mark.parametrize("order", list(permutations(["created", "pending", "succeeded", "refunded"])))
def test_events_in_any_order_three_times_each_lead_to_the_same_end(till: Till, order: tuple[str, ...]) -> None:
    if till.services.database.is_sqlite is False and order != ("refunded", "succeeded", "pending", "created"):
        return  # The order matters equally on both databases: one that is fully reversed is enough here.
    till.gateway.becomes.append(State.PENDING)
    invoice = till.invoice()
    payment = till.pay(invoice)
    till.gateway.settle(payment, State.SUCCEEDED)

    for number in range(3):
        for kind in order:
            receive(till, f"evt_{kind}_{number}", payment)
            handle_events(till.services)
            till.clock.advance(seconds=1)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert len(till.rows(ProviderEvent)) == 12
    assert till.wrong_row() is None


def test_with_every_event_lost_every_payment_is_resolved_by_polling(till: Till) -> None:
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
    """Handle events until none is due any more; return how many tries there were."""
    tries = 0
    for _ in range(MAX_ATTEMPTS + 1):
        tries += handle_events(till.services)
        till.clock.advance(hours=4)
    return tries


def _fail(lookup: Lookup) -> ChargeOutcome:
    raise RuntimeError
