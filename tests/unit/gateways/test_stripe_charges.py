"""Charging a saved card at Stripe: once a reference, whatever is lost, and with the bank's page where it requires authentication."""

from __future__ import annotations

import threading

import pytest

from portal.gateways.contract import State
from portal.gateways.stripe.gateway import StripeGateway
from portal.money import Money
from tests.support.stripe_requests import MONEY, RETURN_URL
from tests.support.stripe_server import SECRET_KEY
from tests.support.stripe_server import mischief as happens


def test_saved_card_is_charged_off_session_under_our_reference(acme, stripe, build):
    token = stripe.books.keep_card()
    request = build.charge(token)

    outcome = acme.charge(request)

    assert (outcome.state, outcome.reference, outcome.money) == (State.SUCCEEDED, request.reference, MONEY)
    assert outcome.completed_at == build.clock.now()
    assert outcome.method is not None
    assert (outcome.method.type, outcome.method.brand, outcome.method.last4) == ("card", "visa", "4242")
    assert (outcome.method.token, outcome.method.holder) == (token, "Maya Lindqvist")
    (received,) = stripe.requests
    assert (received.key, received.given["off_session"], received.given["confirm"]) == (
        request.reference,
        "true",
        "true",
    )
    assert received.given["metadata"] == {"portal_reference": request.reference}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000341", "card_declined"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000009987", "card_declined"),
        ("4000000000006975", "limit_exceeded"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "card_declined"),
        ("4000000000000119", "processing_error"),
    ],
)
def test_declined_card_is_a_failure_with_its_reason(acme, stripe, build, number, code):
    request = build.charge(stripe.books.keep_card(number))

    outcome = acme.charge(request)
    later = acme.look_up(build.lookup(request, outcome))

    assert (outcome.state, outcome.failure_code, outcome.money) == (State.FAILED, code, MONEY)
    assert outcome.gateway_reference is not None
    assert outcome.failure_message is None
    assert (later.state, later.failure_code) == (State.FAILED, code)


def test_customer_authenticates_on_the_banks_page_and_is_charged_afterwards(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))

    charged = acme.charge(request)
    stripe.books.answer_bank(charged.gateway_reference)
    outcome = acme.look_up(build.lookup(request, charged))

    assert charged.state is State.REQUIRES_ACTION
    assert charged.action_url == f"https://hooks.stripe.example/3d_secure_2/{charged.gateway_reference}"
    assert stripe.requests[1].given["return_url"] == RETURN_URL
    assert (outcome.state, outcome.gateway_reference) == (State.SUCCEEDED, charged.gateway_reference)
    assert len(stripe.books.captured) == 1


def test_failed_authentication_is_a_failure(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))

    charged = acme.charge(request)
    stripe.books.answer_bank(charged.gateway_reference, proves=False)
    outcome = acme.look_up(build.lookup(request, charged))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "authentication_failed")


def test_card_that_was_saved_on_session_is_charged_without_a_page(acme, stripe, build):
    outcome = acme.charge(build.charge(stripe.books.keep_card("4000002500003155")))

    assert outcome.state is State.SUCCEEDED


@pytest.mark.parametrize("lost_at", [0, 1])
def test_required_authentication_is_never_a_failure_while_the_confirmation_may_be_in_flight(
    acme, stripe, build, lost_at
):
    request = build.charge(stripe.books.keep_card("4000002760003184"))
    stripe.mischief = [None] * lost_at + [happens.LOST]

    lost = acme.charge(request)
    between = acme.look_up(build.lookup(request, lost))
    again = acme.charge(request)

    assert lost.state is State.UNKNOWN
    assert between.state in (State.PENDING, State.REQUIRES_ACTION)
    assert (again.state, again.action_url is not None) == (State.REQUIRES_ACTION, True)


def test_slow_bank_is_pending_and_then_as_it_decides(acme, stripe, build):
    stripe.books.pays_later = True
    paid, declined = (build.charge(stripe.books.keep_card()) for _ in range(2))

    first, second = acme.charge(paid), acme.charge(declined)
    stripe.books.settle(first.gateway_reference)
    stripe.books.settle(second.gateway_reference, ("card_declined", "insufficient_funds"))

    assert (first.state, second.state) == (State.PENDING, State.PENDING)
    assert acme.look_up(build.lookup(paid, first)).state is State.SUCCEEDED
    assert acme.look_up(build.lookup(declined, second)).failure_code == "insufficient_funds"


