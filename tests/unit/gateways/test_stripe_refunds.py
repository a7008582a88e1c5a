"""Refunds at Stripe: once a reference, never more than was charged, and returned as they end."""

from __future__ import annotations

import pytest

from portal.gateways.contract import RefundRequest, State
from portal.money import Money
from tests.support.stripe_server import mischief as happens


@pytest.fixture
def charged(acme, stripe, build):
    return acme.charge(build.charge(stripe.books.keep_card()))


def test_partial_refunds_never_exceed_the_charge(acme, stripe, build, charged):
    first, second = acme.refund(build.refund(charged, 2000)), acme.refund(build.refund(charged, 3000))
    third = acme.refund(build.refund(charged, 1))

    assert [(one.state, one.money) for one in (first, second)] == [
        (State.SUCCEEDED, Money(2000, "USD")),
        (State.SUCCEEDED, Money(3000, "USD")),
    ]
    assert (third.state, third.failure_code) == (State.FAILED, "amount_too_large")
    assert sum(refund["amount"] for refund in stripe.books.objects["refund"].values()) == 5000


def test_refund_above_the_remainder_is_refused(acme, build, charged):
    acme.refund(build.refund(charged, 2000))

    outcome = acme.refund(build.refund(charged, 3001))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_too_large")


def test_same_reference_again_is_the_same_refund_as_it_is_now(acme, stripe, build, charged):
    request = build.refund(charged, 2000)

    first = acme.refund(request)
    stripe.books.fail_refund(first.gateway_reference)
    again = acme.refund(request)

    assert (again.state, again.gateway_reference) == (State.FAILED, first.gateway_reference)
    assert len(stripe.books.objects["refund"]) == 1


def test_refund_that_cannot_be_read_again_is_unknown_and_no_failure(acme, stripe, build, charged):
    request = build.refund(charged, 2000)
    acme.refund(request)
    stripe.mischief = [None, happens.refused(404, "resource_missing")]

    assert acme.refund(request).state is State.UNKNOWN


@pytest.mark.parametrize(
    "mischief",
    [happens.LOST, happens.NEVER_ARRIVED, happens.TRUNCATED, happens.STORED_FAULT_AFTERWARDS, happens.refused(429)],
)
def test_refund_without_a_response_is_unknown_and_made_once(acme, stripe, build, charged, mischief):
    request = build.refund(charged, 2000)
    stripe.mischief = [mischief]

    lost, found = acme.refund(request), acme.look_up_refund(request)
    if found.state is State.ABSENT:
        acme.refund(request)

    assert lost.state is State.UNKNOWN
    assert found.state is (State.SUCCEEDED if mischief.acts else State.ABSENT)
    assert acme.look_up_refund(request).state is State.SUCCEEDED
    assert len(stripe.books.objects["refund"]) == 1


def test_refund_that_is_pending_and_then_fails_is_returned_as_failed(acme, stripe, build, charged):
    stripe.books.refunds_become = "pending"
    request = build.refund(charged)

    pending = acme.refund(request)
    stripe.books.fail_refund(pending.gateway_reference)
    failed = acme.look_up_refund(request)

    assert pending.state is State.PENDING
    assert (failed.state, failed.failure_code) == (State.FAILED, "expired_or_canceled_card")


@pytest.mark.parametrize(("hours", "state"), [(23, State.ABSENT), (24, State.FAILED)])
def test_refund_of_yesterday_that_never_arrived_is_not_sent_any_more(acme, stripe, build, charged, clock, hours, state):
    request = build.refund(charged)
    clock.advance(hours=hours)

    assert acme.refund(request).state is state
    assert "refund" not in stripe.books.objects


def test_refund_of_yesterday_is_looked_up(acme, stripe, build, charged, clock):
    request = build.refund(charged)
    acme.refund(request)
    clock.advance(hours=25)

    assert acme.refund(request).state is State.SUCCEEDED
    assert len(stripe.books.objects["refund"]) == 1


def test_refund_made_at_stripe_itself_is_not_ours(acme, stripe, build, charged):
    stripe.books.create_refund({"payment_intent": charged.gateway_reference, "amount": "5"})

    assert acme.look_up_refund(build.refund(charged)).state is State.ABSENT


def test_refund_of_a_charge_that_stripe_does_not_know_is_refused(acme):
    outcome = acme.refund(RefundRequest("re_1", "pi_999", Money(5, "USD")))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "resource_missing")


def test_amount_that_cannot_be_expressed_is_refused_before_any_request(acme, stripe, build, charged):
    stripe.requests.clear()

    assert acme.refund(build.refund(charged, 1, "KWD")).state is State.FAILED
    assert stripe.requests == []
