"""Ordering from Notch Pay: a page, or a prompt that rings once a reference, whatever is lost between its two calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.gateways.contract import FAILURE_CODES, Payer, State
from portal.money import Money
from tests.support.notchpay_requests import MONEY, PAGE, PROMPT, REFERENCE, lookup
from tests.support.notchpay_server import (
    LOST,
    NEVER_ARRIVED,
    PUBLIC_KEY,
    Mischief,
    NotchPayServer,
    refused,
)

# --- the hosted page ---


def test_page_is_opened_under_our_reference_with_the_public_key_alone(notchpay: NotchPayServer, gateway):
    outcome = gateway.open_page(PAGE)

    method, path, headers, body = notchpay.requests[0]
    assert (method, path, headers["Authorization"], "X-Grant" in headers) == ("POST", "/payments", PUBLIC_KEY, False)
    assert body == {
        "amount": 5000,
        "currency": "XAF",
        "locked_currency": "XAF",
        "reference": REFERENCE,
        "description": "Facture 2026-017",
        "callback": "https://portal.example/savane/payments/1",
        "customer": {"name": "Aïcha Njoya", "email": "aicha@njoya.example", "phone": "+237677000000"},
    }
    assert (outcome.state, outcome.reference, outcome.money) == (State.REQUIRES_ACTION, REFERENCE, MONEY)
    assert outcome.gateway_reference == notchpay.books.of(REFERENCE)["reference"]
    assert outcome.action_url is not None
    assert outcome.action_url.startswith(gateway.form_action_origins[0])


def test_page_of_a_payer_without_mail_or_telephone_is_refused_before_any_request(notchpay: NotchPayServer, gateway):
    outcome = gateway.open_page(replace(PAGE, payer=Payer("cus_1", "Aïcha Njoya")))

    assert (outcome.state, outcome.failure_code, notchpay.requested) == (State.FAILED, "processing_error", [])


def test_page_of_somebody_with_a_pay_link_has_the_merchants_address_and_no_name(notchpay: NotchPayServer, gateway):
    gateway.open_page(replace(PAGE, payer=Payer("plk_1", fallback_email="aide@savane.example")))

    assert notchpay.requests[0][3]["customer"] == {"email": "aide@savane.example"}


def test_look_up_of_an_open_page_keeps_its_address(notchpay: NotchPayServer, gateway, clock):
    opened = gateway.open_page(PAGE)

    again = gateway.look_up(lookup(clock, opened))

    assert (again.state, again.action_url) == (State.REQUIRES_ACTION, opened.action_url)


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("processing", State.PENDING, None),
        ("incomplete", State.PENDING, None),
        ("complete", State.SUCCEEDED, None),
        ("refunded", State.SUCCEEDED, None),
        ("partialy-refunded", State.SUCCEEDED, None),
        ("failed", State.FAILED, "processing_error"),
        ("canceled", State.FAILED, "page_canceled"),
        ("rejected", State.FAILED, "method_invalid"),
        ("abandoned", State.FAILED, "page_expired"),
        ("expired", State.FAILED, "page_expired"),
        ("disputed", State.UNKNOWN, None),
    ],
)
def test_each_documented_status_means_one_state(notchpay: NotchPayServer, gateway, clock, status, state, code):
    opened = gateway.open_page(PAGE)
    notchpay.books.settle(REFERENCE, status)

    outcome = gateway.look_up(lookup(clock, opened))

    assert (outcome.state, outcome.failure_code, outcome.money) == (state, code, MONEY)
    assert code is None or code in FAILURE_CODES


def test_page_whose_response_was_lost_is_found_and_can_be_cancelled(notchpay: NotchPayServer, gateway, clock):
    notchpay.mischief = [LOST]

    lost = gateway.open_page(PAGE)
    found = gateway.look_up(lookup(clock))
    ended = gateway.cancel(lookup(clock, found))

    assert [outcome.state for outcome in (lost, found, ended)] == [State.UNKNOWN, State.PENDING, State.FAILED]
    assert len(notchpay.books.payments) == 1


# --- a prompt: two calls ---


def test_prompt_is_sent_to_the_telephone_once_and_stays_pending(notchpay: NotchPayServer, gateway):
    outcome = gateway.prompt(PROMPT)

    assert notchpay.books.rings == [(REFERENCE, "cm.mtn", "+237677000001")]
    assert (outcome.state, outcome.reference, outcome.money) == (State.PENDING, REFERENCE, MONEY)
    assert (outcome.method.brand, outcome.method.last4) == ("mtn_momo", "0001")
    assert outcome.method.phone == "+237•••0001"
    assert outcome.method.token is None


@pytest.mark.parametrize(("status", "state"), [("complete", State.SUCCEEDED), ("failed", State.FAILED)])
def test_approval_on_the_telephone_is_found_by_a_lookup(notchpay: NotchPayServer, gateway, clock, status, state):
    prompted = gateway.prompt(PROMPT)
    notchpay.books.settle(REFERENCE, status)

    assert gateway.look_up(lookup(clock, prompted)).state is state
    assert gateway.look_up(lookup(clock)).state is state


def test_approval_after_the_end_is_found(notchpay: NotchPayServer, gateway, clock):
    prompted = gateway.prompt(PROMPT)
    notchpay.books.settle(REFERENCE, "expired")
    expired = gateway.look_up(lookup(clock, prompted))
    notchpay.books.settle(REFERENCE, "complete")

    late = gateway.look_up(lookup(clock, prompted))

    assert (expired.state, expired.failure_code, late.state) == (State.FAILED, "timeout", State.SUCCEEDED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channel": "ci.orange"}, "method_invalid"),
        ({"money": Money(5000, "XOF")}, "amount_unsupported"),
        ({"money": Money(5000, "USD")}, "amount_unsupported"),
    ],
)
def test_impossible_prompt_is_refused_before_any_request(notchpay: NotchPayServer, gateway, change, code):
    outcome = gateway.prompt(replace(PROMPT, **change))

    assert (outcome.state, outcome.failure_code, notchpay.requested) == (State.FAILED, code, [])


def test_telephone_that_is_not_accepted_ends_the_payment_without_a_prompt(notchpay: NotchPayServer, gateway):
    outcome = gateway.prompt(replace(PROMPT, phone="+33612345678"))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")
    assert (notchpay.books.of(REFERENCE)["status"], notchpay.books.rings) == ("canceled", [])


def test_refusal_of_a_payment_in_progress_does_not_end_it(notchpay: NotchPayServer, gateway):
    # Done, and answered as if it had not been pending any more: two of us may have processed it.
    notchpay.mischief = [None, Mischief(True, 422, b'{"code": 422, "message": "Payment cannot be processed"}')]

    outcome = gateway.prompt(PROMPT)

    assert (outcome.state, len(notchpay.books.rings)) == (State.PENDING, 1)


def test_response_to_the_second_request_that_does_not_accept_it_is_unknown(notchpay: NotchPayServer, gateway, clock):
    notchpay.mischief = [None, Mischief(True, 202, b"{}")]

    outcome = gateway.prompt(PROMPT)

    assert (outcome.state, outcome.gateway_reference) == (State.UNKNOWN, notchpay.books.of(REFERENCE)["reference"])
    assert gateway.look_up(lookup(clock, outcome)).state is State.PENDING


FATES = {
    "works": None,
    "lost": LOST,
    "never arrived": NEVER_ARRIVED,
    "500": refused(500),
    "500 after the work": Mischief(True, 500),
    "429": refused(429),
    "truncated": Mischief(True, 201, b'{"transaction": {', 5000),
    "html": Mischief(True, 200, b"<html>"),
}


@pytest.mark.parametrize("tells_channel", [True, False])
@pytest.mark.parametrize("finds_by_our_reference", [True, False])
@pytest.mark.parametrize("second", FATES)
@pytest.mark.parametrize("first", FATES)
def test_whatever_is_lost_between_the_requests_at_most_one_prompt_is_sent_and_the_outcome_is_found(
    notchpay: NotchPayServer, gateway, clock, first, second, finds_by_our_reference, tells_channel
):
    notchpay.books.tells_channel = tells_channel
    notchpay.books.finds_by_our_reference = finds_by_our_reference
    notchpay.mischief = [FATES[first], FATES[second]]

    prompted = seen = gateway.prompt(PROMPT)
    notchpay.mischief = []
    # As the portal continues: with and without the ids that it recorded; what is absent is sent once more.
    for known in (None, prompted):
        clock.advance(seconds=11)
        seen = gateway.look_up(lookup(clock, known))
        if seen.state is State.ABSENT:
            seen = gateway.prompt(PROMPT)

    assert prompted.state in (State.PENDING, State.UNKNOWN)
    assert len(notchpay.books.payments) == 1
    assert len(notchpay.books.rings) <= 1
    assert seen.state is State.PENDING
    notchpay.books.settle(REFERENCE, "complete")
    assert gateway.look_up(lookup(clock, seen)).state is State.SUCCEEDED


def test_prompt_whose_second_request_was_never_sent_is_sent_by_a_retry(notchpay: NotchPayServer, gateway, clock):
    notchpay.mischief = [None, NEVER_ARRIVED]
    gateway.prompt(PROMPT)
    clock.advance(minutes=1)

    outcome = gateway.prompt(PROMPT)

    assert (outcome.state, len(notchpay.books.rings), len(notchpay.books.payments)) == (State.PENDING, 1, 1)


def test_prompt_that_another_process_begins_at_this_moment_is_left_to_it(notchpay: NotchPayServer, gateway, clock):
    notchpay.mischief = [None, NEVER_ARRIVED]
    gateway.prompt(PROMPT)
    clock.advance(seconds=12)

    outcome = gateway.prompt(PROMPT)

    assert (outcome.state, notchpay.books.rings) == (State.PENDING, [])


def test_reference_that_exists_for_another_amount_is_returned_without_a_prompt(
    notchpay: NotchPayServer, gateway, clock
):
    notchpay.mischief = [None, NEVER_ARRIVED]
    gateway.prompt(replace(PROMPT, money=Money(9000, "XAF")))
    clock.advance(minutes=1)

    outcome = gateway.prompt(PROMPT)

    assert (outcome.money, notchpay.books.rings) == (Money(9000, "XAF"), [])


def test_duplicate_that_is_reported_as_a_validation_error_means_that_it_exists(notchpay: NotchPayServer, gateway):
    gateway.prompt(PROMPT)
    notchpay.mischief = [Mischief(False, 422, b'{"message": "no", "errors": {"reference": ["has been taken"]}}')]

    assert gateway.prompt(PROMPT).state is State.PENDING
