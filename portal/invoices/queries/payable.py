"""Reads of what may be paid of invoices, for the checkout and for payments; some of them under the invoices' locks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Count, Reader, table_of
from portal.invoices.models import Invoice, is_outstanding
from portal.tenancy import Scope


class PayableInvoice(NamedTuple):
    """An invoice as pricing reads it. The caller has to check `status`, and whether anything is left."""

    id: str
    number: str
    description: str
    status: str
    due_on: date
    currency: str
    total: int
    amount_paid: int
    amount_credited: int
    amount_reserved: int
    version: int
    amount_mode: str | None
    minimum_amount: int | None
    maximum_amount: int | None
    preset_amounts: list[int]
    deposit_amount: int | None
    prices: dict[str, int]

    @property
    def amount_due(self) -> int:
        """What is left to pay, reserved or not."""
        return self.total - self.amount_paid - self.amount_credited


_INVOICES = table_of(Invoice).c
PAYABLE_COLUMNS = [_INVOICES[name] for name in PayableInvoice._fields]
"""The columns of a PayableInvoice, in its order."""


def list_outstanding(reader: Reader, scope: Scope, most: int) -> list[PayableInvoice]:
    """Return the customer's outstanding invoices, oldest due first, at most `most` of them."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "most": most}
    return [PayableInvoice._make(row) for row in reader.execute(_OUTSTANDING, parameters)]


def list_chosen(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> list[PayableInvoice]:
    """Return those of these invoices that are the customer's, in whatever status, oldest due first."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_ids": invoice_ids}
    return [PayableInvoice._make(row) for row in reader.execute(_CHOSEN, parameters)]


def read_currencies(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> Mapping[str, str]:
    """Return the currency of each of these invoices of the customer, by id."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_ids": invoice_ids}
    return {row.id: row.currency for row in reader.execute(_CURRENCIES, parameters)}


def lock_chosen(session: Session, scope: Scope, invoice_ids: Sequence[str]) -> list[PayableInvoice]:
    """Return the same by id, under their locks until the end of the transaction."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_ids": invoice_ids}
    return [PayableInvoice._make(row) for row in session.execute(_LOCK_CHOSEN, parameters)]


def lock_named(session: Session, scope: Scope, names: Collection[str]) -> list[PayableInvoice]:
    """Return the customer's invoices of these ids or numbers, by id, under their locks."""
    statement = _of_customer().where(sa.or_(_INVOICES.id.in_(names), _INVOICES.number.in_(names)))
    locked = statement.order_by(_INVOICES.id).with_for_update()
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}
    return [PayableInvoice._make(row) for row in session.execute(locked, parameters)]


def select_locked(*, invoice_ids: Any, of_customer: Any = None) -> sa.Select[Any]:
    """Return the statement that locks these invoices by id, within the merchant that its parameter `merchant_id` names.

    `invoice_ids` and `of_customer` are parameters, or a statement of ids; put together once by `payments.operations.locks`.
    """
    statement = sa.select(_INVOICES.id).where(_INVOICES.merchant_id == sa.bindparam("merchant_id"))
    if of_customer is not None:
        statement = statement.where(_INVOICES.customer_id == of_customer)
    return statement.where(_INVOICES.id.in_(invoice_ids)).order_by(_INVOICES.id).with_for_update()


def _of_customer() -> sa.Select[Any]:
    return sa.select(*PAYABLE_COLUMNS).where(
        _INVOICES.merchant_id == sa.bindparam("merchant_id"), _INVOICES.customer_id == sa.bindparam("customer_id")
    )


# Built once: building a statement costs as much as running it.
_IDS = _INVOICES.id.in_(sa.bindparam("invoice_ids", expanding=True))
_OUTSTANDING = (
    _of_customer()
    .where(is_outstanding(_INVOICES.status))
    .order_by(_INVOICES.due_on, _INVOICES.id)
    .limit(sa.bindparam("most", type_=Count))
)
_CHOSEN = _of_customer().where(_IDS).order_by(_INVOICES.due_on, _INVOICES.id)
_CURRENCIES = _of_customer().where(_IDS).with_only_columns(_INVOICES.id, _INVOICES.currency)
_LOCK_CHOSEN = _of_customer().where(_IDS).order_by(_INVOICES.id).with_for_update()
