"""Reads of saved methods: what may be shown of them, never a gateway's token."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Id, Reader
from portal.payment_methods.models import PaymentMethod
from portal.tenancy import Scope

_METHODS = PaymentMethod.__table__


class MethodRecord(NamedTuple):
    """A saved method. `status` is active or expired; whether a card has run out since is `rules.method_state`."""

    id: str
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    phone: str | None
    bank_name: str | None
    nickname: str | None
    is_default: bool
    status: str
    last_used_at: datetime | None


def list_methods(reader: Reader, scope: Scope) -> list[MethodRecord]:
    """The customer's saved methods: the default first, then the newest; removed ones are left out."""
    rows = reader.execute(_LIST, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id})
    return in_order([MethodRecord._make(row) for row in rows])


def in_order(methods: list[MethodRecord]) -> list[MethodRecord]:
    """Methods with the default first, then the newest."""
    return sorted(methods, key=lambda method: (method.is_default, method.id), reverse=True)


def saved_methods() -> sa.Select[Any]:
    """The columns of a MethodRecord for the customer's methods; for the overview too."""
    m = _METHODS.c
    return sa.select(*(m[name] for name in MethodRecord._fields)).where(
        m.merchant_id == sa.bindparam("merchant_id"),
        m.customer_id == sa.bindparam("customer_id"),
        m.status != sa.literal_column("'removed'", Id),
    )


_LIST = saved_methods()
