"""Reads of who holds an invoice: the payments in progress whose shares are `active`. This is the only place that decides it."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.payments.models import PaymentAllocation
from portal.tenancy import ReadScope

ACTIVE = "active"
"""The state of a share while its payment is in progress; the index of one active attempt an invoice and slot is over it."""


def list_holders(reader: Reader, scope: ReadScope, invoice_id: str) -> list[str]:
    """Return the payments in progress that hold a part of the invoice: one, or the two of a split, the first payment first."""
    parameters = {"merchant_id": scope.merchant_id, "invoice_id": invoice_id}
    return list(reader.execute(_OF_INVOICE, parameters).scalars())


def find_holder(reader: Reader, scope: ReadScope, invoice_id: str) -> str | None:
    """Return the payment in progress that holds a part of the invoice; of the two of a split, the first."""
    return next(iter(list_holders(reader, scope, invoice_id)), None)


def find_other_holders(reader: Reader, scope: ReadScope, payment_id: str) -> Mapping[str, set[str]]:
    """Return, by invoice of the payment, the other payments in progress that hold a part of it."""
    found: dict[str, set[str]] = {}
    for invoice_id, holder in reader.execute(_BESIDE, {"merchant_id": scope.merchant_id, "payment_id": payment_id}):
        found.setdefault(invoice_id, set()).add(holder)
    return found


_SHARES = table_of(PaymentAllocation)
# Written out: for a parameter that an index over a part of the table depends on, SQLite plans the statement anew each time.
_IS_ACTIVE = _SHARES.c.state == sa.literal_column(f"'{ACTIVE}'")
_OF_INVOICE = (
    sa.select(_SHARES.c.payment_id)
    .where(
        _SHARES.c.merchant_id == sa.bindparam("merchant_id"),
        _SHARES.c.invoice_id == sa.bindparam("invoice_id"),
        _IS_ACTIVE,
    )
    .order_by(_SHARES.c.slot)
)
_OWN_SHARES = _SHARES.alias()
_OWN, _OTHER = _OWN_SHARES.c, _SHARES.c
_BESIDE = (
    sa.select(_OTHER.invoice_id, _OTHER.payment_id)
    .join(_OWN_SHARES, sa.and_(_OWN.merchant_id == _OTHER.merchant_id, _OWN.invoice_id == _OTHER.invoice_id))
    .where(
        _OWN.merchant_id == sa.bindparam("merchant_id"),
        _OWN.payment_id == sa.bindparam("payment_id"),
        _OTHER.merchant_id == sa.bindparam("merchant_id"),
        _OTHER.payment_id != sa.bindparam("payment_id"),
        _IS_ACTIVE,
    )
)
