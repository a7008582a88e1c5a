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
from tests.support.paying import Killed, PayingCustomer, killing_at
from tests.support.scripted_gateway import lost


def receive(
    payer: PayingCustomer, event_id: str, reference: str = "-", gateway_reference: str = "-", **given: Services
) -> None:
    """An event that the gateway sends and that is genuine."""
    body = f"{event_id} {reference} {gateway_reference}".encode()
    services = given.get("services", payer.services)
    receive_event(services, payer.scope.merchant_id, "sandbox", {"Signature": "right"}, body)


def event(payer: PayingCustomer, event_id: str) -> ProviderEvent:
    (row,) = payer.rows(ProviderEvent, event_id=event_id)
    assert isinstance(row, ProviderEvent)
    return row


def test_event_causes_a_lookup_long_before_the_schedule(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    assert check_payments(payer.services) == 0

    receive(payer, "evt_1", payment)
    assert handle_events(payer.services) == 1

    assert payer.status(payment) == "complete"
    assert (event(payer, "evt_1").handled_at, event(payer, "evt_1").due_at) == (payer.clock.now(), None)


def test_payload_of_an_event_is_never_trusted(payer: PayingCustomer) -> None:
    """The payload has `charge.succeeded`; the lookup returns that it failed."""
    payer.gateway.answers.append(lost)
    payer.gateway.becomes.append(State.FAILED)
    payment = payer.pay(payer.invoice())

    receive(payer, "evt_1", payment)
    handle_events(payer.services)

    assert payer.status(payment) == "failed"


def test_simultaneous_events_of_one_payment_cause_one_lookup(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(payer.invoice())
    payer.clock.advance(seconds=1)
    for number in range(5):
        receive(payer, f"evt_{number}", payment)
    payer.clock.advance(seconds=1)

    assert handle_events(payer.services) == 5

    assert payer.gateway.calls.count(("look_up", payment)) == 1


def test_event_with_only_the_gateways_id_finds_the_payment(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(payer.invoice())
    payer.gateway.settle(payment, State.SUCCEEDED)

    receive(payer, "evt_1", "-", f"ch_{payment}")
    handle_events(payer.services)

    assert payer.status(payment) == "complete"


def test_event_before_our_own_commit_is_retried_and_then_handled(payer: PayingCustomer) -> None:
    """It names the charge, whose id is recorded with the outcome: at this moment nobody here has it."""
    payer.gateway.becomes.append(State.PENDING)
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    receive(payer, "evt_1", "-", f"ch_{payment}")

    handle_events(payer.services)
    assert (event(payer, "evt_1").fault, event(payer, "evt_1").handled_at) == ("not_ours", None)
    payer.clock.advance(seconds=10)
    check_payments(payer.services)
    payer.gateway.settle(payment, State.SUCCEEDED)
    handle_events(payer.services)

    assert payer.status(payment) == "complete"
    assert event(payer, "evt_1").handled_at is not None


def test_event_of_a_charge_that_is_not_ours_ends_without_an_alarm(payer: PayingCustomer) -> None:
    receive(payer, "evt_1", "-", "ch_of_another_shop")

    try_to_the_end(payer)

    assert (event(payer, "evt_1").dead_at, event(payer, "evt_1").due_at) == (None, None)
    assert event(payer, "evt_1").handled_at is not None


def test_event_of_a_payment_that_stays_unknown_here_becomes_a_dead_letter(payer: PayingCustomer) -> None:
    receive(payer, "evt_1", new_id("pay", payer.clock.now()))

    tries = try_to_the_end(payer)

    assert (tries, event(payer, "evt_1").fault) == (MAX_ATTEMPTS, "unknown_here")
    assert event(payer, "evt_1").dead_at is not None


@pytest.mark.parametrize("reference", ["-", "order 7", "cus_0351NVaOhsYXswh5OTufqs"])
def test_event_of_an_unhandled_kind_is_stored_without_an_effect(payer: PayingCustomer, reference: str) -> None:
    receive(payer, "evt_1", reference)

    handle_events(payer.services)

    assert event(payer, "evt_1").handled_at == payer.clock.now()


def test_event_that_always_fails_becomes_a_dead_letter_and_the_others_are_handled(payer: PayingCustomer) -> None:
    payer.gateway.becomes += [State.PENDING, State.PENDING]
    failing, other = payer.pay(payer.invoice()), payer.pay(payer.invoice())
    payer.gateway.settle(other, State.SUCCEEDED)
    look_up = payer.gateway.look_up

    def fail(lookup: Lookup) -> ChargeOutcome:
        if lookup.reference == failing:
            raise RuntimeError("maya@lindqvist.example")
        return look_up(lookup)

    payer.gateway.look_up = fail  # type: ignore[method-assign]
    receive(payer, "evt_1", failing)
    receive(payer, "evt_2", other)

    handle_events(payer.services)
    assert payer.status(other) == "complete"
    assert event(payer, "evt_1").fault == "RuntimeError"  # A code; what a fault says may be personal.
    try_to_the_end(payer)

    assert event(payer, "evt_1").dead_at is not None


@pytest.mark.parametrize("label", ["event.stored", "event.claimed", "event.handled"])
def test_killed_anywhere_an_event_has_its_one_effect(payer: PayingCustomer, label: str) -> None:
    payer.gateway.becomes.append(State.PENDING)
    invoice = payer.invoice()
    payment = payer.pay(invoice)
    payer.gateway.settle(payment, State.SUCCEEDED)
    dying = payer.with_crash_point(killing_at(label))

    with suppress(Killed):
        receive(payer, "evt_1", payment, services=dying)
        handle_events(dying)
        pytest.fail("it was not killed")
    receive(payer, "evt_1", payment)  # It got no response, or the gateway resends it anyway.
    payer.clock.advance(seconds=10)
    handle_events(payer.services)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert event(payer, "evt_1").handled_at is not None
    assert payer.wrong_row() is None


def test_event_that_kills_its_worker_each_time_becomes_a_dead_letter_too(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(payer.invoice())
    receive(payer, "evt_1", payment)

    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(Killed):
            handle_events(payer.with_crash_point(killing_at("event.claimed")))
        payer.clock.advance(hours=4)
    payer.gateway.look_up = _fail  # type: ignore[method-assign]
    handle_events(payer.services)

    assert event(payer, "evt_1").dead_at is not None


def test_late_approval_of_an_expired_payment_is_looked_up_and_booked(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    payer.gateway.ledger[payment] = ChargeOutcome(
        State.SUCCEEDED, payment, f"ch_{payment}", payer.gateway.pages[payment].money
    )

    payer.clock.advance(days=2)
    receive(payer, "evt_1", payment)
    handle_events(payer.services)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert payer.wrong_row() is None


def test_event_of_an_ended_payment_is_retried_while_the_gateway_does_not_respond(payer: PayingCustomer) -> None:
    """Nothing else would look it up: a payment that has ended is not polled."""
    payment = payer.pay(payer.invoice(), method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    payer.gateway.ledger[payment] = ChargeOutcome(
        State.SUCCEEDED, payment, f"ch_{payment}", payer.gateway.pages[payment].money
    )
    payer.gateway.look_ups.append(lost)

    receive(payer, "evt_1", payment)
    handle_events(payer.services)
    assert (payer.status(payment), event(payer, "evt_1").fault) == ("canceled", "no_answer")
    payer.clock.advance(seconds=10)
    handle_events(payer.services)

    assert payer.status(payment) == "complete"


def test_event_long_after_the_end_causes_no_lookup(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new")
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    call_count = len(payer.gateway.calls)

    payer.clock.advance(days=31)
    receive(payer, "evt_1", payment)
    handle_events(payer.services)

    assert len(payer.gateway.calls) == call_count
    assert event(payer, "evt_1").handled_at is not None


def test_event_of_a_refund_that_arrives_before_its_response(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    really = payer.gateway.refund

    def lose_response(request):
        really(request)
        receive(payer, "evt_1", request.reference)
        handle_events(payer.services)
        return RefundOutcome(State.UNKNOWN, request.reference)

    payer.gateway.refund = lose_response  # type: ignore[method-assign]
    refund_payment(payer.services, payer.scope.merchant_id, payment, 700, reason=None, actor=STAFF)

    assert [row.status for row in payer.rows(Refund)] == ["complete"]
    assert payer.payment(payment).amount_refunded == 700
    assert payer.wrong_row() is None


@pytest.mark.parametrize("named_by", ["refund", "charge"])
def test_event_of_a_failed_refund_restores_its_amount(payer: PayingCustomer, named_by: str) -> None:
    payment = payer.pay(payer.invoice())
    refund_id = refund_payment(payer.services, payer.scope.merchant_id, payment, 700, reason=None, actor=STAFF)
    done = payer.gateway.refunds[refund_id]
    payer.gateway.refunds[refund_id] = RefundOutcome(State.FAILED, refund_id, done.gateway_reference, done.money)

    receive(payer, "evt_1", refund_id if named_by == "refund" else payment)
    handle_events(payer.services)

    assert (payer.status(payment), payer.payment(payment).amount_refunded) == ("complete", 0)
    assert payer.wrong_row() is None


def test_event_of_a_setup_causes_its_lookup(payer: PayingCustomer) -> None:
    word = Consent("Acme may keep it.", "en", "203.0.113.7", "Mozilla/5.0")
    setup = begin_setup(
        payer.services,
        payer.scope,
        SetupOptions(),
        consent=word,
        locale="en",
        pages_url="http://127.0.0.1/m",
        actor=CUSTOMER,
    )
    payer.gateway.finish_setup(setup)

    receive(payer, "evt_1", setup)
    handle_events(payer.services)

    assert [row.status for row in payer.rows(PaymentMethodSetup)] == ["complete"]
    assert event(payer, "evt_1").handled_at == payer.clock.now()


@pytest.mark.parametrize("order", list(permutations(["created", "pending", "succeeded", "refunded"])))
def test_events_in_any_order_three_times_each_lead_to_the_same_end(
    payer: PayingCustomer, order: tuple[str, ...]
) -> None:
    if payer.services.database.is_sqlite is False and order != ("refunded", "succeeded", "pending", "created"):
        return  # The order matters equally on both databases: one that is fully reversed is enough here.
    payer.gateway.becomes.append(State.PENDING)
    invoice = payer.invoice()
    payment = payer.pay(invoice)
    payer.gateway.settle(payment, State.SUCCEEDED)

    for number in range(3):
        for kind in order:
            receive(payer, f"evt_{kind}_{number}", payment)
            handle_events(payer.services)
            payer.clock.advance(seconds=1)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))
    assert len(payer.rows(ProviderEvent)) == 12
    assert payer.wrong_row() is None


def test_with_every_event_lost_every_payment_is_resolved_by_polling(payer: PayingCustomer) -> None:
    ends = [State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.SUCCEEDED]
    payer.gateway.becomes += [State.PENDING] * len(ends)
    payments = [payer.pay(payer.invoice()) for _ in ends]
    for payment, state in zip(payments, ends, strict=True):
        payer.gateway.settle(payment, state, "insufficient_funds" if state is State.FAILED else None)

    payer.clock.advance(seconds=10)
    check_payments(payer.services)

    assert [payer.status(payment) for payment in payments] == ["complete", "failed", "complete", "complete"]
    assert payer.rows(ProviderEvent) == []


def try_to_the_end(payer: PayingCustomer) -> int:
    """Handle events until none is due any more; return how many tries there were."""
    tries = 0
    for _ in range(MAX_ATTEMPTS + 1):
        tries += handle_events(payer.services)
        payer.clock.advance(hours=4)
    return tries


def _fail(lookup: Lookup) -> ChargeOutcome:
    raise RuntimeError
