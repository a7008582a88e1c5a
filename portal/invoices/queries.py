"""Reads of invoices: lists by key, what is owed in each currency, and one invoice. Plain rows, never objects of a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Count, Day, Id, Minor, Reader
from portal.errors import NotFound
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.paging import READ_SIZE, Cursor, Slice, cut
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import is_id
from portal.tenancy import Scope

FILTERS = ("outstanding", "overdue", "paid", "all")

_INVOICES = Invoice.__table__
_LINES = InvoiceLine.__table__
_NOTES = CreditNote.__table__
_METHODS = PaymentMethod.__table__


class InvoiceRecord(NamedTuple):
    """An invoice as lists need it; amounts in minor units of `currency`."""

    id: str
    number: str
    status: str
    currency: str
    description: str
    total: int
    amount_paid: int
    amount_credited: int
    amount_reserved: int
    issued_on: date
    due_on: date

    @property
    def amount_due(self) -> int:
        """What is left to pay, reserved or not."""
        return self.total - self.amount_paid - self.amount_credited


class OwedSum(NamedTuple):
    """What is owed in one currency, over all outstanding invoices.

    `amount`, `overdue_amount` and their counts are of what nobody is paying yet; `pending_amount` is being paid.
    `outstanding_count` and `overdue_total_count` count every row of the two tabs.
    """

    currency: str
    outstanding_count: int
    overdue_total_count: int
    payable_count: int
    overdue_count: int
    amount: int
    overdue_amount: int
    pending_amount: int
    first_due_on: date


class LineRecord(NamedTuple):
    """`quantity`, `unit_amount_decimal` and `tax_rate` are decimals as the merchant wrote them."""

    description: str
    quantity: str
    unit_amount_decimal: str
    tax_rate: str | None
    amount: int


class NoteRecord(NamedTuple):
    """A credit note that lowered the invoice by `amount_applied`."""

    number: str
    issued_on: date
    amount_applied: int


@dataclass(frozen=True, slots=True)
class InvoiceDetail:
    """One invoice with all that its page tells. `default_method` is type, brand, last4, nickname and bank of the default."""

    record: InvoiceRecord
    subtotal: int
    tax: int
    bill_to: dict[str, Any]
    paid_at: datetime | None
    default_method: tuple[str, str | None, str | None, str | None, str | None] | None
    lines: tuple[LineRecord, ...]
    notes: tuple[NoteRecord, ...]


def list_invoices(reader: Reader, scope: Scope, status: str, cursor: Cursor, today: date) -> Slice[InvoiceRecord]:
    """A page of the customer's invoices; drafts are the merchant's own and are never listed. `status` is one of FILTERS.

    Outstanding and overdue ones come in the order in which they fall due, and a cursor's key is (due_on, id); paid ones
    and all come newest first, and the key is the id.
    """
    due_on, last_id = cursor.key if isinstance(cursor.key, tuple) else (today, cursor.key or "")
    parameters = {
        "merchant_id": scope.merchant_id,
        "customer_id": scope.customer_id,
        "today": today,
        "due_on": due_on,
        "key": last_id,
    }
    if status != "overdue":
        del parameters["today"]
    if cursor.direction == "first" or not is_by_due_date(status):
        del parameters["due_on"]
    rows = [InvoiceRecord._make(row) for row in reader.execute(_list(status, cursor.direction), parameters).all()]
    if is_by_due_date(status):
        if cursor.direction == "before":
            rows.sort(key=lambda row: (row.due_on, row.id))
        return cut(rows, cursor, lambda row: (row.due_on, row.id) < cursor.key)
    if cursor.direction == "before":
        rows.sort(reverse=True)
    return cut(rows, cursor, lambda row: row.id > cursor.key)


def is_by_due_date(status: str) -> bool:
    """Whether the list of this filter is in the order of due dates, and not of time."""
    return status in ("outstanding", "overdue")


def sum_owed(reader: Reader, scope: Scope, today: date) -> tuple[list[OwedSum], bool]:
    """What the customer owes, one sum a currency, never across; and whether there is any invoice at all.

    The currency with something overdue comes first, then the one that is due first.
    """
    rows = reader.execute(
        _OWED, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "today": today}
    ).all()
    sums = [OwedSum._make(row) for row in rows if row[0]]
    return most_urgent_first(sums), len(rows) > len(sums)


def most_urgent_first(sums: list[OwedSum]) -> list[OwedSum]:
    """Sums with the currency that has something overdue first, then the one that is due first."""
    return sorted(sums, key=lambda owed: (owed.overdue_amount == 0, owed.first_due_on, owed.currency))


def get_invoice(reader: Reader, scope: Scope, invoice_id: str) -> InvoiceDetail:
    """One invoice of the customer, drafts excepted. Raises NotFound for somebody else's, an unknown and a malformed id alike."""
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
        notes=tuple(NoteRecord(row.text, row.issued, row.amount) for row in parts if row.issued is not None),
    )


