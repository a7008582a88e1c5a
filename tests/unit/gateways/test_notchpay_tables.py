"""Amounts at Notch Pay: only currencies whose unit is documented in one way, and whole numbers alone."""

from __future__ import annotations

import pytest

from portal.gateways.notchpay.client import NotchPayGateway
from portal.gateways.notchpay.tables import CHANNELS, CURRENCY_OF_COUNTRY, from_notchpay, to_notchpay
from portal.money import CURRENCIES, AmountError, Money, exponent

FIGURES = {"XAF": 5000, "XOF": 5000}
REFUSED = ["USD", "EUR", "NGN", "GHS", "KES", "GBP", "JPY", "UGX", "RWF", "GNF", "KWD", "ISK", "HUF", "TWD"]


@pytest.mark.parametrize(("currency", "figure"), FIGURES.items())
def test_amount_is_sent_and_read_as_the_same_number(currency, figure):
    money = Money(5000, currency)

    assert to_notchpay(money) == figure
    assert from_notchpay(figure, currency) == money


@pytest.mark.parametrize("currency", REFUSED)
def test_currency_with_an_unclear_unit_is_neither_sent_nor_read(currency):
    with pytest.raises(AmountError):
        to_notchpay(Money(5000, currency))
    with pytest.raises(AmountError):
        from_notchpay(5000, currency)


def test_supported_currencies_have_no_decimals_so_that_major_and_minor_units_are_equal():
    taken = [currency for currency in CURRENCIES if currency in FIGURES]

    assert [exponent(currency) for currency in taken] == [0, 0]
    for currency in CURRENCIES - set(FIGURES):
        with pytest.raises(AmountError):
            to_notchpay(Money(1, currency))


@pytest.mark.parametrize("amount", ["5000", 5000.0, True, None, [5000], 10**15, -(10**15)])
def test_amount_that_is_no_whole_number_is_not_read(amount):
    with pytest.raises(AmountError):
        from_notchpay(amount, "XAF")


@pytest.mark.parametrize("currency", ["xaf", "XA", "FCFA", "", None, 950, ["XAF"]])
def test_currency_that_is_not_one_is_not_read(currency):
    with pytest.raises(AmountError):
        from_notchpay(5000, currency)


def test_every_channel_has_the_currency_of_its_country():
    assert {CURRENCY_OF_COUNTRY[channel.country] for channel in CHANNELS} <= set(FIGURES)


def test_capabilities_have_the_currencies_of_the_table():
    accepts = NotchPayGateway.capabilities.accepts

    assert [currency for currency in ("XAF", "XOF", "EUR", "USD") if accepts(currency)] == ["XAF", "XOF"]
