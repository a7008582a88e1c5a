"""Reads of invoices, for every face: one by id, lists by key, lines. Plain rows, never objects of a session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.errors import NotFound
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.rules import OUTSTANDING
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.public_ids import is_id
from portal.tenancy import MerchantScope, ReadScope, Scope, parameters_of, within


class StoredInvoice(NamedTuple):
    """An invoice with all that a merchant may read of it; amounts in minor units of `currency`, `prices` in those of their keys."""

    id: str
    customer_id: str
    number: str
    status: str
    currency: str
    description: str
    subtotal: int
    tax: int
    total: int
    amount_paid: int
    amount_credited: int
    amount_reserved: int
    amount_mode: str | None
    minimum_amount: int | None
    maximum_amount: int | None
    preset_amounts: list[int]
    deposit_amount: int | None
    prices: dict[str, int]
    issued_on: date
    due_on: date
    bill_to: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    viewed_at: datetime | None
    paid_at: datetime | None

    @property
    def amount_due(self) -> int:
        """What is left to pay, reserved or not."""
        return self.total - self.amount_paid - self.amount_credited


class StoredLine(NamedTuple):
    """A line of an invoice. `quantity`, `unit_amount_decimal` and `tax_rate` are decimals as the merchant wrote them."""

    invoice_id: str
    position: int
    description: str
    quantity: str
    unit_amount_decimal: str
    tax_rate: str | None
    amount: int


_COLUMNS = [getattr(Invoice, name) for name in StoredInvoice._fields]


def get_invoice(reader: Reader, scope: ReadScope, invoice_id: str) -> StoredInvoice:
    """Return one invoice. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_invoice(reader, scope, invoice_id)
    if found is None:
        raise NotFound
    return found


def find_invoice(reader: Reader, scope: ReadScope, invoice_id: str) -> StoredInvoice | None:
    """Return one invoice; a customer's drafts are the merchant's alone."""
    if not is_id("inv", invoice_id):
        return None
    row = reader.execute(sa.select(*_COLUMNS).where(*_visible(scope), Invoice.id == invoice_id)).first()
    return StoredInvoice._make(row) if row is not None else None


def find_invoices(reader: Reader, scope: ReadScope, invoice_ids: Collection[str]) -> Mapping[str, StoredInvoice]:
    """Return those of these invoices that are within the scope, by id."""
    if not invoice_ids:
        return {}
    rows = reader.execute(sa.select(*_COLUMNS).where(*_visible(scope), Invoice.id.in_(sorted(invoice_ids))))
    return {row.id: StoredInvoice._make(row) for row in rows}


def list_invoices(
    reader: Reader,
    scope: ReadScope,
    *,
    statuses: Collection[str] = (),
    overdue_on: date | None = None,
    customer_id: str | None = None,
    number: str | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredInvoice]:
    """Return a page of the invoices, newest first; a cursor's key is an invoice's id. A customer sees no drafts.

    Of several `statuses` (`rules.OUTSTANDING`) any fits, of an empty collection all do. `overdue_on` admits what is outstanding and
    was due before that day. A number is unique for each customer, so that a merchant may have several invoices of one.
    """
    return read_newest_first(
        reader,
        _ranges(scope, statuses, overdue_on, customer_id, number),
        StoredInvoice._make,
        id_column=Invoice.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def count_invoices(
    reader: Reader,
    scope: ReadScope,
    *,
    most: int,
    statuses: Collection[str] = (),
    overdue_on: date | None = None,
    customer_id: str | None = None,
    number: str | None = None,
) -> int | None:
    """Return how many invoices the same filters of `list_invoices` admit, None for more than `most`."""
    return count_up_to(reader, _ranges(scope, statuses, overdue_on, customer_id, number), most, id_column=Invoice.id)


def list_lines(reader: Reader, scope: ReadScope, invoice_ids: Collection[str]) -> Mapping[str, list[StoredLine]]:
    """Return the lines of those of these invoices that are within the scope, in their order, by invoice."""
    found: dict[str, list[StoredLine]] = {invoice_id: [] for invoice_id in invoice_ids}
    if not found:
        return found
    rows = reader.execute(_LINES[type(scope)], {**parameters_of(scope), "invoice_ids": sorted(found)})
    for line in sorted(map(StoredLine._make, rows), key=lambda line: line.position):
        found[line.invoice_id].append(line)
    return found


def _visible(scope: ReadScope) -> tuple[sa.ColumnElement[bool], ...]:
    conditions = within(scope, Invoice.merchant_id, Invoice.customer_id)
    return (*conditions, Invoice.status != "draft") if isinstance(scope, Scope) else conditions


# Built once, since every change of an invoice reads them: building a statement costs as much as running it.
_I, _LINE = table_of(Invoice).c, table_of(InvoiceLine).c
_LINES_OF_MERCHANT = (
    sa.select(*(_LINE[name] for name in StoredLine._fields))
    .join(table_of(Invoice), sa.and_(_I.merchant_id == _LINE.merchant_id, _I.id == _LINE.invoice_id))
    .where(
        _I.merchant_id == sa.bindparam("merchant_id"),
        _LINE.merchant_id == sa.bindparam("merchant_id"),
        _LINE.invoice_id.in_(sa.bindparam("invoice_ids", expanding=True)),
    )
)
_LINES: Mapping[type[ReadScope], sa.Select[Any]] = MappingProxyType(
    {
        MerchantScope: _LINES_OF_MERCHANT,
        Scope: _LINES_OF_MERCHANT.where(_I.customer_id == sa.bindparam("customer_id"), _I.status != "draft"),
    }
)


def _ranges(
    scope: ReadScope,
    statuses: Collection[str],
    overdue_on: date | None,
    customer_id: str | None,
    number: str | None,
) -> list[sa.Select[Any]]:
    """One range of an index for each status; without any, one over all."""
    statement = sa.select(*_COLUMNS).where(*_visible(scope))
    if customer_id is not None:
        statement = statement.where(Invoice.customer_id == customer_id)
    if number is not None:
        statement = statement.where(Invoice.number == number)
    wanted = sorted(set(statuses))
    if overdue_on is not None:
        statement = statement.where(Invoice.due_on < overdue_on)
        wanted = [status for status in OUTSTANDING if not wanted or status in wanted]
        if not wanted:
            return [statement.where(sa.false())]
    return [statement.where(Invoice.status == status) for status in wanted] or [statement]
