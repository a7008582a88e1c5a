"""How much a payment is, as pure functions: what may be chosen, which invoice takes which share, and what credit pays of it.

`limits` are those of the gateway in the payment's currency. What is charged, and what stays open of an invoice that is paid in part, is
never an amount that it does not charge: nobody could pay it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from portal.gateways.contract import ANY_AMOUNT, ChargeLimits
from portal.money import MAX_AMOUNT
from portal.payments.errors import (
    AmountNotDivisible,
    AmountTooHigh,
    AmountTooLow,
    AmountUnchargeable,
    CurrenciesMixed,
    DepositNotOffered,
    FirstPartTooSmall,
    InvoiceSettled,
    RestTooSmall,
    SplitNotAllowed,
    TooMuchTogether,
)
from portal.payments.rules.choices import Amount, Deposit, Exact, FirstPart, Full, Preset, amount_of

NO_RANGES: Mapping[str, range] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Due:
    """An invoice as a payment sees it: `left` minor units of `currency` are free to be paid.

    `amount_mode`, `minimum`, `maximum`, `presets` and `deposit` are the merchant's choices for the customer, `prices` what the
    invoice costs in full in other currencies. `is_untouched`: nothing of it is paid, credited or held.
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
        """Return the price of all that is left in `currency`; None where it cannot be paid in that one."""
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
    """The amounts of a payment, in minor units of `currency`: the parts sum to `total`, `credit` pays some of it, the method the rest."""

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

    `is_after_refusal`: another amount is offered after insufficient funds, lower than the one that was tried. `limits` are the
    gateway's, within which `minimum`, `presets` and `deposit` are, and what these leave.
    """

    total: int
    is_editable: bool = False
    minimum: int = 1
    maximum: int = 0
    presets: tuple[int, ...] = ()
    deposit: int | None = None
    is_after_refusal: bool = False
    limits: ChargeLimits = ANY_AMOUNT

    @property
    def has_choice(self) -> bool:
        return self.is_editable or self.deposit is not None

    def check(self, amount: int) -> None:
        """Raise AmountTooLow, AmountTooHigh or RestTooSmall, with the limits, or AmountUnchargeable for an amount that may not be chosen."""
        if amount in (self.total, self.deposit):
            return
        lowest, highest = (self.minimum, self.maximum) if self.is_editable else (self.total, self.total)
        if amount < lowest:
            raise AmountTooLow(lowest, highest)
        if amount > highest:
            raise AmountTooHigh(lowest, highest)
        _check_parts(amount, self.total, self.limits)


def amount_rule(
    dues: Sequence[Due], currency: str, *, refused_amount: int | None = None, limits: ChargeLimits = ANY_AMOUNT
) -> AmountRule:
    """Return what may be paid of these invoices, oldest due first, in `currency`.

    `refused_amount` is the amount of the invoice's last attempt where that failed by insufficient funds, else None. Of several
    invoices an amount other than the total may be paid when one of them may be paid in part; each is paid within its own limits, in
    full, or not at all (`part_ranges`). In a currency that is not their own only the total may be paid.
    """
    total = _total(dues, currency)
    if any(due.currency != currency for due in dues):
        return AmountRule(total, limits=limits)
    first = dues[0]
    deposit = first.deposit if len(dues) == 1 and first.is_untouched else None
    if deposit is not None and not _is_part(deposit, total, limits):
        deposit = None
    editable = [due for due in dues if due.amount_mode == "editable"]
    if len(dues) > 1 and editable:
        smallest = [due.minimum or 1 for due in editable] + [due.left for due in dues if due not in editable]
        return _editable(min(*smallest, total), total, AmountRule(total, limits=limits))
    lowest = min(first.minimum or 1, total)
    if editable:
        highest = max(lowest, min(first.maximum or total, total))
        presets = tuple(
            preset for preset in first.presets if lowest <= preset <= highest and _is_part(preset, total, limits)
        )
        return _editable(lowest, highest, AmountRule(total, presets=presets, deposit=deposit, limits=limits))
    rule = AmountRule(total, deposit=deposit, limits=limits)
    is_refused = len(dues) == 1 and first.amount_mode == "editable_after_insufficient_funds"
    if is_refused and refused_amount is not None and min(refused_amount, total) > lowest:
        return _editable(lowest, min(refused_amount - 1, total), replace(rule, is_after_refusal=True))
    return rule


def _editable(lowest: int, highest: int, rule: AmountRule) -> AmountRule:
    """Return the rule with amounts from `lowest` to `highest`, as far as the gateway charges them and what they leave; without any,
    only what the rule names may be chosen."""
    minimum = rule.limits.round_up(lowest)
    is_possible = minimum <= highest and (minimum == rule.total or _is_part(minimum, rule.total, rule.limits))
    if not is_possible:
        return replace(rule, is_after_refusal=False)
    return replace(rule, is_editable=True, minimum=minimum, maximum=highest)


def _is_part(amount: int, total: int, limits: ChargeLimits) -> bool:
    """Return whether the amount is less than the total, and it and what it leaves can be charged."""
    return amount < total and limits.allows(amount) and limits.allows(total - amount)


def _check_parts(amount: int, total: int, limits: ChargeLimits) -> None:
    """Raise AmountUnchargeable or RestTooSmall unless the amount is a part of the total that the gateway charges, as it does the rest."""
    if not limits.allows(amount):
        raise AmountUnchargeable(limits.least)
    if not limits.allows(total - amount):
        raise RestTooSmall(limits.least, total - limits.least)


def part_ranges(dues: Sequence[Due], limits: ChargeLimits = ANY_AMOUNT) -> dict[str, range]:
    """Return, for several invoices, the part of each that a chosen amount may pay where it does not pay it in full: nothing, or for
    invoices that may be paid in part what their own minimum and maximum allow. Empty for a single invoice, whose own rule applies."""
    if len(dues) == 1:
        return {}
    return {due.invoice_id: _part_range(due, limits) if due.amount_mode == "editable" else range(0) for due in dues}


def _part_range(due: Due, limits: ChargeLimits) -> range:
    return range(due.minimum or 1, min(due.maximum or due.left, due.left - limits.least) + 1)


def check_amount(
    dues: Sequence[Due],
    currency: str,
    amount: Amount,
    *,
    refused_amount: int | None,
    limits: ChargeLimits = ANY_AMOUNT,
) -> None:
    """Raise AmountTooLow, AmountTooHigh, RestTooSmall, AmountUnchargeable, or for the first payment of a split SplitNotAllowed or
    FirstPartTooSmall, for an amount that may not be chosen. `refused_amount` is as in `amount_rule`."""
    match amount:
        case Preset(named) | Exact(named):
            amount_rule(dues, currency, refused_amount=refused_amount, limits=limits).check(named)
        case FirstPart(named):
            _check_first_part(dues, currency, named, limits)
        case Full() | Deposit():
            pass


def price_choice(
    dues: Sequence[Due], currency: str, amount: Amount, *, credit: int = 0, limits: ChargeLimits = ANY_AMOUNT
) -> Pricing:
    """Divide the chosen amount over the invoices, as `price` does. Raises what `price` raises, and DepositNotOffered."""
    match amount:
        case Full():
            return price(dues, currency, credit=credit, limits=limits)
        case Deposit():
            deposit = amount_rule(dues, currency, limits=limits).deposit
            if deposit is None:
                raise DepositNotOffered
            return price(dues, currency, amount=deposit, credit=credit, limits=limits)
        case Preset(named) | Exact(named):
            ranges = part_ranges(dues, limits)
            return price(dues, currency, amount=named, credit=credit, parts_of=ranges, limits=limits)
        case FirstPart(named):
            return price(dues, currency, amount=named, credit=credit, limits=limits)


def reprice_choice(
    dues: Sequence[Due], currency: str, amount: Amount, *, credit: int, limits: ChargeLimits = ANY_AMOUNT
) -> Pricing:
    """Return the current pricing of a choice: as much of what is left as was chosen, with as much credit as there is.

    Invoices that can no longer be paid in the currency are removed, since the customer never saw that sum. Raises InvoiceSettled when nothing
    is left of any, AmountNotDivisible, RestTooSmall, AmountUnchargeable, DepositNotOffered and, for invoices that were corrected to more than
    one payment can be, TooMuchTogether when the choice is no longer possible.
    """
    payable = [due for due in dues if due.left > 0 and due.price_in(currency) is not None]
    whole = price(payable, currency)
    named = amount_of(amount)
    is_all = named is not None and named >= whole.total
    pricing = price_choice(payable, currency, Full() if is_all else amount, credit=credit, limits=limits)
    if pricing.total > MAX_AMOUNT:
        raise TooMuchTogether
    return pricing


def price(
    dues: Sequence[Due],
    currency: str,
    *,
    amount: int | None = None,
    credit: int = 0,
    parts_of: Mapping[str, range] = NO_RANGES,
    limits: ChargeLimits = ANY_AMOUNT,
) -> Pricing:
    """Divide `amount` (None: all that is left) over the invoices, oldest due first, with as much of `credit` as it takes.

    An invoice of `parts_of` is paid in full, by a part within that range, or not at all; any other by any part. What a part leaves
    can be charged. In a currency other than its own an invoice is paid in full, or not at all. Where credit would leave
    an amount that cannot be charged, it pays less. Raises CurrenciesMixed when one cannot be paid in
    `currency`, InvoiceSettled when nothing is left of any, AmountTooHigh when it is more than is left, AmountNotDivisible
    (RestTooSmall for a single invoice) when a rest fits none of them, and AmountUnchargeable when the gateway does not charge it.
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
            taken = _as_part(taken, due, parts_of.get(due.invoice_id), limits) if due.currency == currency else 0
        if taken:
            share = taken if due.currency == currency else due.left
            parts.append(Part(due.invoice_id, share, taken, due.version))
        left -= taken
    if left and len(dues) == 1 and dues[0].currency == currency:
        raise RestTooSmall(limits.least, total - limits.least)
    if left:
        raise AmountNotDivisible
    return Pricing(currency, tuple(parts), wanted, _credit_of(wanted, credit, limits))


