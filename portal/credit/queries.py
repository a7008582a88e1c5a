"""Reads of a customer's credit."""

from __future__ import annotations

import sqlalchemy as sa

from portal.credit.models import CustomerBalance
from portal.database import Reader, table_of
from portal.tenancy import Scope, parameters_of


def free_credit(reader: Reader, scope: Scope, currency: str) -> int:
    """Return what the customer may spend in a currency now, in minor units: their credit less what payments in progress hold."""
    return reader.execute(_FREE, {**parameters_of(scope), "currency": currency}).scalar() or 0


_BALANCES = table_of(CustomerBalance).c
_FREE = sa.select(_BALANCES.amount - _BALANCES.amount_reserved).where(
    _BALANCES.merchant_id == sa.bindparam("merchant_id"),
    _BALANCES.customer_id == sa.bindparam("customer_id"),
    _BALANCES.currency == sa.bindparam("currency"),
)
