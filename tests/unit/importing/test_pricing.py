"""What the rows of one invoice come to: taxes, shipping and discounts in the one reading that leads to the total."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.importing.rules.pricing import AmountRow, Price, Words, price_rows
from portal.importing.rules.refusals import ValueRefused


def row(quantity: str | None = "1", unit: str | None = None, **amounts: int | str | None) -> AmountRow:
    rate = amounts.get("rate")
    return AmountRow(
        description=str(amounts.get("description", "")),
        quantity=Decimal(quantity or "1"),
        unit=Decimal(unit) if unit is not None else None,
        tax_rate=Decimal(str(rate)) if rate is not None else None,
        **{name: amounts.get(name) for name in ("total", "tax", "shipping", "discount")},  # type: ignore[arg-type]  # by name
    )


def price(*rows: AmountRow, currency: str = "EUR") -> Price:
    return price_rows(rows, currency, Words())


def amounts_of(found: Price) -> list[int]:
    return [line.amount for line in found.lines]


@pytest.mark.parametrize(
    ("rows", "total", "tax"),
    [
        # Tax on top of prices, for each row and once.
        ([row("1", "217.39", tax=3261, total=25000)], 25000, 3261),
        ([row("1", "117.39", tax=1761, total=25000), row("1", "100.00", tax=1500, total=25000)], 25000, 3261),
        ([row("1", "100.00", tax=3800, total=23800), row("1", "100.00", tax=3800, total=23800)], 23800, 3800),
        ([row("1", "100.00", tax=1900, total=23800), row("1", "100.00", tax=1900, total=23800)], 23800, 3800),
        ([row("1", "100.00", tax=1900, total=11900), row("1", "50.00", tax=950, total=5950)], 17850, 2850),
        # Tax within prices.
        ([row("1", "119.00", tax=1900, total=11900)], 11900, 1900),
        ([row("1", "119.00", tax=2850, total=17850), row("1", "59.50", tax=2850, total=17850)], 17850, 2850),
        # Tax by rate, on top and within.
        ([row("1", "100.00", rate="19"), row("2", "10.00", rate="7")], 12000 + 1900 + 140, 2040),
        ([row("1", "100.00", rate="19", total=11900)], 11900, 1900),
        ([row("1", "119.00", rate="19", total=11900)], 11900, 1900),
        # Shipping and discount, once, on each row, and for each row.
        ([row("1", "35.00", shipping=500, discount=400, total=3600)], 3600, 0),
        ([row("1", "35.00", shipping=500, total=5000), row("1", "10.00")], 5000, 0),
        ([row("1", "35.00", shipping=500, total=5000), row("1", "10.00", shipping=500, total=5000)], 5000, 0),
        ([row("1", "35.00", shipping=500, total=5500), row("1", "10.00", shipping=500, total=5500)], 5500, 0),
        ([row("1", "35.00", discount=-400, total=3100)], 3100, 0),
        ([row("1", "80.00", discount=1000, total=7200)], 7200, 0),
        ([row("1", "80.00", discount=1000, total=7000)], 7000, 0),
        ([row("1", "80.00", discount=1000, total=8000)], 8000, 0),
        # A shop's order: all of the order on its first row.
        ([row("2", "10.00", total=3130, tax=380, shipping=500, discount=250), row("1", "5.00")], 3130, 380),
        # A total that is repeated, and one a row.
        ([row("1", "125.00", total=25000), row("1", "125.00", total=25000)], 25000, 0),
        ([row("1", "125.00", total=12500), row("1", "125.00", total=12500)], 25000, 0),
        ([row("1", "100.00", total=10000), row("1", "150.00", total=15000)], 25000, 0),
        # Totals alone.
        ([row(total=25000), row(total=25000)], 25000, 0),
        ([row(total=10000), row(total=15000)], 25000, 0),
        ([row(total=25000), row()], 25000, 0),
        ([row(total=25000, tax=3261)], 25000, 3261),
        ([row(total=11900, rate="19")], 11900, 1900),
        ([row(total=25000, tax=1600), row(total=25000, tax=1600)], 25000, 0),
        # Below zero.
        ([row("-2", "100.00", tax=-3800, total=-23800)], -23800, -3800),
        ([row("1", "-50.00", discount=500)], -4500, 0),
        # The merchant's own rounding.
        ([row("3", "3.333", total=1000)], 1000, 0),
    ],
)  # fmt: skip
def test_reading_that_fits_is_taken(rows, total, tax):
    found = price(*rows)

    assert (found.total, found.tax) == (total, tax)
    assert sum(amounts_of(found)) in (total, total - tax)


def test_shipping_and_discount_are_lines_of_their_own():
    found = price(row("1", "35.00", description="Cup", shipping=500, discount=400, total=3600))

    assert [(line.description, line.amount) for line in found.lines] == [
        ("Cup", 3500), ("Shipping", 500), ("Discount", -400),
    ]  # fmt: skip


def test_total_on_all_rows_names_all_that_it_is_for():
    (line,) = price(row(total=25000, description="There"), row(total=25000, description="Back")).lines

    assert (line.description, line.amount) == ("There, Back", 25000)


@pytest.mark.parametrize(
    ("rows", "sums"),
    [
        ([row("1", "70.00", total=8000)], ["80.00", "70.00"]),
        ([row("1", "100.00", total=25000), row("1", "100.00", total=25000)], ["250.00", "500.00", "200.00"]),
        ([row("1", "100.00", tax=1900, total=25000)], ["250.00", "100.00", "tax 19.00"]),
        ([row("1", "10.00", total=2000), row("1", "20.00", total=1000)], ["30.00"]),
    ],
)
def test_where_no_reading_fits_both_sums_are_reported(rows, sums):
    with pytest.raises(ValueRefused, match="total is not quantity × unit_amount") as fault:
        price(*rows)

    assert [each for each in sums if each not in str(fault.value)] == []


@pytest.mark.parametrize("name", ["tax", "shipping", "discount"])
def test_value_on_all_rows_without_a_total_has_two_readings_and_is_refused(name):
    with pytest.raises(ValueRefused, match=r"two readings, 10.00 and 5.00: --map total=Column$"):
        price(row("1", "35.00", **{name: 500}), row("1", "10.00", **{name: 500}))


def test_tax_beyond_the_total_is_refused():
    with pytest.raises(ValueRefused, match=r"tax_amount is 20\.00 of a total of 10\.00"):
        price(row(total=1000, tax=2000))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 99_999)), min_size=1, max_size=5),
    st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 5_000), st.booleans(), st.sampled_from(["once", "each"]),
)  # fmt: skip
def test_bill_is_read_as_it_was_written(lines, tax, shipping, discount, is_included, place):
    """An order as a shop writes it, its own figures on the first row or repeated on all: read to the cent, whatever its parts."""
    net = sum(quantity * unit for quantity, unit in lines)
    total = net - discount + shipping + (0 if is_included else tax)
    assume(total > 0 and tax < net)
    order = {"total": total, "tax": tax, "shipping": shipping, "discount": discount}
    rows = [
        row(str(quantity), f"{Decimal(unit).scaleb(-2)}", **(order if place == "each" or number == 0 else {}))
        for number, (quantity, unit) in enumerate(lines)
    ]

    try:
        found = price(*rows)
    except ValueRefused as fault:
        assert place == "each" and "two readings" in str(fault)  # noqa: PT017 - what else could be reported is in no doubt
        return

    assert found.total in (total, total * len(lines))
    assert found.total == total or place == "each"
    assert sum(amounts_of(found)) in (found.total, found.total - found.tax)
