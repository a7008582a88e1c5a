"""How a merchant lets its customers pay: other amounts than all, two methods for one invoice, money in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.merchants.errors import InvalidMerchant
from portal.money import CURRENCIES, MAXIMUM_AMOUNT

AMOUNT_MODES = ("fixed", "editable", "editable_after_insufficient_funds")


@dataclass(frozen=True, slots=True)
class TopUpRule:
    """What may be paid to the customer's credit in one currency, in its minor units; `presets` are offered by name."""

    minimum: int
    maximum: int
    presets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentOptions:
    """`amount_mode` is that of invoices which have none of their own; `allow_split` lets two methods pay one invoice;
    `top_ups` are the currencies in which money is taken in advance. Without a word of the merchant all of it is off."""

    amount_mode: str = "fixed"
    allow_split: bool = False
    top_ups: Mapping[str, TopUpRule] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> PaymentOptions:
        """From the column `merchants.payment_options`, which `stored_options` wrote."""
        return cls(
            amount_mode=stored.get("amount_mode", "fixed"),
            allow_split=stored.get("allow_split", False),
            top_ups={
                currency: TopUpRule(rule["minimum"], rule["maximum"], tuple(rule.get("presets", ())))
                for currency, rule in stored.get("top_ups", {}).items()
            },
        )


def stored_options(options: PaymentOptions) -> dict[str, Any]:
    """As the column holds them. Raises InvalidMerchant, with a sentence, for what contradicts itself."""
    if options.amount_mode not in AMOUNT_MODES:
        raise InvalidMerchant(f"the amount mode is one of {', '.join(AMOUNT_MODES)}")
    for currency, rule in options.top_ups.items():
        _check(currency, rule)
    return {
        "amount_mode": options.amount_mode,
        "allow_split": options.allow_split,
        "top_ups": {
            currency: {"minimum": rule.minimum, "maximum": rule.maximum, "presets": list(rule.presets)}
            for currency, rule in options.top_ups.items()
        },
    }


def _check(currency: str, rule: TopUpRule) -> None:
    if currency not in CURRENCIES:
        raise InvalidMerchant("a top-up’s currency is not one of ISO 4217, such as EUR or XAF")
    if not 0 < rule.minimum <= rule.maximum <= MAXIMUM_AMOUNT:
        raise InvalidMerchant("a top-up is more than nothing, and its minimum no more than its maximum")
    if not _within(rule.presets, rule):
        raise InvalidMerchant("each preset of a top-up lies between its minimum and its maximum")


def _within(amounts: Sequence[int], rule: TopUpRule) -> bool:
    return all(rule.minimum <= amount <= rule.maximum for amount in amounts)
