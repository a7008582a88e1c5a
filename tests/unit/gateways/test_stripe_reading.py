"""What Stripe's objects mean: each status, each decline, and nothing believed of a shape that is not theirs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from stripe._api_version import _ApiVersion

from portal.gateways.contract import FAILURE_CODES, ChargeOutcome, RefundOutcome, SetupOutcome, State
from portal.gateways.stripe import client
from portal.gateways.stripe import parsing as reading
from portal.gateways.stripe.parsing import (
    failure_code,
    read_intent,
    read_listed_charge,
    read_page,
    read_refund,
    read_setup,
)
from portal.money import AmountError

NOW = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)
REFERENCE = "pay_032kbShSLbF8iRm1FXK4Ro"
# https://docs.stripe.com/api/payment_intents/object
INTENT: dict[str, Any] = {
    "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
    "object": "payment_intent",
    "amount": 2000,
    "amount_received": 2000,
    "currency": "usd",
    "created": 1680800504,
    "last_payment_error": None,
    "latest_charge": {"id": "ch_1", "created": 1680800505},
    "metadata": {"portal_reference": REFERENCE},
    "next_action": None,
    "payment_method": {
        "id": "pm_1",
        "type": "card",
        "customer": "cus_1",
        "billing_details": {"name": "Jenny Rosen"},
        "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2034, "fingerprint": "mToisGZ01V71BCos"},
    },
    "status": "succeeded",
}
DECLINE = {"code": "card_declined", "decline_code": "insufficient_funds"}
ASKING = {"code": "authentication_required", "decline_code": "authentication_required"}
REDIRECT = {
    "type": "redirect_to_url",
    "redirect_to_url": {"url": "https://hooks.stripe.com/x", "return_url": "https://a/"},
}
SDK_ACTION = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
SESSION: dict[str, Any] = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "client_reference_id": REFERENCE,
    "status": "complete",
    "payment_status": "paid",
    "payment_intent": INTENT,
    "setup_intent": {
        "id": "seti_1",
        "status": "succeeded",
        "customer": "cus_1",
        "payment_method": INTENT["payment_method"],
    },
    "customer": "cus_1",
    "amount_total": 2000,
    "currency": "usd",
    "expires_at": 1773924000,
    "url": "https://checkout.stripe.com/c/pay/cs_test_1",
}
REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "amount": 500,
    "currency": "usd",
    "metadata": {"portal_reference": "re_032kbShSLbF8iRm1FXK4Ro"},
    "status": "succeeded",
}
READERS: list[tuple[Callable[[Any], ChargeOutcome | SetupOutcome | RefundOutcome], dict[str, Any]]] = [
    (lambda body: read_intent(REFERENCE, body), INTENT),
    (lambda body: read_page(REFERENCE, body, NOW), SESSION),
    (lambda body: read_setup(REFERENCE, body, NOW), SESSION),
    (lambda body: read_refund("re_1", body), REFUND),
]


@pytest.mark.parametrize(
    ("changes", "state", "code"),
    [
        ({}, State.SUCCEEDED, None),
        ({"status": "processing"}, State.PENDING, None),
        ({"status": "requires_capture"}, State.PENDING, None),
        ({"status": "requires_confirmation"}, State.PENDING, None),
        ({"status": "requires_payment_method"}, State.PENDING, None),
        ({"status": "requires_payment_method", "last_payment_error": ASKING}, State.PENDING, None),
        ({"status": "requires_payment_method", "last_payment_error": DECLINE}, State.FAILED, "insufficient_funds"),
        ({"status": "requires_action", "next_action": REDIRECT}, State.REQUIRES_ACTION, None),
        ({"status": "requires_action", "next_action": SDK_ACTION}, State.PENDING, None),
        ({"status": "canceled", "cancellation_reason": "requested_by_customer"}, State.FAILED, "payer_canceled"),
        ({"status": "canceled", "cancellation_reason": None}, State.FAILED, "payer_canceled"),
        ({"status": "canceled", "cancellation_reason": "automatic"}, State.FAILED, "timeout"),
        ({"status": "of_next_year"}, State.UNKNOWN, None),
    ],
)
def test_each_status_of_a_charge_has_its_meaning(changes, state, code):
    outcome = read_intent(REFERENCE, {**INTENT, **changes})

    assert (outcome.state, outcome.failure_code) == (state, code)


def test_amount_received_counts_and_not_the_amount_requested():
    outcome = read_intent(REFERENCE, {**INTENT, "amount_received": 1500})

    assert outcome.money is not None
    assert outcome.money.amount == 1500


@pytest.mark.parametrize(
    ("code", "decline_code", "expected"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds"),
        ("card_declined", "generic_decline", "card_declined"),
        ("card_declined", "of_next_year", "card_declined"),
        ("card_declined", "pin_try_exceeded", "wrong_pin"),
        ("card_declined", "withdrawal_count_limit_exceeded", "limit_exceeded"),
        ("card_declined", "", "card_declined"),
        ("expired_card", "", "expired_card"),
        ("of_next_year", "", "processing_error"),
        ("", "", "processing_error"),
    ],
)
def test_decline_becomes_a_failure_code_of_the_contract(code, decline_code, expected):
    assert failure_code(code, decline_code) == expected


@pytest.mark.parametrize(
    "decline_code", ["lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist"]
)
def test_loss_theft_and_fraud_are_a_plain_decline(decline_code):
    assert failure_code("card_declined", decline_code) == "card_declined"


def test_every_reason_is_one_of_the_contract():
    assert set(reading._BY_CODE.values()) | set(reading._BY_DECLINE.values()) <= FAILURE_CODES


@pytest.mark.parametrize(
    ("changes", "state", "code"),
    [
        ({}, State.SUCCEEDED, None),
        ({"status": "open"}, State.SUCCEEDED, None),
        ({"status": "open", "payment_intent": None}, State.REQUIRES_ACTION, None),
        ({"status": "open", "payment_intent": None, "url": None}, State.UNKNOWN, None),
        ({"status": "complete", "payment_intent": None}, State.UNKNOWN, None),
        ({"status": "expired", "payment_intent": None}, State.FAILED, "page_canceled"),
        ({"status": "expired", "payment_intent": None, "expires_at": 1}, State.FAILED, "page_expired"),
        ({"status": "expired"}, State.SUCCEEDED, None),
        ({"status": None}, State.SUCCEEDED, None),
        ({"status": "of_next_year", "payment_intent": None}, State.UNKNOWN, None),
    ],
)
def test_each_status_of_a_page_has_its_meaning(changes, state, code):
    outcome = read_page(REFERENCE, {**SESSION, **changes}, NOW)

    assert (outcome.state, outcome.failure_code) == (state, code)
    assert outcome.page_reference == "cs_test_1"


@pytest.mark.parametrize(
    ("intent", "state", "code"),
    [
        ({}, State.SUCCEEDED, None),
        ({"payment_method": "pm_1"}, State.UNKNOWN, None),
        ({"customer": None}, State.SUCCEEDED, None),
        ({"status": "processing"}, State.PENDING, None),
        ({"status": "requires_payment_method", "last_setup_error": DECLINE}, State.FAILED, "insufficient_funds"),
        ({"status": "canceled"}, State.FAILED, "processing_error"),
        ({"status": "of_next_year"}, State.UNKNOWN, None),
    ],
)
def test_each_status_of_a_setup_has_its_meaning(intent, state, code):
    session = {**SESSION, "setup_intent": {**SESSION["setup_intent"], **intent}}

    outcome = read_setup(REFERENCE, session, NOW)

    assert (outcome.state, outcome.failure_code) == (state, code)
    assert (outcome.method.token if outcome.method else None) == ("cus_1/pm_1" if state is State.SUCCEEDED else None)


def test_setup_without_a_customer_saves_nothing():
    session = {**SESSION, "customer": None, "setup_intent": {**SESSION["setup_intent"], "customer": None}}

    assert read_setup(REFERENCE, session, NOW).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", State.SUCCEEDED),
        ("pending", State.PENDING),
        ("requires_action", State.PENDING),
        ("failed", State.FAILED),
        ("canceled", State.FAILED),
        ("of_next_year", State.UNKNOWN),
        (None, State.UNKNOWN),
    ],
)
def test_each_status_of_a_refund_has_its_meaning(status, state):
    assert read_refund("re_1", {**REFUND, "status": status}).state is state


def test_charge_that_was_never_attempted_is_not_listed():
    assert read_listed_charge({**INTENT, "status": "requires_payment_method"}) is None
    assert (
        read_listed_charge({**INTENT, "status": "requires_payment_method", "last_payment_error": DECLINE}) is not None
    )


@pytest.mark.parametrize("reader", range(len(READERS)))
@given(data=st.data())
def test_object_of_another_shape_is_never_a_success_of_another_charge_and_never_an_exception(reader, data):
    read, whole = READERS[reader]
    body = copy.deepcopy(whole)
    place, name = body, data.draw(st.sampled_from(sorted(body)))
    while isinstance(place[name], dict) and place[name] and data.draw(st.booleans()):
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place)))
    wrong: st.SearchStrategy[Any] = (
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()) | st.just({})
    )
    place[name] = data.draw(wrong)

    outcome = read(body)

    assert outcome.state in State
    if outcome.state is State.SUCCEEDED and reader == 0:
        assert outcome.money is not None


@pytest.mark.parametrize("missing", ["id", "amount", "currency", "metadata", "created"])
def test_listed_charge_without_a_part_is_no_charge(missing):
    body = {name: value for name, value in {**INTENT, "status": "processing"}.items() if name != missing}

    if missing == "metadata":
        listed = read_listed_charge(body)
        assert listed is not None
        assert listed.reference is None
    else:
        with pytest.raises(AmountError):
            read_listed_charge(body)


def test_version_of_the_api_is_the_one_that_the_sdk_knows():
    assert _ApiVersion.CURRENT == client.API_VERSION


def test_sdk_sends_no_telemetry():
    assert stripe.enable_telemetry is False
