"""How much a payment is, as pure functions: what may be chosen, which invoice takes which share, and what credit pays of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from portal.payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    AmountUnplaceable,
    AmountUnreached,
    CurrenciesMixed,
    DepositNotOffered,
    InvoiceSettled,
    SplitNotAllowed,
)
from portal.payments.rules.choices import Amount, Deposit, Exact, FirstPart, Full, Preset, amount_of

NO_RANGES: Mapping[str, range] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Due:
    """An invoice as a payment sees it: `left` minor units of `currency` are free to be paid.

    `amount_mode`, `minimum`, `maximum`, `presets` and `deposit` are the merchant's word on what may be chosen, `prices` what the
    invoice costs as a whole in other currencies. `is_untouched`: nothing of it is paid, credited or held.
    """

    invoice_id: str
    currency: str
    left: int
    version: int
    amount_mode: str = "fixed"
    minimum: int | None = None
    maximum: int | None = None
    presets: tuple[int, ...] = ()
    deposit: int | None = None
    prices: Mapping[str, int] = field(default_factory=dict)
    is_untouched: bool = True

    def price_in(self, currency: str) -> int | None:
        """What all that is left costs in `currency`; None where it cannot be paid in that one."""
        if currency == self.currency:
            return self.left
        return self.prices.get(currency) if self.is_untouched else None


@dataclass(frozen=True, slots=True)
class Part:
    """What a payment takes of one invoice: `share` in the invoice's currency, `price` in the payment's; the same where these
    are one currency."""

    invoice_id: str
    share: int
    price: int
    version: int


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a payment is, in minor units of `currency`: the parts sum to `total`, `credit` pays some of it, the method the rest."""

    currency: str
    parts: tuple[Part, ...]
    total: int
    credit: int = 0

    @property
    def charge(self) -> int:
        return self.total - self.credit


@dataclass(frozen=True, slots=True)
class AmountRule:
    """What a customer may choose to pay of `total`, in minor units: all of it always; the deposit, where there is one; another
    amount from `minimum` to `maximum`, where `is_editable`. `presets` lie within these limits.

    `is_after_refusal`: another amount is offered because a method had too little, so that it is lower than what was tried.
    """

    total: int
    is_editable: bool = False
    minimum: int = 1
    maximum: int = 0
    presets: tuple[int, ...] = ()
    deposit: int | None = None
    is_after_refusal: bool = False

    @property
    def has_choice(self) -> bool:
        return self.is_editable or self.deposit is not None

    def check(self, amount: int) -> None:
        """Raises AmountTooLow or AmountTooHigh for what may not be chosen; both tell the limits."""
        if amount in (self.total, self.deposit):
            return
        lowest, highest = (self.minimum, self.maximum) if self.is_editable else (self.total, self.total)
        if amount < lowest:
            raise AmountTooLow(lowest, highest)
        if amount > highest:
            raise AmountTooHigh(lowest, highest)


def amount_rule(dues: Sequence[Due], currency: str, *, refused_amount: int | None = None) -> AmountRule:
    """What may be paid of these invoices, oldest due first, in `currency`.

    `refused_amount` is what a method had too little for in the last attempt at the invoice, None where that was not so.
    Of several invoices another amount than all may be paid when one of them takes a part; each takes it within its own limits,
    or whole, or is left (`part_ranges`). In a currency that is not their own nothing but all is paid.
    """
    total = _total(dues, currency)
    if any(due.currency != currency for due in dues):
        return AmountRule(total)
    first = dues[0]
    deposit = first.deposit if len(dues) == 1 and first.is_untouched else None
    if deposit is not None and deposit >= total:
        deposit = None
    editable = [due for due in dues if due.amount_mode == "editable"]
    if len(dues) > 1 and editable:
        smallest = [due.minimum or 1 for due in editable] + [due.left for due in dues if due not in editable]
        return AmountRule(total, True, min(*smallest, total), total)
    lowest = min(first.minimum or 1, total)
    if editable:
        highest = min(first.maximum or total, total)
        presets = tuple(preset for preset in first.presets if lowest <= preset <= highest and preset < total)
        return AmountRule(total, True, lowest, max(lowest, highest), presets, deposit)
    is_refused = len(dues) == 1 and first.amount_mode == "editable_after_insufficient_funds"
    if is_refused and refused_amount is not None and min(refused_amount, total) > lowest:
        return AmountRule(total, True, lowest, min(refused_amount - 1, total), (), deposit, is_after_refusal=True)
    return AmountRule(total, deposit=deposit)


def part_ranges(dues: Sequence[Due]) -> dict[str, range]:
    """Of several invoices, what part of each a chosen amount may pay, where it does not pay it whole: none of most, and of those
    that take a part as much as their own minimum and maximum let it. Empty for one alone, whose own rule was asked."""
    if len(dues) == 1:
        return {}
    return {due.invoice_id: _part_range(due) if due.amount_mode == "editable" else range(0) for due in dues}


def _part_range(due: Due) -> range:
    return range(due.minimum or 1, min(due.maximum or due.left, due.left) + 1)


