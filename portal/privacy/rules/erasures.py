"""When an erasure may begin, and what it waits for; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

WITHDRAWN_WITHIN = timedelta(hours=72)
"""How long a customer may take its own request back before the erasure begins."""
MONEY_CHECKED_EVERY = timedelta(minutes=15)
MESSAGES_CHECKED_EVERY = timedelta(minutes=1)
MESSAGES_WAIT_AT_MOST = timedelta(days=3)
"""How long the farewell and the deletion of tokens at gateways may take: a gateway that does not answer does not keep the data."""
CLAIMED_FOR = timedelta(minutes=10)
"""How long a worker has an erasure for itself. One that is killed is followed by another after that."""


class CurrencySum(NamedTuple):
    """What several amounts of one currency come to, in minor units: more than one amount may be (`Money`)."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class MoneyUnderWay:
    """What an erasure waits for: payments and refunds whose outcome is not known yet, summed by currency."""

    payments: Sequence[CurrencySum] = ()
    refunds: Sequence[CurrencySum] = ()

    def __bool__(self) -> bool:
        return bool(self.payments or self.refunds)
