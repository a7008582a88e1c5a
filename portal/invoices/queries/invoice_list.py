"""Packed for the customer's list of invoices and the overview: a page by due date or by time, and what is owed in each currency.

Each is one statement, made once and narrowed to what those pages show, since they are opened most (`tests/bench`). Everybody else
reads by `queries.invoices`. What payments do with an invoice is a column that the caller brings: payments know invoices, not the
other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from portal.database import Count, Day, Id, Minor, Reader
from portal.invoices.models import Invoice, is_outstanding
from portal.paging import READ_SIZE, Cursor, Slice, cut
from portal.tenancy import MerchantScope, Scope

FILTERS = ("outstanding", "overdue", "paid", "all")
Standing: TypeAlias = Callable[[Any], sa.ColumnElement[Any]]
"""Makes the column `ListedInvoice.standing` from the columns of the invoices' table; a function of a module, since statements are kept by it."""

_INVOICES = Invoice.__table__


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


class ListedInvoice(NamedTuple):
    """An invoice of the list: the fields of an InvoiceRecord, and `standing`, what payments do with it (`Standing`)."""

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
    standing: str | None


class OwedSum(NamedTuple):
    """What is owed in one currency, over all outstanding invoices.

    `amount`, `overdue_amount` and their counts are of what is not being paid yet; `pending_amount` is being paid. `free_amount` and
    `free_overdue_amount` are the same without the rest of an invoice of which a payment holds a part: a checkout pays them.
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
    free_amount: int
    free_overdue_amount: int


def read_invoice_list(
    reader: Reader,
    scope: Scope,
    status: str,
    cursor: Cursor,
    today: date,
    *,
    standing: Standing,
    standing_values: Mapping[str, Any],
) -> Slice[ListedInvoice]:
    """Return a page of the customer's invoices; drafts are the merchant's own and are never listed. `status` is one of FILTERS;
    `standing_values` are the parameters that the column `standing` needs.

    Outstanding and overdue ones come in the order in which they fall due, and a cursor's key is (due_on, id); paid ones
    and all come newest first, and the key is the id.
    """
    due_on, last_id = cursor.key if isinstance(cursor.key, tuple) else (today, cursor.key or "")
    parameters: dict[str, Any] = {
        **standing_values,
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
    found = reader.execute(_list(status, cursor.direction, standing), parameters).all()
    rows = [ListedInvoice._make(row) for row in found]
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


class OwedByCustomer(NamedTuple):
    """What a customer owes in a currency: how many invoices something is left to pay of, and the sum of that in minor units."""

    customer_id: str
    currency: str
    invoice_count: int
    amount: int


def list_owed(reader: Reader, scope: MerchantScope, customer_ids: Sequence[str]) -> list[OwedByCustomer]:
    """Return what several customers of a merchant owe, by currency; no row where there is nothing to pay. One statement, however many they
    are; what a payment is under way for is not counted."""
    parameters = {"merchant_id": scope.merchant_id, "customer_ids": list(customer_ids)}
    return [OwedByCustomer._make(row) for row in reader.execute(_OWED_BY, parameters)]


def most_urgent_first(sums: list[OwedSum]) -> list[OwedSum]:
    """Sums with the currency that has something overdue first, then the one that is due first."""
    return sorted(sums, key=lambda owed: (owed.overdue_amount == 0, owed.first_due_on, owed.currency))


def outstanding() -> sa.ColumnElement[bool]:
    """The customer's outstanding invoices, as the partial index over them is written: literals, in its order."""
    i = _INVOICES.c
    return sa.and_(
        i.merchant_id == sa.bindparam("merchant_id"),
        i.customer_id == sa.bindparam("customer_id"),
        is_outstanding(i.status),
    )


def owed_sums() -> sa.Select[Any]:
    """The columns of an OwedSum, a row a currency; for the overview too."""
    i, one, zero = _INVOICES.c, sa.literal_column("1", Count), sa.literal_column("0", Count)
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    is_overdue, is_payable = i.due_on < sa.bindparam("today", type_=Day()), left > zero
    is_free = i.amount_reserved == zero

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
        "free_amount": total(left, is_free),
        "free_overdue_amount": total(left, is_free, is_overdue),
    }
    return sa.select(*(column.label(name) for name, column in sums.items())).where(outstanding()).group_by(i.currency)


def _owed_by_customers() -> sa.Select[Any]:
    i, zero = _INVOICES.c, sa.literal_column("0", Count)
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    return (
        sa.select(i.customer_id, i.currency, sa.func.count(), sa.cast(sa.func.sum(left), Minor))
        .where(
            i.merchant_id == sa.bindparam("merchant_id"),
            i.customer_id.in_(sa.bindparam("customer_ids", expanding=True)),
            is_outstanding(i.status),
            left > zero,
        )
        .group_by(i.customer_id, i.currency)
        .order_by(i.customer_id, i.currency)
    )


_OWED_BY = _owed_by_customers()


@cache
def _list(status: str, direction: str, standing: Standing) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Return the statement of a filter and a direction, built once: a range of one index, read in its order."""
    i, key = _INVOICES.c, sa.bindparam("key", type_=Id)
    statement = sa.select(*(i[name] for name in InvoiceRecord._fields), standing(i).label("standing"))
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


_OWED = _owed()
