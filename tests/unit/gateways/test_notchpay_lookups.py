"""Lookups at Notch Pay: failed or absent only when that is proven; another amount is returned as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.gateways.contract import Payer, State
from portal.gateways.notchpay import Keys, NotchPayGateway
from portal.money import Money
from tests.support.notchpay_requests import MONEY, PAGE, PAYER, PROMPT, REFERENCE, lookup
from tests.support.notchpay_server import (
    LOST,
    NEVER_ARRIVED,
    PRIVATE_KEY,
    PUBLIC_KEY,
    Mischief,
    NotchPayServer,
    refused,
)

# --- what is answered ---


BROKEN = [
    *(refused(status) for status in (401, 403, 408, 429, 500, 502, 503, 504)),
    Mischief(False, 302),
    Mischief(False, 201, b"<html>"),
    Mischief(False, 201, b"[]"),
    Mischief(False, 201, b"{}"),
    Mischief(False, 201, b'{"transaction": "trx.abc", "authorization_url": "https://pay.notchpay.co/abc"}'),
    Mischief(True, 201, b'{"transaction": {', 5000),
    Mischief(True, 201, b'{"a":"' + b"x" * (2 << 20) + b'"}'),
    Mischief(True, 200, b"{}", None, 0.6),
    LOST,
    NEVER_ARRIVED,
]


@pytest.fixture
def impatient(notchpay: NotchPayServer, clock) -> NotchPayGateway:
    """Waits for no more than 0.3 s."""
    return NotchPayGateway(Keys(PUBLIC_KEY, PRIVATE_KEY, ()), 0.3, origin=notchpay.origin, clock=clock)


@pytest.mark.parametrize("mischief", [*BROKEN, refused(404)])
def test_request_without_a_complete_response_is_unknown_and_never_failed(notchpay: NotchPayServer, impatient, mischief):
    notchpay.mischief = [mischief] * 2

    assert impatient.open_page(PAGE).state is State.UNKNOWN
    assert impatient.prompt(PROMPT).state is State.UNKNOWN


@pytest.mark.parametrize("mischief", BROKEN)
def test_lookup_without_a_complete_response_is_unknown_and_never_absent(
    notchpay: NotchPayServer, impatient, clock, mischief
):
    notchpay.mischief = [mischief] * 2

    assert impatient.look_up(lookup(clock)).state is State.UNKNOWN
    assert impatient.cancel(lookup(clock)).state is State.UNKNOWN


@pytest.mark.parametrize(
    "part",
    [{"amount": "5000"}, {"amount": 5000.0}, {"amount": True}, {"amount": None}, {"currency": "ZZZ"}, {"currency": "USD"},
     {"status": 1}, {"trxref": None, "merchant_reference": None}],
)  # fmt: skip
def test_payment_that_cannot_be_read_is_unknown(notchpay: NotchPayServer, gateway, clock, part):
    opened = gateway.open_page(PAGE)
    notchpay.books.settle(REFERENCE, "complete")
    notchpay.books.of(REFERENCE).update(part)

    assert gateway.look_up(lookup(clock, opened)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("part", "expected"),
    [({"amount": 9000}, (REFERENCE, Money(9000, "XAF"))), ({"currency": "XOF"}, (REFERENCE, Money(5000, "XOF"))),
     ({"trxref": "pay_x", "merchant_reference": "pay_x"}, ("pay_x", MONEY))],
)  # fmt: skip
def test_another_amount_currency_or_reference_is_returned_as_it_is(
    notchpay: NotchPayServer, gateway, clock, part, expected
):
    opened = gateway.open_page(PAGE)
    notchpay.books.settle(REFERENCE, "complete")
    notchpay.books.of(REFERENCE).update(part)

    outcome = gateway.look_up(lookup(clock, opened))

    assert (outcome.state, outcome.reference, outcome.money) == (State.SUCCEEDED, *expected)


def test_shape_of_the_reference_pages_is_read_too(notchpay: NotchPayServer, gateway, clock):
    # `api-reference/payments`: ours in `reference`, theirs in `id`.
    notchpay.mischief = [
        Mischief(
            False,
            200,
            b'{"code": 202, "transaction": {"id": "pay_123456789", "reference": "%b", "amount": 5000, "currency": "XAF",'
            b' "status": "complete", "completed_at": "2023-01-01T12:05:00Z"}}' % REFERENCE.encode(),
        )
    ]

    outcome = gateway.look_up(lookup(clock))

    assert (outcome.state, outcome.reference, outcome.gateway_reference) == (
        State.SUCCEEDED,
        REFERENCE,
        "pay_123456789",
    )
    assert outcome.completed_at is not None


@pytest.mark.parametrize(
    ("money", "payer", "code"),
    [
        (Money(5, "XAF"), PAYER, "amount_unsupported"),
        (MONEY, Payer("cus_1", email="\u200b"), "processing_error"),
    ],
)
def test_request_that_is_refused_as_invalid_has_failed(notchpay: NotchPayServer, gateway, money, payer, code):
    outcome = gateway.open_page(replace(PAGE, money=money, payer=payer))

    assert (outcome.state, outcome.failure_code, outcome.failure_message) == (State.FAILED, code, "Validation failed")
    assert notchpay.books.payments == {}


@pytest.mark.parametrize(
    ("channel", "type", "brand"),
    [("cm.mtn", "mobile_money", "mtn_momo"), ("cm.orange", "mobile_money", "orange_money"), ("cm.mobile", "mobile_money", None),
     ("card", "card", None), ("paypal", "other", None)],
)  # fmt: skip
def test_method_of_a_page_is_read_from_its_channel(notchpay: NotchPayServer, gateway, clock, channel, type, brand):
    opened = gateway.open_page(PAGE)
    notchpay.books.settle(REFERENCE, "complete")
    notchpay.books.of(REFERENCE)["channel"] = channel

    method = gateway.look_up(lookup(clock, opened)).method

    assert (method.type, method.brand, method.token) == (type, brand, None)


# --- what was never heard of ---


def test_reference_that_neither_reference_nor_list_has_is_absent(notchpay: NotchPayServer, gateway, clock):
    gateway.prompt(replace(PROMPT, reference="pay_another"))

    assert gateway.look_up(lookup(clock)).state is State.ABSENT


def test_list_with_a_payment_without_a_known_reference_proves_nothing(notchpay: NotchPayServer, gateway, clock):
    gateway.prompt(replace(PROMPT, reference="pay_another"))
    notchpay.books.tells_our_reference = False

    assert gateway.look_up(lookup(clock)).state is State.UNKNOWN


def test_payment_without_our_reference_is_not_ours(notchpay: NotchPayServer, gateway, clock):
    gateway.prompt(replace(PROMPT, reference="pay_another"))
    notchpay.books.of("pay_another").update({"trxref": None, "merchant_reference": None})

    assert gateway.look_up(lookup(clock)).state is State.ABSENT


def test_reference_behind_a_hundred_others_is_found(notchpay: NotchPayServer, gateway, clock):
    for number in range(120):
        notchpay.books.initialise(
            {"amount": 100, "currency": "XAF", "reference": f"pay_{number}", "customer": {"phone": "+237677000000"}}
        )

    assert gateway.look_up(replace(lookup(clock), reference="pay_3")).state is State.PENDING


@pytest.mark.parametrize(("field", "value"), [("last_page", 21), ("totals", 9), ("items", None), ("last_page", "1")])
def test_incomplete_list_proves_nothing(notchpay: NotchPayServer, gateway, clock, field, value):
    whole = notchpay.books.list_payments({})
    broken = Mischief(False, 200, str(whole | {field: value}).replace("'", '"').replace("None", "null").encode())
    notchpay.mischief = [None, None, broken]

    assert gateway.look_up(lookup(clock)).state is State.UNKNOWN


def test_payment_whose_gateway_reference_is_not_found_any_more_is_unknown(notchpay: NotchPayServer, gateway, clock):
    prompted = gateway.prompt(PROMPT)
    notchpay.books.payments.clear()

    assert gateway.look_up(lookup(clock, prompted)).state is State.UNKNOWN


# --- calling off ---


def test_open_page_that_is_cancelled_has_failed(notchpay: NotchPayServer, gateway, clock):
    opened = gateway.open_page(PAGE)

    outcome = gateway.cancel(lookup(clock, opened))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "page_canceled")
    assert notchpay.books.of(REFERENCE)["status"] == "canceled"


@pytest.mark.parametrize(
    ("status", "state"), [("processing", State.PENDING), ("complete", State.SUCCEEDED), ("expired", State.FAILED)]
)
def test_payment_that_cannot_be_cancelled_any_more_is_returned_unchanged(
    notchpay: NotchPayServer, gateway, clock, status, state
):
    opened = gateway.open_page(PAGE)
    notchpay.books.settle(REFERENCE, status)

    outcome = gateway.cancel(lookup(clock, opened))

    assert (outcome.state, notchpay.books.of(REFERENCE)["status"]) == (state, status)
    assert not any(line.startswith("DELETE") for line in notchpay.requested)


@pytest.mark.parametrize(
    ("mischief", "state"), [(LOST, State.FAILED), (NEVER_ARRIVED, State.REQUIRES_ACTION), (refused(422), State.REQUIRES_ACTION)]
)  # fmt: skip
def test_payment_is_looked_up_whatever_the_response_to_cancelling_was(
    notchpay: NotchPayServer, gateway, clock, mischief, state
):
    opened = gateway.open_page(PAGE)
    notchpay.mischief = [None, mischief]

    assert gateway.cancel(lookup(clock, opened)).state is state


# --- the list ---


def test_list_has_every_payment_of_the_time_oldest_first(notchpay: NotchPayServer, gateway, clock):
    begun = clock.now()
    for number in range(3):
        gateway.prompt(replace(PROMPT, reference=f"pay_{number}"))
        clock.advance(hours=1)
    notchpay.books.settle("pay_1", "complete")
    notchpay.books.of("pay_0").update({"trxref": None, "merchant_reference": None})

    listed = gateway.list_charges(begun, begun + timedelta(hours=2))

    assert [(charge.reference, charge.state, charge.money, charge.created_at) for charge in listed] == [
        (None, State.PENDING, MONEY, begun),
        ("pay_1", State.SUCCEEDED, MONEY, begun + timedelta(hours=1)),
    ]


def test_list_skips_payments_in_currencies_that_we_never_request(notchpay: NotchPayServer, gateway, clock):
    gateway.prompt(PROMPT)
    notchpay.books.of(REFERENCE)["currency"] = "EUR"

    assert gateway.list_charges(clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)) == ()


@pytest.mark.parametrize("part", [{"amount": "5000"}, {"created_at": "2026-03-19 10:42:00"}])
def test_list_with_a_row_that_cannot_be_read_is_none(notchpay: NotchPayServer, gateway, clock, part):
    gateway.prompt(PROMPT)
    notchpay.books.of(REFERENCE).update(part)

    assert gateway.list_charges(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1)) is None


def test_list_that_grows_while_it_is_read_has_each_charge_once(notchpay: NotchPayServer, gateway, clock, monkeypatch):
    def begin(reference: str) -> None:
        notchpay.books.initialise(
            {"amount": 100, "currency": "XAF", "reference": reference, "customer": {"phone": "+237677000000"}}
        )
        notchpay.books.settle(reference, "complete")

    def page_of_a_growing_list(query: dict[str, str]) -> dict[str, Any]:
        if query["page"] == "2":
            begin("pay_between_the_pages")
        return list_payments(query)

    references = [f"pay_{number}" for number in range(150)]
    for reference in references:
        begin(reference)
        clock.advance(seconds=1)
    list_payments = notchpay.books.list_payments
    monkeypatch.setattr(notchpay.books, "list_payments", page_of_a_growing_list)

    listed = gateway.list_charges(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1))

    assert [charge.reference for charge in listed] == references


def test_list_of_which_one_page_fails_is_none(notchpay: NotchPayServer, gateway, clock):
    for number in range(101):
        notchpay.books.initialise(
            {"amount": 100, "currency": "XAF", "reference": f"pay_{number}", "customer": {"phone": "+237677000000"}}
        )
    notchpay.mischief = [None, refused(503)]

    assert gateway.list_charges(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1)) is None


# --- the key ---


def test_valid_key_is_distinguished_from_an_invalid_one(notchpay: NotchPayServer, gateway):
    other_account = NotchPayGateway(Keys("pk_test.other", PRIVATE_KEY, ()), 5, origin=notchpay.origin)

    assert (gateway.is_reachable(), other_account.is_reachable()) == (True, False)
