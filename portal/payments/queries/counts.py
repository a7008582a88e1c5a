"""How many payments a customer has, by what the history can be narrowed to: kept and not counted (`operations.derived`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import repeat
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader, Text
from portal.payments.models import PaymentCount
from portal.payments.queries.joined import SpaceJoined
from portal.tenancy import Scope


class CountedGroup(NamedTuple):
    """The listed payments of one status, method and currency; `method_type` is "" where none is known."""

    status: str
    method_type: str
    currency: str
    payment_count: int


@dataclass(frozen=True, slots=True)
class PaymentCounts:
    """The groups of a customer's listed payments, none of which is empty; how many payments there are, in all and `by_status`; and the
    methods and currencies that they have."""

    groups: tuple[CountedGroup, ...]
    total: int
    by_status: Mapping[str, int]
    methods: frozenset[str]
    currencies: frozenset[str]

    def of(self, statuses: Collection[str]) -> int:
        """Return how many payments have one of these statuses; all where none is named."""
        return sum(map(self.by_status.get, statuses, repeat(0))) if statuses else self.total


def build_counts(groups: Iterable[CountedGroup]) -> PaymentCounts:
    """Return the counts of groups; an empty group is none."""
    kept = tuple(group for group in groups if group.payment_count > 0)
    by_status: dict[str, int] = {}
    for status, _, _, payment_count in kept:
        by_status[status] = by_status.get(status, 0) + payment_count
    return PaymentCounts(
        kept,
        sum(by_status.values()),
        by_status,
        frozenset(group.method_type for group in kept),
        frozenset(group.currency for group in kept),
    )


def read_counts(reader: Reader, scope: Scope) -> PaymentCounts:
    """Return the counts of the customer's listed payments."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}
    return build_counts(map(CountedGroup._make, reader.execute(_COUNTS, parameters).all()))


def packed_counts() -> sa.Label[str]:
    """Return the counts as a column of another statement of the customer, for `unpack_counts`."""
    values = [
        _C.status,
        sa.func.coalesce(sa.func.nullif(_C.method_type, _NOTHING), _NO_METHOD),
        _C.currency,
        sa.cast(_C.payment_count, Text),
    ]
    packed = SpaceJoined(reduce(lambda text, value: text + _SPACE + value, values))
    return sa.select(packed).where(*_OWN).scalar_subquery().label("counts")


def unpack_counts(text: str) -> PaymentCounts:
    """Return what `packed_counts` has packed."""
    values = iter(text.split())
    # The same iterator four times: each group is four values.
    groups = zip(values, values, values, values, strict=True)
    return build_counts(
        CountedGroup(status, "" if method == _MARK else method, currency, int(count))
        for status, method, currency, count in groups
    )


_MARK = "-"
_NOTHING, _NO_METHOD, _SPACE = (sa.literal_column(f"'{text}'", Text) for text in ("", _MARK, " "))
_C: Any = PaymentCount.__table__.c
_OWN = _C.merchant_id == sa.bindparam("merchant_id"), _C.customer_id == sa.bindparam("customer_id")
_COUNTS = sa.select(*(_C[name] for name in CountedGroup._fields)).where(*_OWN)
