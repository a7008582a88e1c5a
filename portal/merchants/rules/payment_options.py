"""How a merchant lets its customers pay: other amounts than the total, two methods for one invoice, top-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    is accepted in advance, to the customer's credit; `fresh_code_above` the amounts in minor units above which a saved method pays only
    after a fresh code. By default all of it is off."""

    amount_mode: str = "fixed"
    allow_split: bool = False
    top_ups: Mapping[str, AmountLimits] = field(default_factory=dict)
    amounts: Mapping[str, AmountLimits] = field(default_factory=dict)
    fresh_code_above: Mapping[str, int] = field(default_factory=dict)

    def asks_for_code(self, amount: int, currency: str) -> bool:
        """Return whether so much, in minor units, is paid with a saved method only after a fresh code."""
        limit = self.fresh_code_above.get(currency)
        return limit is not None and amount > limit
