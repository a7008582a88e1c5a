"""Reads of what was paid by a pay link."""

from __future__ import annotations

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.payments.models import Payment
from portal.payments.queries.payments import StoredPayment
from portal.payments.rules.statuses import CAPTURED
from portal.tenancy import Scope, parameters_of

_P = table_of(Payment).c


def find_paid_by_link(reader: Reader, scope: Scope, pay_link_id: str) -> StoredPayment | None:
    """Return the newest payment by this link whose money arrived, refunded since or not; None where there is none."""
    row = reader.execute(_NEWEST, {**parameters_of(scope), "pay_link_id": pay_link_id}).first()
    return StoredPayment._make(row) if row is not None else None


_NEWEST = (
    sa.select(*(_P[name] for name in StoredPayment._fields))
    .where(
        _P.merchant_id == sa.bindparam("merchant_id"),
        _P.customer_id == sa.bindparam("customer_id"),
        _P.pay_link_id == sa.bindparam("pay_link_id"),
        _P.status.in_(sorted(CAPTURED)),
    )
    .order_by(_P.id.desc())
    .limit(1)
)
