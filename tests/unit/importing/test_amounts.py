"""Numbers as files write them: what has one reading is read, what has two is refused with the option that decides."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from portal.importing.rules.amounts import (
    NumberStyle,
    read_amount,
    read_currency,
    read_number,
    read_percentage,
    read_price,
    round_to_minor,
)
from portal.importing.rules.refusals import ValueRefused
from portal.money import exponent

POINT, COMMA, UNKNOWN = NumberStyle("."), NumberStyle(","), NumberStyle()


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("12", "USD", 1200), (" 12.5 ", "USD", 1250), ("1,234.50", "USD", 123450), ("1,234,567", "USD", 123456700),
        ("12,34,567.00", "INR", 123456700), ("1 234.50", "USD", 123450), ("1\u00a0234.50", "USD", 123450),
        ("1\u202f234\u202f567", "XAF", 1234567), ("1’234.50", "CHF", 123450), ("1'234'567.50", "CHF", 123456750),
        ("$1,234.50", "USD", 123450), ("US$ 12.00", "USD", 1200), ("12.00 USD", "USD", 1200), ("usd 12", "USD", 1200),
        ("A$12.00", "AUD", 1200), ("£12", "GBP", 1200), ("12.00 €", "EUR", 1200), ("15 000 FCFA", "XAF", 15000), ("Rs.500", "INR", 50000),
        ("₦1,500.00", "NGN", 150000), ("12.00 zł", "PLN", 1200), ("CHF 12.50", "CHF", 1250), ("kr 12.00", "NOK", 1200), ("＄12", "USD", 1200),
        ("-20.00", "USD", -2000), ("−20.00", "USD", -2000), ("–20", "USD", -2000), ("20.00-", "USD", -2000), ("(20.00)", "USD", -2000),
        ("($1,234.50)", "USD", -123450), ("-$20", "USD", -2000), ("$-20", "USD", -2000), ("$20-", "USD", -2000), ("+20", "USD", 2000),
        (".50", "USD", 50), ("0.500", "USD", 50), ("100.0000", "USD", 10000), ("5000.00", "XAF", 5000), ("1.234", "KWD", 1234),
        ("١٢٫٥٠", "EGP", 1250), ("١٬٢٣٤٫٥٠", "EGP", 123450), ("۱۲٫۵", "EGP", 1250), ("₹१,२३,४५६.५०", "INR", 12345650), ("１２．５０", "USD", 1250),
        ("\u200e-12.00\u200f", "ILS", -1200), ("0", "USD", 0), ("-0.00", "USD", 0),
    ],
)  # fmt: skip
def test_amount_with_one_reading_is_read(text, currency, amount):
    assert read_amount("total", text, currency, UNKNOWN) == amount


@pytest.mark.parametrize(
    ("text", "currency", "option"),
    [
        ("1,234", "EUR", "--decimal ,"), ("15,000", "XAF", "--decimal ,"), ("12,50", "EUR", "--decimal ,"), ("0,5", "EUR", "--decimal ,"),
        ("1.234,50", "EUR", "--decimal ,"), ("1 234,50", "EUR", "--decimal ,"), ("1.234.567", "EUR", "--decimal ,"),
        ("15.000", "XAF", "--decimal ,"), ("12.345", "USD", "--decimal ,"),
    ],
)  # fmt: skip
def test_amount_with_two_readings_is_refused_and_the_message_ends_with_the_option(text, currency, option):
    with pytest.raises(ValueRefused, match=rf"^total .*{option}$"):
        read_amount("total", text, currency, UNKNOWN)


@pytest.mark.parametrize(
    ("text", "style", "amount"),
    [
        ("1,234", POINT, 123400), ("1,234", COMMA, None), ("1.234", COMMA, 123400), ("1.234,50", COMMA, 123450), ("99,9", COMMA, 9990),
        ("1 234,50", COMMA, 123450), ("1'234,50", COMMA, 123450), ("1.234.567,89", COMMA, 123456789), ("€ 12,00", COMMA, 1200),
        ("1'234.50", COMMA, None), ("12.50", COMMA, None), ("0.123", COMMA, None), ("12,50", POINT, None), ("1.234,50", POINT, None),
    ],
)  # fmt: skip
def test_decimal_sign_that_the_command_gives_decides(text, style, amount):
    if amount is None:
        with pytest.raises(ValueRefused):
            read_amount("total", text, "EUR", style)
    else:
        assert read_amount("total", text, "EUR", style) == amount


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "USD", "1e5", "1E5", "1_000", "NaN", "Infinity", "0x10", "½", "12²", "12.", "12,-", "1,23.50", "1,234,56", "12 34", "--20", "-(20)", "(20",
        "20)", "+-20", "20.00 CR", "12K", "1.2M", "€12.00", "R$12", "A$12.00", "£12", "12 EUR", "99999999999999.99", "999999999999999999999.99", "1.2345",
        "12.00 13.00", "2025-10-01",
    ],
)  # fmt: skip
def test_what_is_no_amount_of_the_currency_is_refused(text):
    with pytest.raises(ValueRefused, match=r"^total "):
        read_amount("total", text, "USD", UNKNOWN)


@given(
    st.integers(-(10**11), 10**11),
    st.sampled_from("en de fr de-CH ar-EG hi pt-BR sv fa pl".split()),
    st.sampled_from("USD EUR XAF KWD INR".split()),
)
def test_amount_as_a_language_writes_it_is_read_back_or_refused_and_never_another(amount, language, currency):
    locale = Locale.parse(language, sep="-")
    value = Decimal(amount).scaleb(-exponent(currency))
    for text in (
        format_currency(value, currency, locale=locale),
        format_decimal(value, locale=locale, decimal_quantization=False),
    ):
        for style in (UNKNOWN, POINT, COMMA):
            if style.decimal not in (None, locale.number_symbols["latn"]["decimal"]):
                continue  # The operator says what the file does not have.
            try:
                read = read_amount("total", text, currency, style)
            except ValueRefused:
                continue
            # A currency of three decimals has them behind a point: that is what the point of such a number means unasked.
            assert read == amount or (currency == "KWD" and style is UNKNOWN)


@given(st.integers(-(10**13), 10**13), st.sampled_from("USD XAF KWD".split()))
def test_plain_decimal_of_any_currency_is_read_exactly(amount, currency):
    text = f"{Decimal(amount).scaleb(-exponent(currency)):f}"

    assert read_amount("total", text, currency, UNKNOWN) == amount


@pytest.mark.parametrize(
    ("text", "price"), [("4.8533", "4.8533"), ("0.005", "0.005"), ("1,234.567", "1234.567"), ("$0.125", "0.125")]
)
def test_price_may_have_more_decimals_than_the_currency(text, price):
    assert read_price("unit_amount", text, "USD", UNKNOWN) == Decimal(price)


@pytest.mark.parametrize("text", ["$3", "1,234", "three"])
def test_quantity_is_a_number_without_a_sign_of_money(text):
    with pytest.raises(ValueRefused, match=r"^quantity "):
        read_number("quantity", text, UNKNOWN)


@pytest.mark.parametrize(("text", "rate"), [("19.25", "19.25"), ("20%", "20"), ("5,5 %", "5.5"), ("0", "0")])
def test_percentage_with_or_without_its_sign(text, rate):
    style = COMMA if "," in text else UNKNOWN

    assert read_percentage("tax_rate", text, style) == Decimal(rate)


@pytest.mark.parametrize("text", ["-5", "101", "15% GST", "%"])
def test_what_is_no_percentage_is_refused(text):
    with pytest.raises(ValueRefused, match=r"^tax_rate "):
        read_percentage("tax_rate", text, UNKNOWN)


@pytest.mark.parametrize(
    ("text", "code"), [("usd", "USD"), (" EUR ", "EUR"), ("€", "EUR"), ("₦", "NGN"), ("zł", "PLN")]
)
def test_currency_by_its_code_or_a_sign_that_it_alone_has(text, code):
    assert read_currency("currency", text) == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [("$", "several currencies"), ("£", "several"), ("FCFA", "several"), ("BTC", "ISO 4217"), ("", "ISO")],
)
def test_currency_that_is_none_or_several_is_refused(text, reason):
    with pytest.raises(ValueRefused, match=reason):
        read_currency("currency", text)


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("1.005", "GBP", 101),
        ("1.0049", "GBP", 100),
        ("-1.005", "GBP", -101),
        ("4.5", "XAF", 5),
        ("1.2345", "KWD", 1235),
    ],
)
def test_half_a_minor_unit_is_rounded_up(value, currency, amount):
    assert round_to_minor("total", Decimal(value), currency) == amount
