"""What the rows of one invoice come to: lines, tax, shipping, discount and total, in the one reading that fits. Pure.

Files say these once, on each row, or for each row; tax is within the prices or comes on top. Where a total is given, the reading
that leads to it is taken; where two would, or none does, the rows are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import product

from portal.importing.rules.amounts import round_to_minor
from portal.importing.rules.refusals import ValueRefused
from portal.money import MAX_AMOUNT, exponent, major_units

_LONGEST_DESCRIPTION = 255


@dataclass(frozen=True, slots=True)
class AmountRow:
    """The amounts of one row: `unit` is in major units, the others in minor units; None for what the row does not say."""

    description: str
    quantity: Decimal
    unit: Decimal | None
    tax_rate: Decimal | None
    total: int | None
    tax: int | None
    shipping: int | None
    discount: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `unit_amount` is in minor units with its decimals, as text; `amount` before tax that comes on top."""

    description: str
    quantity: str
    unit_amount: str
    amount: int
    tax_rate: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What an invoice comes to, in minor units: `total` is what is billed, `tax` the part of it that is tax."""

    lines: tuple[Line, ...]
    tax: int
    total: int


@dataclass(frozen=True, slots=True)
class Words:
    """What the lines of shipping and of a discount are called, in the merchant's language."""

    shipping: str = "Shipping"
    discount: str = "Discount"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One reading of a column over the rows; `cost` grows with how unusual it is."""

    amount: int
    cost: int = 0


@dataclass(frozen=True, slots=True)
class _Fit:
    """A reading of all columns that leads to a total; `rest` is what rounding leaves between the lines and the total."""

    total: int
    rest: int
    tax: int
    is_tax_included: bool
    shipping: int
    discount: int
    is_total_of_rows: bool
    cost: int


def price_rows(rows: Sequence[AmountRow], currency: str, words: Words) -> Price:
    """Raises ValueRefused with the sums that do not agree, or with the option that would tell two readings apart."""
    if all(row.unit is None for row in rows):
        price = _price_totals(rows, currency)
    elif any(row.unit is None for row in rows):
        price = _price_each(rows, currency, words)
    else:
        price = _price_lines(rows, currency, words)
    if abs(price.total) > MAX_AMOUNT:
        raise ValueRefused("the invoice comes to more than 15 digits")
    return price


def _price_totals(rows: Sequence[AmountRow], currency: str) -> Price:
    """Rows with totals alone. One total on all rows is the invoice's; shipping and discount are within it, and so is tax."""
    totals = _choices([row.total for row in rows])
    is_one = len(totals) > 1 or (len(rows) > 1 and sum(row.total is not None for row in rows) == 1)
    total = totals[-1].amount
    taxes = _choices([row.tax for row in rows])
    # Which of two readings of the tax is right cannot be told without prices: then the invoice says nothing of it.
    tax = taxes[0].amount if len(taxes) == 1 else 0
    if not any(row.tax is not None for row in rows):
        tax = _rated_tax(rows, [total] if is_one else [row.total or 0 for row in rows], is_included=True)
    if abs(tax) > abs(total) or tax * total < 0:
        raise ValueRefused(f"tax_amount is {_words(tax, currency)} of a total of {_words(total, currency)}")
    if is_one:
        description = _joined([row.description for row in rows])
        return Price((_line(description, Decimal(1), None, total, currency, rows[0].tax_rate),), tax, total)
    lines = tuple(
        _line(row.description, row.quantity, None, row.total, currency, row.tax_rate)
        for row in rows
        if row.total is not None
    )
    return Price(lines, tax, total)


def _price_each(rows: Sequence[AmountRow], currency: str, words: Words) -> Price:
    """Rows of which some have a price and some a total: each stands for itself."""
    amounts = []
    for row in rows:
        amount = _product(row, currency) if row.unit is not None else row.total
        if row.unit is not None and row.total is not None and abs(row.total - (amount or 0)) > 1:
            raise ValueRefused(_disagreement([row.total], amount or 0, [], currency))
        amounts.append(amount or 0)
    fit = _sole_reading(rows, amounts, currency)
    return _price(rows, amounts, fit, currency, words)


