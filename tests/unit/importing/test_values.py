"""Single values of a row: dates in a zone, decimals, currencies, countries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from portal.importing.errors import MappingFault
from portal.importing.rules.values import (
    ValueRefused,
    checked_calendar,
    find_country,
    read_decimal,
    read_exact_minor,
    read_minor,
)

LONDON = checked_calendar("%m/%d/%Y %H:%M", "Europe/London")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("12/1/2010 8:26", datetime(2010, 12, 1, 8, 26, tzinfo=UTC)),
        ("7/1/2011 0:30", datetime(2011, 6, 30, 23, 30, tzinfo=UTC)),
        ("2011-07-01", datetime(2011, 6, 30, 23, 0, tzinfo=UTC)),
        ("2011-07-01T10:00:00Z", datetime(2011, 7, 1, 10, 0, tzinfo=UTC)),
    ],
)
def test_instant_is_read_in_the_files_zone(text, instant):
    assert LONDON.instant("issued_on", text) == instant


def test_day_is_the_files_own_though_utc_has_another():
    assert LONDON.day("issued_on", "7/1/2011 0:30") == date(2011, 7, 1)


@pytest.mark.parametrize("text", ["13/13/2010 8:26", "yesterday", "", "1/1/1899 0:00", "9999-12-31", "0001-01-01"])
def test_date_that_is_none_is_refused(text):
    with pytest.raises(ValueRefused, match=r"^issued_on "):
        LONDON.day("issued_on", text)


@pytest.mark.parametrize("date_format", ["%Q", "%Y", "%d", "%H:%M", "day"])
def test_format_that_tells_no_day_is_refused(date_format):
    with pytest.raises(MappingFault, match="date format"):
        checked_calendar(date_format, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_zone_that_is_none_is_refused(zone):
    with pytest.raises(MappingFault, match="timezone"):
        checked_calendar(None, zone)


@pytest.mark.parametrize("text", ["1e3", "1_000", "١٢٣", "NaN", "Infinity", "1,234.50", "$5", "--1", "1" * 16])
def test_decimal_is_plain(text):
    with pytest.raises(ValueRefused, match="total is not a plain decimal"):
        read_decimal("total", text)


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
    assert read_minor("total", Decimal(value), currency) == amount


def test_total_with_more_decimals_than_its_currency_is_refused():
    assert read_exact_minor("total", "5000.00", "XAF") == 5000
    with pytest.raises(ValueRefused, match="more decimals"):
        read_exact_minor("total", "5000.5", "XAF")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United Kingdom", "GB"), ("EIRE", "IE"), ("RSA", "ZA"), ("USA", "US"), ("cm", "CM"), ("Czech Republic", "CZ"),
        ("Hong Kong", "HK"), ("European Community", None), ("Unspecified", None), ("Channel Islands", None),
    ],
)  # fmt: skip
def test_country_by_name(name, code):
    assert find_country(name) == code
