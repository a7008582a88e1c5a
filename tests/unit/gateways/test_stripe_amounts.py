"""Money as Stripe counts it: a table of https://docs.stripe.com/currencies, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gateways.stripe.amounts import from_stripe, to_stripe
from portal.money import AmountError, Money

TABLE = [
    # "to charge 10 USD, provide an amount value of 1000"
    (Money(1000, "USD"), 1000),
    (Money(1, "EUR"), 1),
    # "For zero-decimal currencies, still provide amounts as an integer but without multiplying by 100"
    (Money(500, "JPY"), 500),
    (Money(5000, "XAF"), 5000),
    (Money(5000, "XOF"), 5000),
    (Money(1000, "KRW"), 1000),
    (Money(990, "CLP"), 990),
    # Zero-decimal at Stripe, two decimals in ISO 4217.
    (Money(500, "MGA"), 5),
    # "To charge 5 ISK, provide an amount value of 500", and UGX the same, though ISO 4217 has no decimals for either.
    (Money(5, "ISK"), 500),
    (Money(5, "UGX"), 500),
    # Whole in payouts only: "even though you can charge two-decimal amounts".
    (Money(1045, "HUF"), 1045),
    (Money(80045, "TWD"), 80045),
    # Three decimals, the last of them 0: "5.124 KWD must be rounded to 5120 or 5130".
    (Money(5120, "KWD"), 5120),
    (Money(10, "BHD"), 10),
    (Money(1230, "TND"), 1230),
]
EACH = ["BHD", "EUR", "HUF", "ISK", "JPY", "KWD", "MGA", "TWD", "UGX", "USD", "XAF"]


@pytest.mark.parametrize(("money", "amount"), TABLE)
def test_amount_is_sent_in_stripes_units_and_read_back(money, amount):
    assert to_stripe(money) == amount
    assert from_stripe(amount, money.currency.lower()) == money


@pytest.mark.parametrize(
    "money",
    [
        Money(5124, "KWD"),
        Money(1, "JOD"),
        Money(550, "MGA"),
        Money(0, "USD"),
        Money(-1, "USD"),
        Money(5, "IRR"),
        Money(5, "CLF"),
        Money(1000, "LYD"),
    ],
)
def test_amount_that_stripe_cannot_express_is_refused(money):
    with pytest.raises(AmountError):
        to_stripe(money)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (550, "isk"),
        (1, "ugx"),
        ("500", "usd"),
        (5.0, "usd"),
        (True, "usd"),
        (None, "usd"),
        (5, None),
        (5, "zzz"),
        (10**16, "usd"),
    ],
)
def test_amount_of_a_response_that_is_malformed_is_refused(amount, currency):
    with pytest.raises(AmountError):
        from_stripe(amount, currency)


@given(st.sampled_from(EACH), st.integers(1, 10**11))
def test_every_amount_that_can_be_sent_is_read_back_unchanged(currency, amount):
    money = Money(amount, currency)
    try:
        converted = to_stripe(money)
    except AmountError:
        return

    assert from_stripe(converted, currency.lower()) == money
