"""Lateness, payability, and the division of tax by rate."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.invoices.rules import days_overdue, is_payable, taxes_by_rate

TODAY = date(2026, 3, 19)


@pytest.mark.parametrize(
    ("status", "age", "days"),
    [("open", 14, 14), ("partially_paid", 1, 1), ("open", 0, 0), ("open", -3, 0), ("paid", 9, 0), ("void", 9, 0)],
)
def test_invoice_is_overdue_from_the_day_after_its_due_date(status: str, age: int, days: int) -> None:
    assert days_overdue(status, TODAY - timedelta(days=age), TODAY) == days


def test_invoice_is_payable_while_something_is_left_and_nobody_pays_it() -> None:
    assert is_payable("open", 100, 0)
    assert is_payable("partially_paid", 1, 0)
    assert not is_payable("open", 100, 100)
    assert not is_payable("open", 0, 0)
    assert not is_payable("paid", 100, 0)


def test_tax_without_a_rate_is_not_divided() -> None:
    assert taxes_by_rate(100, [(None, 1000), (Decimal(0), 500)]) == []
    assert taxes_by_rate(0, [(Decimal(20), 1000)]) == []


def test_discount_lowers_the_tax_of_its_own_rate() -> None:
    lines = [(Decimal(20), 10_000), (Decimal(20), -5_000), (Decimal(10), 10_000)]

    assert taxes_by_rate(2_000, lines) == [(Decimal(10), 1_000), (Decimal(20), 1_000)]
    assert taxes_by_rate(800, [(Decimal(20), -1_000), (Decimal(10), 10_000)]) == [
        (Decimal(10), 1_000),
        (Decimal(20), -200),
    ]


@given(
    st.integers(min_value=1, max_value=10**12),
    st.lists(
        st.tuples(
            st.decimals(min_value="0.01", max_value="99.99", places=2), st.integers(min_value=1, max_value=10**12)
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_taxes_of_all_rates_sum_to_the_whole(tax: int, lines: list[tuple[Decimal | None, int]]) -> None:
    taxes = taxes_by_rate(tax, lines)

    assert sum(amount for _, amount in taxes) == tax
    assert [rate for rate, _ in taxes] == sorted({rate for rate, _ in lines if rate})
