"""Amounts, numbers and dates as each locale writes them, with Babel as the oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from babel.dates import format_skeleton
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from portal.money import AmountError, exponent, major_units
from portal.rendering.formats import formats_for, iso

LOCALES = ("en", "fr", "ar", "de")
CURRENCIES = ("USD", "EUR", "GBP", "XAF", "JPY", "KWD")
AMOUNTS = st.integers(-999_999_999_999_999, 999_999_999_999_999)
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


def without_marks(text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, "\u200e\u200f\u061c")))


@given(amount=AMOUNTS, currency=st.sampled_from(CURRENCIES), locale=st.sampled_from(LOCALES))
def test_money_is_written_as_babel_does_but_for_what_the_design_decides(amount, currency, locale):
    written = formats_for(locale).money(amount, currency)

    oracle = without_marks(format_currency(abs(major_units(amount, currency)), currency, locale=locale))
    if locale == "en" and currency in ("XAF", "KWD"):  # Letters never touch digits; FCFA stands after the number.
        number = oracle.removeprefix("FCFA").removeprefix("KWD")
        oracle = f"{number}\u00a0FCFA" if currency == "XAF" else f"KWD\u00a0{number}"
    assert written == ("−" + oracle if amount < 0 else oracle)


@given(amount=AMOUNTS, currency=st.sampled_from(CURRENCIES), locale=st.sampled_from(LOCALES))
def test_parts_of_an_amount_make_up_the_formatted_amount(amount, currency, locale):
    formats = formats_for(locale)
    parts = formats.money_parts(amount, currency)

    assert parts.prefix + parts.whole + parts.part + parts.unit_after == formats.money(amount, currency)
    assert parts.unit == parts.unit_after.strip("\u00a0")
    assert bool(parts.part) == (exponent(currency) > 0)


@pytest.mark.parametrize(
    ("locale", "amount", "currency", "written"),
    [
        ("en", 124_000, "USD", "$1,240.00"),
        ("en", 45_000, "EUR", "€450.00"),
        ("en", -18_000, "USD", "−$180.00"),
        ("en", 5_000, "XAF", "5,000\u00a0FCFA"),
        ("fr", 5_000, "XAF", "5\u202f000\u00a0FCFA"),
        ("fr", 0, "XAF", "0\u00a0FCFA"),
        ("fr", -5_000, "XAF", "−5\u202f000\u00a0FCFA"),
        ("fr", 5, "EUR", "0,05\u00a0€"),
    ],
)
def test_money_as_the_design_writes_it(locale, amount, currency, written):
    assert formats_for(locale).money(amount, currency) == written


def test_amounts_in_arabic_have_latin_digits_and_no_hidden_marks():
    written = formats_for("ar").money(-123_456_789, "XAF")

    assert written == "−123,456,789\u00a0FCFA"


@pytest.mark.parametrize("amount", [12.5, Decimal("12.50"), True, "12"])
def test_amount_that_is_no_int_is_refused(amount):
    with pytest.raises(TypeError):
        formats_for("en").money(amount, "EUR")


def test_unknown_currency_is_refused():
    with pytest.raises(AmountError):
        formats_for("en").money(100, "XXZ")


@given(
    value=st.one_of(st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=3)),
    locale=st.sampled_from(LOCALES),
)
def test_number_is_written_as_babel_does(value, locale):
    oracle = without_marks(format_decimal(abs(value), locale=locale))

    assert formats_for(locale).number(value) == ("−" + oracle if value < 0 else oracle)


def test_number_is_never_rounded_and_never_a_float():
    number = formats_for("en").number

    assert number(Decimal("0.123456789")) == "0.123456789"
    with pytest.raises(TypeError):
        number(0.5)  # type: ignore[arg-type]  # The fault under test.
    with pytest.raises(TypeError):
        number(Decimal("NaN"))


def test_number_groups_as_the_locale_does():
    assert formats_for("en_IN").number(12_345_678) == "1,23,45,678"


@given(on=DAYS, locale=st.sampled_from(LOCALES))
def test_days_and_months_are_written_as_babel_does_but_for_the_french_first(on, locale):
    formats = formats_for(locale)
    heading = without_marks(format_skeleton("yMMMM", on, locale=locale))

    assert formats.month(on) == heading[0].upper() + heading[1:]
    if locale != "fr" or on.day != 1:
        assert formats.day(on) == without_marks(format_skeleton("yMMMd", on, locale=locale))
        assert formats.day_short(on, on) == without_marks(format_skeleton("MMMd", on, locale=locale))


def test_first_of_a_month_in_french_is_an_ordinal():
    formats = formats_for("fr")

    assert formats.day(date(2026, 4, 1)) == "1er avril 2026"
    assert formats.day_short(date(2026, 1, 1), date(2026, 5, 5)) == "1er janvier"
    assert formats.day(date(2026, 3, 5)) == "5 mars 2026"


def test_day_of_another_year_has_its_year():
    formats = formats_for("en")

    assert formats.day_short(date(2026, 3, 5), date(2026, 12, 31)) == "Mar 5"
    assert formats.day_short(date(2025, 12, 31), date(2026, 1, 1)) == "Dec 31, 2025"


@pytest.mark.parametrize("locale", LOCALES)
def test_clock_has_24_hours_in_every_language(locale):
    at = datetime(2026, 3, 5, 18, 2, 7, tzinfo=UTC)

    assert formats_for(locale).clock_time(at) == "18:02"
    assert formats_for(locale).clock_seconds(at) == "18:02:07"


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "Mar 5, 2026, 18:02"), ("fr", "5 mars 2026, 18:02"), ("pt", "5 de mar. de 2026 18:02"),
        ("ar", "5 مارس 2026، 18:02"),
    ],
)  # fmt: skip
def test_day_and_minute_are_put_together_as_the_language_does(locale, written):
    assert formats_for(locale).day_time(datetime(2026, 3, 5, 18, 2, 7, tzinfo=UTC)) == written


def test_iso_is_a_valid_datetime_attribute():
    lagos = timezone(timedelta(hours=1))

    assert iso(date(2026, 3, 5)) == "2026-03-05"
    assert iso(datetime(2026, 3, 5, 10, 47, 7, 123_456, lagos)) == "2026-03-05T10:47:07+01:00"


def test_what_formats_write_needs_no_escaping():
    for locale in LOCALES:
        formats = formats_for(locale)
        for currency in CURRENCIES:
            assert not set("&<>\"'") & set(formats.money(-123_456, currency))
