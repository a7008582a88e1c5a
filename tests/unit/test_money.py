"""Money: exact integers, strict reading, splits that sum to the whole."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.money import (
    CURRENCIES,
    MAX_AMOUNT,
    AmountError,
    Money,
    exponent,
    major_units,
    minor_units,
    parse_decimal,
    split,
)

PORTAL = Path(__file__).parents[2] / "portal"
TIME = re.compile("second|timeout|deadline|_cache", re.IGNORECASE)
MONEY_MODULES = [
    "money.py",
    "invoices",
    "payments",
    "refunds",
    "checkout",
    "gateways",
    "importing",
    "demo/actions.py",
    "demo/seeding.py",
]


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1000", "XAF", 1000),
        ("1.234", "KWD", 1234),
        ("19.99", "USD", 1999),
        ("19.995", "USD", 2000),
        ("-19.995", "USD", -2000),
        ("0.5", "JPY", 1),
        ("156.4", "GBP", 15640),
    ],
)
def test_decimals_become_minor_units_rounded_half_up(text: str, currency: str, amount: int):
    assert minor_units(parse_decimal(text), currency) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 7",
        "7\n",
        "1e3",
        "1_000",
        "١٢٣",
        "²",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x10",
        "1,000",
        "+1",
        "1.",
        ".5",
        "9" * 16,
        "--1",
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(text: str):
    with pytest.raises(AmountError):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("10000000000000", "USD"), ("-9999999999999.995", "USD"), ("999999999999999", "KWD"), ("9" * 40, "XAF")],
)
def test_decimal_of_more_than_fifteen_digits_is_no_amount(text: str, currency: str):
    with pytest.raises(AmountError):
        minor_units(Decimal(text), currency)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(-MAX_AMOUNT, MAX_AMOUNT))
def test_minor_and_major_units_are_the_same_money(currency: str, amount: int):
    assert minor_units(major_units(amount, currency), currency) == amount


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_parts_of_a_split_sum_to_the_whole(amount: int, weights: list[int]):
    parts = split(amount, weights)

    assert sum(parts) == amount
    total = sum(weights)
    assert all(
        abs(Decimal(part) - Decimal(amount * weight) / total) < 1 for part, weight in zip(parts, weights, strict=True)
    )


def test_split_by_three_gives_the_first_the_rest():
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    assert split(-100, [1, 1, 1]) == [-34, -33, -33]


def test_split_of_nothing_is_nothing():
    assert split(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize(("weights", "parts"), [([1], [7]), ([0, 1], [0, 7]), ([0, 0, 3], [0, 0, 7])])
def test_split_gives_all_to_the_only_weight(weights: list[int], parts: list[int]):
    assert split(7, weights) == parts


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 2]])
def test_split_without_sound_weights_is_refused(weights: list[int]):
    with pytest.raises(ValueError):
        split(100, weights)


@pytest.mark.parametrize("amount", [10**15, -(10**15), True, 1.0, "5"])
def test_money_is_a_whole_number_of_at_most_fifteen_digits(amount: object):
    with pytest.raises(AmountError):
        Money(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [999_999_999_999_999, -999_999_999_999_999])
def test_money_of_fifteen_digits_is_money(amount: int):
    assert (Money(amount, "USD").amount, Money(amount, "USD").currency) == (amount, "USD")


@pytest.mark.parametrize("currency", ["", "usd", "XXX", "US", "EURO"])
def test_currency_is_one_of_iso_4217(currency: str):
    with pytest.raises(AmountError):
        Money(1, currency)
    with pytest.raises(AmountError):
        exponent(currency)


@pytest.mark.parametrize(
    ("decimals", "currencies"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (2, "AED CDF CHF EUR GBP GHS KES MAD MGA MRU NGN TZS USD ZMW ZWG"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_currency_has_the_decimals_of_iso_4217(decimals: int, currencies: str):
    assert {currency: exponent(currency) for currency in currencies.split()} == dict.fromkeys(
        currencies.split(), decimals
    )


def test_currencies_are_never_added():
    assert Money(3, "USD") + Money(4, "USD") - Money(2, "USD") == Money(5, "USD")
    with pytest.raises(AmountError):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(AmountError):
        Money(1, "USD") - Money(1, "EUR")


def test_no_float_is_written_where_money_is():
    found = []
    for place in MONEY_MODULES:
        path = PORTAL / place
        for file in [path] if path.is_file() else path.rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            lines = text.splitlines()
            for node in ast.walk(ast.parse(text)):
                is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
                is_name = isinstance(node, ast.Name) and node.id == "float" and isinstance(node.ctx, ast.Load)
                # The seconds of a clock or a timeout are no money, and say that they are seconds.
                if isinstance(node, ast.expr) and (is_literal or is_name) and not TIME.search(lines[node.lineno - 1]):
                    found.append(f"{file.relative_to(PORTAL)}:{node.lineno}")

    assert found == []