def test_same_reference_again_is_the_same_charge_as_it_is_now(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))

    charged = acme.charge(request)
    stripe.books.answer_bank(charged.gateway_reference)
    again = acme.charge(request)

    assert (again.state, again.gateway_reference) == (State.SUCCEEDED, charged.gateway_reference)
    assert len(stripe.books.captured) == 1


def test_same_reference_again_returns_what_the_bank_decided_meanwhile(acme, stripe, build):
    stripe.books.pays_later = True
    request = build.charge(stripe.books.keep_card())
    pending = acme.charge(request)
    stripe.books.settle(pending.gateway_reference)

    again = acme.charge(request)

    assert (pending.state, again.state) == (State.PENDING, State.SUCCEEDED)


def test_same_reference_for_another_amount_is_the_first_charge(acme, stripe, build):
    request = build.charge(stripe.books.keep_card())
    other = type(request)(request.reference, Money(9999, "USD"), request.token, request.description, request.return_url)

    acme.charge(request)
    outcome = acme.charge(other)

    assert (outcome.state, outcome.money) == (State.SUCCEEDED, MONEY)
    assert len(stripe.books.captured) == 1


@pytest.mark.parametrize(
    "mischief",
    [
        happens.LOST,
        happens.NEVER_ARRIVED,
        happens.TRUNCATED,
        happens.STORED_FAULT,
        happens.STORED_FAULT_AFTERWARDS,
        happens.refused(429, "rate_limit"),
        happens.refused(429, "lock_timeout"),
        happens.refused(409, "idempotency_key_in_use"),
        happens.refused(401),
        happens.refused(403),
        happens.refused(424),
        happens.refused(502),
        happens.refused(503),
        happens.Mischief(True, 200, b"<html>"),
        happens.Mischief(True, 200, b"[]"),
        happens.Mischief(True, 200, b"{}"),
        happens.Mischief(True, 200, b'{"object": ["charge"]}'),
        happens.Mischief(True, 200, b'{"error": {"code": "card_declined"}}'),
        happens.Mischief(True, 402, b'{"error": "no"}'),
        happens.Mischief(True, 400, b'{"error": null}'),
        happens.Mischief(True, 302, b"{}"),
        happens.Mischief(True, 200, b'{"id": "' + b"x" * (2 << 20) + b'"}'),
    ],
)
def test_response_that_proves_nothing_is_unknown_and_one_charge_in_the_end(acme, stripe, build, mischief):
    request = build.charge(stripe.books.keep_card())
    stripe.mischief = [mischief]

    outcome = acme.charge(request)
    found = acme.look_up(build.lookup(request, outcome))

    assert (outcome.state, outcome.reference) == (State.UNKNOWN, request.reference)
    assert found.state is (State.SUCCEEDED if stripe.books.captured else State.ABSENT)
    if not mischief.keeps:
        assert acme.charge(request).state is State.SUCCEEDED
        assert len(stripe.books.captured) == 1


def test_response_that_arrives_too_late_is_unknown(stripe, build, clock):
    hasty = StripeGateway(SECRET_KEY, [], 0.3, origin=stripe.origin, clock=clock)
    stripe.mischief = [happens.Mischief(True, 200, b"{}", delay_seconds=1)]

    assert hasty.charge(build.charge(stripe.books.keep_card())).state is State.UNKNOWN


def test_replayed_500_stays_unknown_each_time_and_the_list_shows_that_nothing_was_created(acme, stripe, build):
    request = build.charge(stripe.books.keep_card())
    stripe.mischief = [happens.STORED_FAULT]

    states = [acme.charge(request).state for _ in range(3)]
    found = acme.look_up(build.lookup(request))

    assert (states, found.state) == ([State.UNKNOWN] * 3, State.ABSENT)
    assert stripe.books.captured == []