def outstanding() -> sa.ColumnElement[bool]:
    """The customer's outstanding invoices, as the partial index over them is written: literals, in its order."""
    i = _INVOICES.c
    return sa.and_(
        i.merchant_id == sa.bindparam("merchant_id"),
        i.customer_id == sa.bindparam("customer_id"),
        i.status.in_((sa.literal_column("'open'", Id), sa.literal_column("'partially_paid'", Id))),
    )


def owed_sums() -> sa.Select[Any]:
    """The columns of an OwedSum, a row a currency; for the overview too."""
    i, one, zero = _INVOICES.c, sa.literal_column("1", Count), sa.literal_column("0", Count)
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    is_overdue, is_payable = i.due_on < sa.bindparam("today", type_=Day()), left > zero

    def total(amount: sa.ColumnElement[Any], *when: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        counted = sa.case((sa.and_(*when), amount), else_=zero) if when else amount
        return sa.cast(sa.func.sum(counted), Minor)  # PostgreSQL sums bigint to numeric.

    sums = {
        "currency": i.currency,
        "outstanding_count": total(one),
        "overdue_total_count": total(one, is_overdue),
        "payable_count": total(one, is_payable),
        "overdue_count": total(one, is_payable, is_overdue),
        "amount": total(left),
        "overdue_amount": total(left, is_overdue),
        "pending_amount": total(i.amount_reserved),
        "first_due_on": sa.type_coerce(sa.func.min(i.due_on), Day()),
    }
    return sa.select(*(column.label(name) for name, column in sums.items())).where(outstanding()).group_by(i.currency)


@cache
def _list(status: str, direction: str) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """The statement of a filter and a direction, made once: a range of one index, read in its order."""
    i, key = _INVOICES.c, sa.bindparam("key", type_=Id)
    statement = sa.select(*(i[name] for name in InvoiceRecord._fields))
    if is_by_due_date(status):
        statement = statement.where(outstanding())
        if status == "overdue":
            statement = statement.where(i.due_on < sa.bindparam("today", type_=Day()))
        place, mark = sa.tuple_(i.due_on, i.id), sa.tuple_(sa.bindparam("due_on", type_=Day()), key)
        onward: tuple[Any, ...] = (i.due_on, i.id)
        back: tuple[Any, ...] = (i.due_on.desc(), i.id.desc())
        ahead, behind, after = place < mark, place >= mark, place > mark
    else:
        statement = statement.where(
            i.merchant_id == sa.bindparam("merchant_id"),
            i.customer_id == sa.bindparam("customer_id"),
            i.status == sa.literal_column("'paid'", Id)
            if status == "paid"
            else i.status != sa.literal_column("'draft'", Id),
        )
        onward, back = (i.id.desc(),), (i.id.asc(),)
        ahead, behind, after = i.id > key, i.id <= key, i.id < key
    size: Any = sa.literal_column(str(READ_SIZE))
    if direction == "first":
        return statement.order_by(*onward).limit(size)
    if direction == "after":
        return statement.where(after).order_by(*onward).limit(size)
    parts = (statement.where(ahead).order_by(*back).limit(size), statement.where(behind).order_by(*onward).limit(size))
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


def _owed() -> sa.CompoundSelect[Any]:
    """Sums by currency, and after them one row without a currency where there is any invoice at all."""
    i, one, zero = _INVOICES.c, sa.literal_column("1", Count), sa.literal_column("0", Count)
    nothing = dict.fromkeys(OwedSum._fields, zero) | {
        "currency": sa.literal_column("''", Id),
        "first_due_on": i.due_on,
    }
    # Without an order PostgreSQL reads the table, where it guesses that many of its rows are the customer's.
    any_invoice = (
        sa.select(*(column.label(name) for name, column in nothing.items()))
        .where(
            i.merchant_id == sa.bindparam("merchant_id"),
            i.customer_id == sa.bindparam("customer_id"),
            i.status != sa.literal_column("'draft'", Id),
        )
        .order_by(i.id)
        .limit(one)
        .subquery()
    )
    return sa.union_all(owed_sums(), sa.select(any_invoice))


def _one() -> sa.CompoundSelect[Any]:
    """An invoice beside each of its lines, and again beside each credit note: all of its page in one statement."""
    i, m, li, n = _INVOICES.c, _METHODS.c, _LINES.c, _NOTES.c
    default = sa.and_(
        m.merchant_id == i.merchant_id,
        m.customer_id == i.customer_id,
        m.is_default == sa.true(),
        m.status == sa.literal_column("'active'", Id),
    )
    of_line = sa.and_(li.merchant_id == i.merchant_id, li.invoice_id == i.id)
    of_note = sa.and_(n.merchant_id == i.merchant_id, n.invoice_id == i.id, n.amount_applied > 0)
    invoice = _INVOICES.outerjoin(_METHODS, default)
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
            *head, sa.literal_column("0", Count), n.number, n.amount_applied, *[sa.cast(sa.null(), Id)] * 3, n.issued_on
        )
        .select_from(invoice.join(_NOTES, of_note))
        .where(mine)
    )
    return sa.union_all(lines, notes)


_OWED = _owed()
_ONE = _one()
