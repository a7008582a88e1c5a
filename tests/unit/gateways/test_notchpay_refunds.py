"""Refunds at Notch Pay, which has no idempotency keys: never sent twice, and never failed while one may be in flight."""

from __future__ import annotations

import pytest

from portal.clock import MovableClock
from portal.gateways.contract import RefundRequest, State
from portal.gateways.notchpay import NotchPayGateway
from portal.money import Money
from portal.public_ids import new_id
from tests.support.notchpay_requests import PROMPT, REFERENCE
from tests.support.notchpay_server import (
    LOST,
    NEVER_ARRIVED,
    PRIVATE_KEY,
    PUBLIC_KEY,
    Mischief,
    NotchPayServer,
    refused,
)


@pytest.fixture
def charge(notchpay: NotchPayServer, gateway: NotchPayGateway) -> str:
    """A payment of 5 000 XAF that was captured, by Notch Pay's reference."""
    prompted = gateway.prompt(PROMPT)
    notchpay.books.settle(REFERENCE, "complete")
    notchpay.requests.clear()
    assert prompted.gateway_reference is not None
    return prompted.gateway_reference


def order_of(charge: str, clock: MovableClock, amount: int = 2000) -> RefundRequest:
    return RefundRequest(new_id("re", clock.now()), charge, Money(amount, "XAF"))


def test_refund_is_sent_with_the_private_key_and_our_reference(notchpay: NotchPayServer, gateway, clock, charge):
    request = order_of(charge, clock)

    outcome = gateway.refund(request)

    method, path, headers, body = notchpay.requests[0]
    assert (method, path, headers["Authorization"], headers["X-Grant"]) == ("POST", "/refunds", PUBLIC_KEY, PRIVATE_KEY)
    assert body == {
        "payment": charge,
        "amount": 2000,
        "reason": request.reference,
        "metadata": {"reference": request.reference},
    }
    assert (outcome.state, outcome.reference, outcome.money) == (State.PENDING, request.reference, request.money)
    assert outcome.gateway_reference == "rfd.test_1"


@pytest.mark.parametrize(
    ("status", "state"),
    [("processing", State.PENDING), ("complete", State.SUCCEEDED), ("failed", State.FAILED), ("odd", State.UNKNOWN)],
)
def test_each_documented_status_means_one_state(notchpay: NotchPayServer, gateway, clock, charge, status, state):
    request = order_of(charge, clock)
    gateway.refund(request)
    notchpay.books.refunds[0]["status"] = status

    assert gateway.look_up_refund(request).state is state


def test_two_partial_refunds_of_the_same_amount_are_distinguished(notchpay: NotchPayServer, gateway, clock, charge):
    first, second = order_of(charge, clock), order_of(charge, clock)
    gateway.refund(first)
    gateway.refund(second)
    notchpay.books.refunds[0]["status"] = "complete"

    assert gateway.look_up_refund(first).state is State.SUCCEEDED
    assert gateway.look_up_refund(second).state is State.PENDING


def test_refund_above_what_was_captured_has_failed(notchpay: NotchPayServer, gateway, clock, charge):
    outcome = gateway.refund(order_of(charge, clock, 5001))

    assert (outcome.state, notchpay.books.refunds) == (State.FAILED, [])


@pytest.mark.parametrize(
    "mischief",
    [LOST, NEVER_ARRIVED, *(refused(status) for status in (401, 403, 429, 500, 503)), Mischief(True, 201, b"{}"), Mischief(True, 201, b"{", 90)],
)  # fmt: skip
def test_anything_but_a_complete_response_is_unknown(notchpay: NotchPayServer, gateway, clock, charge, mischief):
    notchpay.mischief = [mischief]

    assert gateway.refund(order_of(charge, clock)).state is State.UNKNOWN


def test_refund_whose_answer_was_lost_is_found_and_stays_one(notchpay: NotchPayServer, gateway, clock, charge):
    request = order_of(charge, clock)
    notchpay.mischief = [LOST]
    gateway.refund(request)
    clock.advance(minutes=5)

    assert gateway.look_up_refund(request).state is State.PENDING
    assert len(notchpay.books.refunds) == 1


def test_full_refund_whose_response_was_lost_and_that_is_resent_has_not_failed(
    notchpay: NotchPayServer, gateway, clock, charge
):
    request = order_of(charge, clock, 5000)
    notchpay.mischief = [LOST]
    gateway.refund(request)

    again = gateway.refund(request)

    assert (again.state, len(notchpay.books.refunds)) == (State.PENDING, 1)


def test_refund_that_may_be_in_flight_is_not_absent_yet(notchpay: NotchPayServer, gateway, clock, charge):
    request = order_of(charge, clock)

    at_once = gateway.look_up_refund(request)
    clock.advance(seconds=61)
    later = gateway.look_up_refund(request)

    assert (at_once.state, later.state) == (State.UNKNOWN, State.ABSENT)


def test_refund_of_the_same_amount_without_a_reference_leaves_it_unknown(
    notchpay: NotchPayServer, gateway, clock, charge
):
    notchpay.books.tells_refund_reference = False
    request = order_of(charge, clock)
    notchpay.mischief = [LOST]
    gateway.refund(request)
    clock.advance(days=1)

    assert gateway.look_up_refund(request).state is State.UNKNOWN


@pytest.mark.parametrize(
    "other", [{"amount": 100}, {"payment": "trx.test_another"}, {"reason": "Customer returned it", "metadata": None}]
)
def test_refund_that_is_provably_another_one_does_not(notchpay: NotchPayServer, gateway, clock, charge, other):
    notchpay.books.tells_refund_reference = False
    gateway.refund(order_of(charge, clock))
    notchpay.books.refunds[0].update(other)
    request = order_of(charge, clock)
    clock.advance(days=1)

    assert gateway.look_up_refund(request).state is State.ABSENT


def test_other_amount_is_returned_as_it_is(notchpay: NotchPayServer, gateway, clock, charge):
    request = order_of(charge, clock)
    gateway.refund(request)
    notchpay.books.refunds[0]["amount"] = 1999

    assert gateway.look_up_refund(request).money == Money(1999, "XAF")


def test_list_without_a_response_leaves_it_unknown(notchpay: NotchPayServer, gateway, clock, charge):
    request = order_of(charge, clock)
    clock.advance(days=1)
    notchpay.mischief = [refused(503)]

    assert gateway.look_up_refund(request).state is State.UNKNOWN