def test_two_at_once_are_one_charge(acme, stripe, build):
    request = build.charge(stripe.books.keep_card())
    together = threading.Barrier(2, timeout=5)
    stripe.before = lambda seen: together.wait() and None if seen.method == "POST" else None
    states = []

    threads = [threading.Thread(target=lambda: states.append(acme.charge(request).state)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert set(states) <= {State.SUCCEEDED, State.UNKNOWN}
    assert State.SUCCEEDED in states
    assert len(stripe.books.captured) == 1


def test_request_of_yesterday_is_looked_up_and_never_sent(acme, stripe, build, clock):
    request = build.charge(stripe.books.keep_card())
    acme.charge(request)
    clock.advance(hours=23)
    stripe.requests.clear()

    outcome = acme.charge(request)

    assert outcome.state is State.SUCCEEDED
    assert all(received.method == "GET" for received in stripe.requests)
    assert len(stripe.books.captured) == 1


@pytest.mark.parametrize(("hours", "state"), [(23, State.ABSENT), (24, State.FAILED)])
def test_request_of_yesterday_that_never_arrived_is_not_sent_any_more(acme, stripe, build, clock, hours, state):
    request = build.charge(stripe.books.keep_card())
    clock.advance(hours=hours)

    outcome = acme.charge(request)

    assert (outcome.state, outcome.failure_code) == (state, "timeout" if state is State.FAILED else None)
    assert stripe.books.captured == []


@pytest.mark.parametrize("money", [Money(5124, "KWD"), Money(550, "MGA"), Money(5, "IRR")])
def test_amount_that_cannot_be_expressed_is_refused_before_any_request(acme, stripe, build, money):
    outcome = acme.charge(build.charge(stripe.books.keep_card(), money))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_unsupported")
    assert stripe.requests == []


@pytest.mark.parametrize("money", [Money(100_000_000, "USD"), Money(500, "BAM")])
def test_amount_that_stripe_does_not_accept_is_unsupported(acme, stripe, build, money):
    outcome = acme.charge(build.charge(stripe.books.keep_card(), money))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_unsupported")


@pytest.mark.parametrize(
    ("money", "expected"), [(Money(5, "ISK"), 500), (Money(5000, "XAF"), 5000), (Money(500, "MGA"), 5)]
)
def test_amount_is_charged_in_stripes_units_and_returned_in_ours(acme, stripe, build, money, expected):
    outcome = acme.charge(build.charge(stripe.books.keep_card(), money))

    assert stripe.books.captured[0]["amount_received"] == expected
    assert outcome.money == money


def test_deleted_card_is_an_invalid_method_and_reaches_no_bank(acme, stripe, build):
    detached, unknown = stripe.books.keep_card(), "cus_999/pm_999"
    stripe.books.detach(detached.partition("/")[2])

    outcomes = [acme.charge(build.charge(token)) for token in (detached, unknown, "tok_of_another_gateway")]

    assert {(outcome.state, outcome.failure_code) for outcome in outcomes} == {(State.FAILED, "method_invalid")}


def test_card_of_another_customer_is_an_invalid_method(acme, stripe, build):
    mine, theirs = stripe.books.keep_card(), stripe.books.keep_card()

    outcome = acme.charge(build.charge(f"{mine.partition('/')[0]}/{theirs.partition('/')[2]}"))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")


def test_cancelled_charge_takes_nothing_and_has_failed(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))
    charged = acme.charge(request)

    outcome = acme.cancel(build.lookup(request, charged))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "payer_canceled")
    assert acme.look_up(build.lookup(request)).failure_code == "payer_canceled"


def test_charge_that_succeeded_meanwhile_is_returned_when_it_is_cancelled(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))
    charged = acme.charge(request)
    stripe.before = lambda seen: (
        stripe.books.answer_bank(charged.gateway_reference) if seen.path.endswith("/cancel") else None
    )

    assert acme.cancel(build.lookup(request, charged)).state is State.SUCCEEDED


def test_cancelling_without_a_response_is_unknown(acme, stripe, build):
    request = build.charge(stripe.books.keep_card("4000002760003184"))
    charged = acme.charge(request)
    stripe.mischief = [None, happens.LOST]

    assert acme.cancel(build.lookup(request, charged)).state is State.UNKNOWN
    assert acme.look_up(build.lookup(request, charged)).failure_code == "payer_canceled"
