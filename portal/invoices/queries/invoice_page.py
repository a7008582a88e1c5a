"""Packed for the customer's page of one invoice: the invoice, its lines, its credit notes, what was promised
and the default method in one statement.

The page is one of those that are opened most. Everybody else reads by `queries.invoices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Count, Day, Id, Reader
from portal.errors import NotFound
from portal.invoices.models import CreditNote, Invoice, InvoiceLine, Promise
from portal.invoices.queries.invoice_list import InvoiceRecord
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import is_id
from portal.tenancy import Scope

_INVOICES = Invoice.__table__
_LINES = InvoiceLine.__table__
_NOTES = CreditNote.__table__
_METHODS = PaymentMethod.__table__
_PROMISES = Promise.__table__


class LineRecord(NamedTuple):
    """`quantity`, `unit_amount_decimal` and `tax_rate` are decimals as the merchant wrote them."""

    description: str
    quantity: str
    unit_amount_decimal: str
    tax_rate: str | None
    amount: int


class NoteRecord(NamedTuple):
    """A credit note that lowered the invoice by `amount_applied`."""

    id: str
    number: str
    issued_on: date
    amount_applied: int


class StoredPromise(NamedTuple):
    """What the customer last said about an invoice: `kind` "transfer", or "day" with `pay_on`."""

    kind: str
    pay_on: date | None
    made_at: datetime
    first_on: date | None


@dataclass(frozen=True, slots=True)
class InvoiceDetail:
    """One invoice with all that its page shows. `default_method` is type, brand, last4, nickname and bank of the default."""

    record: InvoiceRecord
    subtotal: int
    tax: int
    bill_to: dict[str, Any]
    paid_at: datetime | None
    default_method: tuple[str, str | None, str | None, str | None, str | None] | None
    lines: tuple[LineRecord, ...]
    notes: tuple[NoteRecord, ...]
    promise: StoredPromise | None = None


def read_invoice_page(reader: Reader, scope: Scope, invoice_id: str) -> InvoiceDetail:
    """Return one invoice of the customer, drafts excepted. Raises NotFound for another customer's, an unknown and a malformed id alike."""
    if not is_id("inv", invoice_id):
        raise NotFound
    scoped = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_id": invoice_id}
    rows = reader.execute(_ONE, scoped).all()
    if not rows:
        raise NotFound
    first = rows[0]
    parts = sorted((row for row in rows if row.text is not None), key=lambda row: (row.position, row.text))
    return InvoiceDetail(
        record=InvoiceRecord._make(first[: len(InvoiceRecord._fields)]),
        subtotal=first.subtotal,
        tax=first.tax,
        bill_to=first.bill_to,
        paid_at=first.paid_at,
        default_method=(first.type, first.brand, first.last4, first.nickname, first.bank_name) if first.type else None,
        lines=tuple(
            LineRecord(row.text, row.quantity, row.unit_amount_decimal, row.tax_rate, row.amount)
            for row in parts
            if row.issued is None
        ),
        notes=tuple(
            NoteRecord(row.quantity, row.text, row.issued, row.amount) for row in parts if row.issued is not None
        ),
        promise=StoredPromise(first.kind, first.pay_on, first.made_at, first.first_on) if first.kind else None,
    )


def _one() -> sa.CompoundSelect[Any]:
    """An invoice beside each of its lines, and again beside each credit note: all of its page in one statement."""
    i, m, li, n, p = _INVOICES.c, _METHODS.c, _LINES.c, _NOTES.c, _PROMISES.c
    default = sa.and_(
        m.merchant_id == i.merchant_id,
        m.customer_id == i.customer_id,
        m.is_default == sa.true(),
        m.status == sa.literal_column("'active'", Id),
    )
    of_line = sa.and_(li.merchant_id == i.merchant_id, li.invoice_id == i.id)
    of_note = sa.and_(n.merchant_id == i.merchant_id, n.invoice_id == i.id, n.amount_applied > 0)
    promised = sa.and_(p.merchant_id == i.merchant_id, p.invoice_id == i.id)
    invoice = _INVOICES.outerjoin(_METHODS, default).outerjoin(_PROMISES, promised)
    head = [
        *(i[name] for name in InvoiceRecord._fields),
        i.subtotal,
        i.tax,
        i.bill_to,
        i.paid_at,
        m.type,
        m.brand,
        m.last4,
        m.nickname,
        m.bank_name,
        p.kind,
        p.pay_on,
        p.made_at,
        p.first_on,
    ]
    mine = sa.and_(
        i.merchant_id == sa.bindparam("merchant_id"),
        i.id == sa.bindparam("invoice_id"),
        i.customer_id == sa.bindparam("customer_id"),
        i.status != sa.literal_column("'draft'", Id),
    )
    lines = (
        sa.select(
            *head,
            li.position,
            li.description.label("text"),
            li.amount,
            li.quantity,
            li.unit_amount_decimal,
            li.tax_rate,
            sa.cast(sa.null(), Day()).label("issued"),
        )
        .select_from(invoice.outerjoin(_LINES, of_line))
        .where(mine)
    )
    notes = (
        sa.select(
            *head,
            sa.literal_column("0", Count),
            n.number,
            n.amount_applied,
            n.id,
            *[sa.cast(sa.null(), Id)] * 2,
            n.issued_on,
        )
        .select_from(invoice.join(_NOTES, of_note))
        .where(mine)
    )
    return sa.union_all(lines, notes)


_ONE = _one()
