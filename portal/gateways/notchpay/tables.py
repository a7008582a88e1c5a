"""What Notch Pay supports: currencies, and the mobile money operators that it can prompt."""

from __future__ import annotations

from types import MappingProxyType

from portal.gateways.contract import PromptChannel
from portal.money import AmountError, Money

CURRENCIES = frozenset({"XAF", "XOF"})
"""The supported currencies: in these, Notch Pay's `amount` is in minor units.

`api-reference/payments` and `get-started/quickstart` call `amount` "the smallest currency unit (e.g., cents for USD)",
`sdks/php` an "amount according to currency format". For a currency with decimals these differ by a factor of a hundred, so none
is supported; for CFA francs, which have no decimals, they are the same.
"""

CHANNELS = (
    PromptChannel("cm.mtn", "mtn_momo", "CM", "*126#"),
    PromptChannel("cm.orange", "orange_money", "CM", "#150*50#"),
)
"""The channels that `api-reference/payments` and `/resources` document, with the numbers that customers dial when
no prompt appears. Customers in other countries pay on the hosted page."""

CURRENCY_OF_COUNTRY = MappingProxyType({"CM": "XAF"})


def to_notchpay(money: Money) -> int:
    """Return `money` as the amount that Notch Pay expects. Raises AmountError for an unsupported currency."""
    if money.currency not in CURRENCIES:
        raise AmountError("Notch Pay's unit of this currency is documented in two ways")
    return money.amount


def from_notchpay(amount: object, currency: object) -> Money:
    """Return an amount of a Notch Pay response as Money. Raises AmountError unless it is an integer in a supported currency."""
    if type(amount) is not int or not isinstance(currency, str) or currency not in CURRENCIES:
        raise AmountError("is not a Notch Pay amount")
    return Money(amount, currency)


def find_channel(channel_id: str) -> PromptChannel | None:
    """Return the channel with this id; None for one that we do not offer."""
    return next((channel for channel in CHANNELS if channel.id == channel_id), None)
