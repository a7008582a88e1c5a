"""Reads of promises."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.invoices.models import Promise
from portal.tenancy import MerchantScope, Scope, parameters_of


def list_held(reader: Reader, scope: MerchantScope, invoice_ids: Collection[str], on: date) -> set[str]:
    """Return those of these invoices of which nobody is reminded on a day, because of what their customers said."""
    if not invoice_ids:
        return set()
    parameters = {**parameters_of(scope), "invoice_ids": sorted(invoice_ids), "day": on}
    return set(reader.execute(_HELD, parameters).scalars())


def find_first_day(reader: Reader, scope: Scope, invoice_id: str) -> date | None:
    """Return the merchant's day on which the customer first said something of its invoice, None where it has not."""
    row = reader.execute(
        sa.select(_P.first_on, _P.made_at).where(
            _P.merchant_id == scope.merchant_id, _P.customer_id == scope.customer_id, _P.invoice_id == invoice_id
        )
    ).first()
    return (row.first_on or row.made_at.date()) if row is not None else None


_P = table_of(Promise).c
_HELD = sa.select(_P.invoice_id).where(
    _P.merchant_id == sa.bindparam("merchant_id"),
    _P.invoice_id.in_(sa.bindparam("invoice_ids", expanding=True)),
    _P.held_until >= sa.bindparam("day"),
)