def _as_part(amount: int, due: Due, range_of_part: range | None, limits: ChargeLimits) -> int:
    """Return as much of the amount as may be a part of the invoice; 0 where it is below the minimum, or nothing may."""
    allowed = range(1, due.left - limits.least + 1) if range_of_part is None else range_of_part
    taken = min(amount, allowed.stop - 1) if amount >= allowed.start and allowed else 0
    # A rest within the range may still be one that the provider cannot express.
    return taken if limits.allows(due.left - taken) else 0


def _credit_of(amount: int, credit: int, limits: ChargeLimits) -> int:
    """Return how much of the amount credit pays: all that there is, or so much less that the gateway charges the rest."""
    used = min(credit, amount)
    charge = amount - used
    if charge == 0 or limits.allows(charge):
        return used
    charge = limits.round_up(charge)
    if charge > amount or not limits.allows(charge):
        raise AmountUnchargeable(limits.least)
    return amount - charge


def least_first_part(dues: Sequence[Due], currency: str, limits: ChargeLimits = ANY_AMOUNT) -> int | None:
    """Return the minimum of the first payment of a split of these invoices, oldest due first, so that it pays a part of each: the
    second payment pays the rest of those alone. None where they cannot be split into two amounts that the gateway charges.

    In a currency other than its own an invoice is paid in full, or not at all.
    """
    if not dues or any(due.currency != currency for due in dues):
        return None
    least = limits.round_up(sum(due.left for due in dues[:-1]) + 1)
    return least if _is_part(least, _total(dues, currency), limits) else None


def _check_first_part(dues: Sequence[Due], currency: str, amount: int, limits: ChargeLimits) -> None:
    least = least_first_part(dues, currency, limits)
    if least is None:
        raise SplitNotAllowed
    total = _total(dues, currency)
    highest = total - limits.least
    if amount < limits.least:
        raise AmountTooLow(limits.least, highest)
    if amount >= total:
        raise AmountTooHigh(limits.least, highest)
    if amount < least:
        raise FirstPartTooSmall
    _check_parts(amount, total, limits)


def currencies_of(dues: Sequence[Due]) -> tuple[str, ...]:
    """Return the currencies in which all of these invoices can be paid, the first one's own first; empty where there is none."""
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
