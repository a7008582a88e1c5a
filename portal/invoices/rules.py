"""Decisions about an invoice, as pure functions: how late it is, whether it can be paid, how its tax divides by rate,
what of its payment may be promised."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from portal.money import split


class InvoiceStatus(StrEnum):
    """Every status of an invoice. Overdue is none of them: it is an outstanding invoice past its due date."""

    DRAFT = "draft"
    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


OUTSTANDING = (InvoiceStatus.OPEN.value, InvoiceStatus.PARTIALLY_PAID.value)
"""The statuses of an invoice of which something is left to pay, and may be paid. `models.is_outstanding` is the same in SQL."""

MAX_INVOICES_PER_PAYMENT = 300
"""Invoices in one payment, at most: each is locked while it is confirmed."""

TRANSITIONS = MappingProxyType(
    {
        "draft": frozenset({"open", "void"}),
        "open": frozenset({"partially_paid", "paid", "void", "uncollectible"}),
        "partially_paid": frozenset({"paid", "void", "uncollectible"}),
        "paid": frozenset(),
        "void": frozenset(),
        "uncollectible": frozenset({"open", "partially_paid", "paid", "void"}),
    }
)


def may_follow(status: str, following: str) -> bool:
    """Whether an invoice in `status` may become `following`."""
    return following in TRANSITIONS[status]


def days_overdue(status: str, due_on: date, today: date) -> int:
    """Whole days since the due date of an outstanding invoice; 0 when it is not overdue. It may be paid on the due date itself."""
    return max(0, (today - due_on).days) if status in OUTSTANDING else 0


def is_payable(status: str, amount_due: int, amount_reserved: int) -> bool:
    """Whether a payment of it may begin: something is left, and no payment of it is in progress."""
    return status in OUTSTANDING and amount_due > 0 and amount_reserved == 0


def taxes_by_rate(tax: int, lines: Iterable[tuple[Decimal | None, int]]) -> list[tuple[Decimal, int]]:
    """The invoice's `tax` (minor units) divided by rate, from each line's rate (per cent) and amount; it sums to `tax` exactly.

    Each rate has its own, that of the sum of its lines, where these come to `tax`, as in each invoice written here. One that was
    rounded otherwise is divided by largest remainder. Without any rate above zero there is nothing to divide by.
    """
    bases: dict[Decimal, int] = {}
    for rate, amount in lines:
        if rate is not None and rate > 0:
            bases[rate] = bases.get(rate, 0) + amount
    rates = sorted(rate for rate, base in bases.items() if base)
    taxed = [rate for rate in rates if bases[rate] > 0]
    if tax == 0 or not taxed:
        return []
    own = [int((bases[rate] * rate / 100).to_integral_value(rounding=ROUND_HALF_UP)) for rate in rates]
    if sum(own) == tax:
        return list(zip(rates, own, strict=True))
    # Rates have few decimals; eight more keep every weight a whole number.
    return list(zip(taxed, split(tax, [int((rate * bases[rate]).scaleb(8)) for rate in taxed]), strict=True))


def read_decimal(text: str | None) -> Decimal | None:
    """Return a decimal as the merchant wrote it; None for none, and for what is not one (pages and papers then leave it out)."""
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def title_without_number(description: str, number: str) -> str:
    """Return what an invoice is for: "Team plan" of "Team plan, ACME-0412"; the number has a place of its own."""
    return description.removesuffix(number).rstrip(" ,:;#-–—") if number else description


TRANSFER_DAYS = 7
"""Days for which nobody is reminded of what they say is on its way by transfer: a bank takes up to four, and somebody books it."""

PromiseKind = Literal["transfer", "day"]
PromiseFault = Literal["missing", "malformed", "past", "too_late"]


def last_day(first_on: date | None, today: date, days: int) -> date:
    """Return the last day that may be named, where the merchant admits one up to `days` ahead: counted from when the customer first said
    something of the invoice (`first_on`), so that promising again puts nothing off for ever."""
    return (first_on or today) + timedelta(days=days)


def read_day(typed: str, today: date, last: date) -> tuple[date | None, PromiseFault | None]:
    """Return the day that a customer names (YYYY-MM-DD), or what is wrong with it: it is tomorrow or later, up to `last`."""
    if not typed.strip():
        return None, "missing"
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        return None, "malformed"
    if day <= today:
        return None, "past"
    return (day, None) if day <= last else (None, "too_late")


def held_until(kind: PromiseKind, today: date, pay_on: date | None, last: date) -> date:
    """Return the last day on which no reminder is sent; `last` is that which may be named. A transfer takes its days after that one at most."""
    if pay_on is None or kind == "transfer":
        return min(today, last) + timedelta(days=TRANSFER_DAYS)
    return min(pay_on, last)
