"""Reads of promises."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.invoices.models import Promise
from portal.tenancy import MerchantScope, Scope, parameters_of


class StoredPromise(NamedTuple):
    """What a customer last said about an invoice."""

    kind: str
    pay_on: date | None
    held_until: date
    made_at: datetime


def find_promise(reader: Reader, scope: Scope, invoice_id: str) -> StoredPromise | None:
    """Return what the customer last said about an invoice."""
    row = reader.execute(_ONE, {**parameters_of(scope), "invoice_id": invoice_id}).first()
    return StoredPromise._make(row) if row is not None else None


def list_held(reader: Reader, scope: MerchantScope, invoice_ids: Collection[str], on: date) -> set[str]:
    """Return those of these invoices of which nobody is reminded on a day, because of what their customers said."""
    if not invoice_ids:
        return set()
    parameters = {**parameters_of(scope), "invoice_ids": sorted(invoice_ids), "day": on}
    return set(reader.execute(_HELD, parameters).scalars())


_P = table_of(Promise).c
_ONE = sa.select(*(_P[name] for name in StoredPromise._fields)).where(
    _P.merchant_id == sa.bindparam("merchant_id"),
    _P.customer_id == sa.bindparam("customer_id"),
    _P.invoice_id == sa.bindparam("invoice_id"),
)
_HELD = sa.select(_P.invoice_id).where(
    _P.merchant_id == sa.bindparam("merchant_id"),
    _P.invoice_id.in_(sa.bindparam("invoice_ids", expanding=True)),
    _P.held_until >= sa.bindparam("day"),
)