def _price_lines(rows: Sequence[AmountRow], currency: str, words: Words) -> Price:
    amounts = [_product(row, currency) for row in rows]
    if all(row.total is None for row in rows):
        return _price(rows, amounts, _sole_reading(rows, amounts, currency), currency, words)
    fits = list(_fits(rows, amounts, currency))
    totals = [choice.amount for choice in _choices([row.total for row in rows])]
    if not fits:
        further = [
            f"{name} {_words(choices[0].amount, currency)}"
            for name, choices in (
                ("tax", _tax_choices(rows, amounts)),
                ("shipping", _choices([row.shipping for row in rows])),
                ("discount", _choices([row.discount for row in rows])),
            )
            if choices[0].amount
        ]
        raise ValueRefused(_disagreement(totals, sum(amounts), further, currency))
    if len({fit.total for fit in fits}) > 1:
        sums = " and ".join(_words(total, currency) for total in totals)
        raise ValueRefused(f"total has two readings for these rows, {sums}")
    return _price(
        rows, amounts, min(fits, key=lambda fit: (abs(fit.rest), fit.cost, fit.is_tax_included)), currency, words
    )


def _fits(rows: Sequence[AmountRow], amounts: Sequence[int], currency: str) -> Iterator[_Fit]:
    """Yield the readings under which the lines come to the total. A merchant's own rounding may differ by a minor unit a row."""
    lines, tolerance = sum(amounts), len(rows)
    for total, tax, shipping, discount in product(
        _choices([row.total for row in rows]),
        _tax_choices(rows, amounts),
        _or_within_lines(_choices([row.shipping for row in rows])),
        _or_within_lines(_discount_choices(rows, amounts, currency)),
    ):
        is_total_of_rows = total.cost == 0 and all(row.total is not None for row in rows)
        if (
            is_total_of_rows
            and _is_plain(rows)
            and any(_differs(row, each) for row, each in zip(rows, amounts, strict=True))
        ):
            continue
        for is_included in (False, True) if tax.amount else (False,):
            net = lines - discount.amount + shipping.amount
            taxed = _included_tax(rows, amounts, tax) if is_included else tax.amount
            rest = total.amount - net - (0 if is_included else taxed)
            if abs(rest) <= tolerance:
                cost = total.cost + tax.cost + shipping.cost + discount.cost
                if is_included and (tax.cost > 0) != (total.cost > 0):
                    cost += 2  # Tax within the prices does not show in the sum: it is read as the total is.
                yield _Fit(
                    total.amount, rest, taxed, is_included, shipping.amount, discount.amount, is_total_of_rows, cost
                )


def _sole_reading(rows: Sequence[AmountRow], amounts: Sequence[int], currency: str) -> _Fit:
    """Without a total there is nothing to fit: each column has one reading, or the rows are refused."""
    choices = {
        "tax_amount": _tax_choices(rows, amounts),
        "shipping": _choices([row.shipping for row in rows]),
        "discount": _choices([row.discount for row in rows]),
    }
    for name, found in choices.items():
        if len(found) > 1:
            sums = " and ".join(_words(choice.amount, currency) for choice in found)
            raise ValueRefused(f"{name} is the same on these rows and has two readings, {sums}: --map total=Column")
    tax, shipping, discount = (found[0].amount for found in choices.values())
    lines = sum(amounts)
    reduced = -abs(discount) if lines < 0 else abs(discount)
    return _Fit(lines - reduced + shipping + tax, 0, tax, False, shipping, reduced, False, 0)


def _price(rows: Sequence[AmountRow], amounts: Sequence[int], fit: _Fit, currency: str, words: Words) -> Price:
    billed = list(amounts)
    if fit.is_total_of_rows and _is_plain(rows):
        billed = [row.total if row.total is not None else each for row, each in zip(rows, amounts, strict=True)]
    elif fit.rest:
        largest = max(range(len(billed)), key=lambda place: abs(billed[place]))
        billed[largest] += fit.rest
    lines = [
        _line(row.description, row.quantity, row.unit, each, currency, row.tax_rate)
        for row, each in zip(rows, billed, strict=True)
    ]
    if fit.shipping:
        lines.append(_line(words.shipping, Decimal(1), None, fit.shipping, currency, None))
    if fit.discount:
        lines.append(_line(words.discount, Decimal(1), None, -fit.discount, currency, None))
    return Price(tuple(lines), fit.tax, fit.total)


def _choices(values: Sequence[int | None]) -> list[_Choice]:
    """Return the readings of a column: its sum, and, where several rows have the same, that value once."""
    given = [value for value in values if value is not None]
    found = [_Choice(sum(given))]
    if len(given) > 1 and len(set(given)) == 1 and given[0]:
        found.append(_Choice(given[0], cost=1))
    return found


