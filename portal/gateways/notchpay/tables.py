"""What Notch Pay takes, as tables: currencies, and the telephones that it asks."""

from __future__ import annotations

from types import MappingProxyType

from portal.gateways.contract import PromptChannel
from portal.money import AmountError, Money

CURRENCIES = frozenset({"XAF", "XOF"})
"""The currencies that are taken: their minor unit is the figure in Notch Pay's `amount`.

`api-reference/payments` and `get-started/quickstart` call that figure "the smallest currency unit (e.g., cents for USD)",
`sdks/php` an "amount according to currency format". For a currency with decimals these are a hundred times apart, so none is
taken; for the CFA francs of its home markets, which have no decimals, both say the same.
"""

CHANNELS = (
    PromptChannel("cm.mtn", "mtn_momo", "CM", "*126#"),
    PromptChannel("cm.orange", "orange_money", "CM", "#150*50#"),
)
"""The channels that `api-reference/payments` and `/resources` document, with what the operators have their customers dial when
no prompt shows. Telephones of other countries pay on the hosted page."""

CURRENCY_OF_COUNTRY = MappingProxyType({"CM": "XAF"})


def told_amount(money: Money) -> int:
    """The figure that Notch Pay is told. Raises AmountError for a currency that cannot be told without doubt."""
    if money.currency not in CURRENCIES:
        raise AmountError("Notch Pay's unit of this currency is documented in two ways")
    return money.amount


def read_money(amount: object, currency: object) -> Money:
    """Money as Notch Pay tells it: a whole number, in a currency of the table. Raises AmountError for anything else."""
    if type(amount) is not int or not isinstance(currency, str) or currency not in CURRENCIES:
        raise AmountError("is not an amount that Notch Pay can have meant")
    return Money(amount, currency)


def find_channel(channel_id: str) -> PromptChannel | None:
    """The channel of an id; None for one that is not offered."""
    return next((channel for channel in CHANNELS if channel.id == channel_id), None)
