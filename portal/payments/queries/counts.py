"""How many payments a customer has, by what the history can be narrowed to: kept and not counted (`operations.derived`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.payments.models import PaymentCount
from portal.tenancy import Scope


class CountedGroup(NamedTuple):
    """The listed payments of one status, method and currency; `method_type` is "" where none is known."""

    status: str
    method_type: str
    currency: str
    payment_count: int


@dataclass(frozen=True)
class PaymentCounts:
    """The groups of a customer's listed payments; none is empty."""

    groups: tuple[CountedGroup, ...]

    @cached_property
    def total(self) -> int:
        return sum(group.payment_count for group in self.groups)

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """The currencies of the payments, in the order of the alphabet."""
        return tuple(sorted({group.currency for group in self.groups}))

    @cached_property
    def methods(self) -> frozenset[str]:
        return frozenset(group.method_type for group in self.groups if group.method_type)

    def of(self, statuses: Collection[str]) -> int:
        """Return how many payments have one of these statuses; all where none is named."""
        return sum(group.payment_count for group in self.groups if group.status in statuses) if statuses else self.total


def read_counts(reader: Reader, scope: Scope) -> PaymentCounts:
    """Return the counts of the customer's listed payments."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}
    rows = reader.execute(_COUNTS, parameters).all()
    return PaymentCounts(tuple(CountedGroup._make(row) for row in rows if row[-1] > 0))


_C: Any = PaymentCount.__table__.c
_COUNTS = sa.select(*(_C[name] for name in CountedGroup._fields)).where(
    _C.merchant_id == sa.bindparam("merchant_id"), _C.customer_id == sa.bindparam("customer_id")
)