def _or_within_lines(choices: list[_Choice]) -> list[_Choice]:
    """Add the reading that the lines have it in them already, where the total says so."""
    return [*choices, _Choice(0, cost=3)] if any(choice.amount for choice in choices) else choices


def _tax_choices(rows: Sequence[AmountRow], amounts: Sequence[int]) -> list[_Choice]:
    if any(row.tax is not None for row in rows):
        return _choices([row.tax for row in rows])
    return [_Choice(_rated_tax(rows, amounts, is_included=False))]


def _included_tax(rows: Sequence[AmountRow], amounts: Sequence[int], tax: _Choice) -> int:
    if any(row.tax is not None for row in rows):
        return tax.amount
    return _rated_tax(rows, amounts, is_included=True)


def _discount_choices(rows: Sequence[AmountRow], amounts: Sequence[int], currency: str) -> list[_Choice]:
    """A discount lowers the invoice, whichever sign it is written with. A file may also write it in per cent of each row."""
    sign = -1 if sum(amounts) < 0 else 1
    found = [replace(choice, amount=sign * abs(choice.amount)) for choice in _choices([row.discount for row in rows])]
    rates = [major_units(abs(row.discount or 0), currency) for row in rows]
    if any(rates) and all(rate <= 100 for rate in rates):
        percent = sum(_rounded(amount * rate / 100) for amount, rate in zip(amounts, rates, strict=True))
        found.append(_Choice(percent, cost=2))
    return found


def _rated_tax(rows: Sequence[AmountRow], amounts: Sequence[int], *, is_included: bool) -> int:
    """Return the tax of each rate, summed: of all amounts of a rate, rounded half up once."""
    bases: dict[Decimal, int] = {}
    for row, amount in zip(rows, amounts, strict=False):
        if row.tax_rate is not None:
            bases[row.tax_rate] = bases.get(row.tax_rate, 0) + amount
    whole = Decimal(100)
    return sum(
        _rounded(base * rate / (whole + rate)) if is_included else _rounded(base * rate / whole)
        for rate, base in bases.items()
    )


def _product(row: AmountRow, currency: str) -> int:
    assert row.unit is not None, "a row without a price is priced by its total"
    return round_to_minor("quantity × unit_amount", row.quantity * row.unit, currency)


def _differs(row: AmountRow, amount: int) -> bool:
    return row.total is not None and abs(row.total - amount) > 1


def _is_plain(rows: Sequence[AmountRow]) -> bool:
    """Whether nothing but quantities and prices makes the totals of the rows."""
    return not any(row.tax or row.tax_rate or row.shipping or row.discount for row in rows)


def _line(
    description: str, quantity: Decimal, unit: Decimal | None, amount: int | None, currency: str, rate: Decimal | None
) -> Line:
    amount = amount or 0
    unit = unit if unit is not None else _unit_of(amount, quantity, currency)
    return Line(
        description,
        plain(quantity),
        plain(unit.scaleb(exponent(currency))),
        amount,
        None if rate is None else plain(rate),
    )


def _unit_of(total: int, quantity: Decimal, currency: str) -> Decimal:
    """Return the unit price of a row that has a total alone: exact where possible, else to eight decimals."""
    if quantity == 0:
        return Decimal(0)
    # Fifteen digits divided by a quantity of eight decimals need more than the default precision of 28 digits.
    with localcontext(prec=40):
        return (Decimal(total).scaleb(-exponent(currency)) / quantity).quantize(Decimal(10) ** -8).normalize()


def _joined(descriptions: Sequence[str]) -> str:
    text = ", ".join(dict.fromkeys(each for each in descriptions if each))
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1]}…"


def _disagreement(totals: Sequence[int], lines: int, further: Sequence[str], currency: str) -> str:
    given = _words(totals[-1], currency)
    if len(totals) > 1:
        given += f" (added up: {_words(totals[0], currency)})"
    beside = f", beside {', '.join(further)}" if further else ""
    return (
        f"total is not quantity × unit_amount: it says {given}, and the lines come to {_words(lines, currency)}{beside}"
    )


def _words(amount: int, currency: str) -> str:
    return f"{major_units(amount, currency):f}"


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def plain(value: Decimal) -> str:
    """Return a decimal without an exponent and without zeros at its end."""
    text = f"{value.normalize():f}"
    return "0" if text == "-0" else text