def check_amount(dues: Sequence[Due], currency: str, amount: Amount, *, refused_amount: int | None) -> None:
    """Raises AmountTooLow, AmountTooHigh, and of the first of two payments SplitNotAllowed and AmountUnreached, for an amount that
    may not be chosen. `refused_amount` is as in `amount_rule`."""
    match amount:
        case Preset(named) | Exact(named):
            amount_rule(dues, currency, refused_amount=refused_amount).check(named)
        case FirstPart(named):
            _check_first_part(dues, currency, named)
        case Full() | Deposit():
            pass


def price_choice(dues: Sequence[Due], currency: str, amount: Amount, *, credit: int = 0) -> Pricing:
    """Divide what was chosen over the invoices, as `price` does, and raises what that does; DepositNotOffered where none is."""
    match amount:
        case Full():
            return price(dues, currency, credit=credit)
        case Deposit():
            deposit = amount_rule(dues, currency).deposit
            if deposit is None:
                raise DepositNotOffered
            return price(dues, currency, amount=deposit, credit=credit)
        case Preset(named) | Exact(named):
            return price(dues, currency, amount=named, credit=credit, parts_of=part_ranges(dues))
        case FirstPart(named):
            return price(dues, currency, amount=named, credit=credit)


def price_anew(dues: Sequence[Due], currency: str, amount: Amount, *, credit: int) -> Pricing:
    """Return what the payment is now: of what is left as much as was chosen, with as much credit as there is.

    Invoices that cannot be paid in the currency any more leave it: nobody saw that sum. Raises InvoiceSettled when nothing
    is left of any, AmountUnplaceable and DepositNotOffered when what was chosen does not fit any more.
    """
    payable = [due for due in dues if due.left > 0 and due.price_in(currency) is not None]
    whole = price(payable, currency)
    named = amount_of(amount)
    if named is not None and named >= whole.total:
        return price(payable, currency, credit=credit)
    return price_choice(payable, currency, amount, credit=credit)


def price(
    dues: Sequence[Due],
    currency: str,
    *,
    amount: int | None = None,
    credit: int = 0,
    parts_of: Mapping[str, range] = NO_RANGES,
) -> Pricing:
    """Divide `amount` (None: all that is left) over the invoices, oldest due first, with as much of `credit` as it takes.

    An invoice of `parts_of` takes all that is left of it, a part within that range, or nothing; any other takes any part. In
    another currency than its own an invoice is paid whole, or not at all. Raises CurrenciesMixed when one cannot be paid in
    `currency`, InvoiceSettled when nothing is left of any, AmountTooHigh when it is more than is left, and AmountUnplaceable
    when a rest fits none of them.
    """
    total = _total(dues, currency)
    if total <= 0:
        raise InvoiceSettled
    wanted = total if amount is None else amount
    if wanted > total:
        raise AmountTooHigh(1, total)
    parts, left = [], wanted
    for due in dues:
        most = due.price_in(currency) or 0
        taken = min(most, left)
        if taken < most:
            taken = _within(taken, parts_of.get(due.invoice_id)) if due.currency == currency else 0
        if taken:
            share = taken if due.currency == currency else due.left
            parts.append(Part(due.invoice_id, share, taken, due.version))
        left -= taken
    if left:
        raise AmountUnplaceable
    return Pricing(currency, tuple(parts), wanted, min(credit, wanted))


def _within(amount: int, limits: range | None) -> int:
    """As much of the amount as the limits let through; nothing, where it is less than the least."""
    if limits is None:
        return amount
    return min(amount, limits.stop - 1) if amount >= limits.start and limits else 0


def least_first_part(dues: Sequence[Due], currency: str) -> int | None:
    """The least that the first of two payments may take of these invoices, oldest due first, so that it reaches each of them:
    the second one pays the rest of what the first began, and knows of no other. None where they cannot be split.

    In another currency than its own an invoice is paid whole, or not at all.
    """
    if not dues or any(due.currency != currency for due in dues):
        return None
    return sum(due.left for due in dues[:-1]) + 1


def _check_first_part(dues: Sequence[Due], currency: str, amount: int) -> None:
    least = least_first_part(dues, currency)
    if least is None:
        raise SplitNotAllowed
    total = _total(dues, currency)
    if amount <= 0:
        raise AmountTooLow(1, total - 1)
    if amount >= total:
        raise AmountTooHigh(1, total - 1)
    if amount < least:
        raise AmountUnreached


def currencies_of(dues: Sequence[Due]) -> tuple[str, ...]:
    """The currencies in which all of these invoices can be paid, the first one's own before the others; empty: in none."""
    if not dues:
        return ()
    candidates = [dues[0].currency, *sorted(dues[0].prices)]
    return tuple(
        currency for currency in dict.fromkeys(candidates) if all(due.price_in(currency) is not None for due in dues)
    )


def _total(dues: Sequence[Due], currency: str) -> int:
    prices = [due.price_in(currency) for due in dues]
    if any(price is None for price in prices):
        raise CurrenciesMixed
    return sum(price or 0 for price in prices)
