"""How a merchant lets its customers pay: other amounts than the total, two methods for one invoice, top-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.merchants.errors import InvalidMerchant
from portal.money import CURRENCIES, MAX_AMOUNT

AMOUNT_MODES = ("fixed", "editable", "editable_after_insufficient_funds")


@dataclass(frozen=True, slots=True)
class AmountLimits:
    """The limits of an amount in one currency, in minor units; `presets` are offered as buttons."""

    minimum: int
    maximum: int
    presets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentOptions:
    """`amount_mode` is that of invoices which have none of their own, and `amounts` by currency what may be chosen of an invoice
    that has no such limits itself; `allow_split` lets two methods pay one invoice; `top_ups` are the currencies in which money
    is accepted in advance, to the customer's credit. By default all of it is off."""

    amount_mode: str = "fixed"
    allow_split: bool = False
    top_ups: Mapping[str, AmountLimits] = field(default_factory=dict)
    amounts: Mapping[str, AmountLimits] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> PaymentOptions:
        """Return the options of the column `merchants.payment_options`, which `stored_options` wrote."""
        return cls(
            amount_mode=stored.get("amount_mode", "fixed"),
            allow_split=stored.get("allow_split", False),
            top_ups=_read_limits(stored.get("top_ups", {})),
            amounts=_read_limits(stored.get("amounts", {})),
        )


def stored_options(options: PaymentOptions) -> dict[str, Any]:
    """Return the options as the column stores them. Raises InvalidMerchant for options that contradict each other."""
    if options.amount_mode not in AMOUNT_MODES:
        raise InvalidMerchant(f"the amount mode is one of {', '.join(AMOUNT_MODES)}")
    return {
        "amount_mode": options.amount_mode,
        "allow_split": options.allow_split,
        "top_ups": _stored_limits("a top-up", options.top_ups),
        "amounts": _stored_limits("an amount", options.amounts),
    }


def _read_limits(stored: Mapping[str, Any]) -> dict[str, AmountLimits]:
    return {
        currency: AmountLimits(limits["minimum"], limits["maximum"], tuple(limits.get("presets", ())))
        for currency, limits in stored.items()
    }


def _stored_limits(subject: str, by_currency: Mapping[str, AmountLimits]) -> dict[str, Any]:
    for currency, limits in by_currency.items():
        _check(subject, currency, limits)
    return {
        currency: {"minimum": limits.minimum, "maximum": limits.maximum, "presets": list(limits.presets)}
        for currency, limits in by_currency.items()
    }


def _check(subject: str, currency: str, limits: AmountLimits) -> None:
    if currency not in CURRENCIES:
        raise InvalidMerchant(f"the currency of {subject} is not one of ISO 4217, such as EUR or XAF")
    if not 0 < limits.minimum <= limits.maximum <= MAX_AMOUNT:
        raise InvalidMerchant(f"{subject} is more than nothing, and its minimum no more than its maximum")
    if not all(limits.minimum <= preset <= limits.maximum for preset in limits.presets):
        raise InvalidMerchant(f"each preset of {subject} lies between its minimum and its maximum")
