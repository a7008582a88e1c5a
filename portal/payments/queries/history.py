"""Packed for the customer's history of payments and the overview, the pages that are opened most (`tests/bench`).

One statement for each filter and direction, made once, returns with each payment its refunds, packed into one column, and the
invoices that a failed one would have paid. Everybody else reads by `queries.payments`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from portal.database import Id, Minor, Reader, Text
from portal.invoices.models import Invoice, is_outstanding
from portal.paging import READ_SIZE, Cursor, Slice, cut
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.queries.counts import PaymentCounts, packed_counts, read_counts, unpack_counts
from portal.payments.queries.joined import SpaceJoined
from portal.payments.queries.standing import shown_digits, shown_status, standing_at
from portal.payments.rules.statuses import PAYMENT_STATUSES
from portal.refunds.models import Refund
from portal.tenancy import Scope, parameters_of

FILTERS = MappingProxyType(
    {
        **{status: (status,) for status in PAYMENT_STATUSES},
        "all": (),
        "pending": ("pending", "processing", "requires_action"),
        "failed": ("failed", "rejected"),
        "refunded": ("refunded", "partially_refunded"),
    }
)
"""The values of `status=` and the statuses they admit: the tabs of the history, and each single status."""

_PAYMENTS = Payment.__table__
_ALLOCATIONS = PaymentAllocation.__table__
_INVOICES = Invoice.__table__
_REFUNDS = Refund.__table__
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = "-"
_FAILED = (sa.literal_column("'failed'", Id), sa.literal_column("'rejected'", Id))


class _Microseconds(sa.sql.functions.GenericFunction[int]):
    """An instant as the microseconds since 1970, which is how SQLite stores it."""

    type = Minor
    inherit_cache = True


@compiles(_Microseconds)
def _microseconds_on_sqlite(element: _Microseconds, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Microseconds, "postgresql")
def _microseconds_on_postgresql(element: _Microseconds, compiler: Any, **options: Any) -> str:
    return f"CAST(extract(epoch FROM {compiler.process(element.clauses, **options)}) * 1000000 AS bigint)"


class RefundRecord(NamedTuple):
    """A refund. `status` is pending, complete or failed."""

    payment_id: str
    status: str
    amount: int
    currency: str
    created_at: datetime
    completed_at: datetime | None


class PaymentRecord(NamedTuple):
    """A payment as lists need it. `status` is the one that pages show (`rules.statuses.shown_status`). `unpaid_invoices` are ids of
    what a failed one would have paid and can be paid now; `refunds` is what `read_refunds` reads."""

    id: str
    status: str
    currency: str
    amount: int
    amount_refunded: int
    description: str
    note: str
    more_count: int
    kind: str
    method_type: str | None
    method_brand: str | None
    method_last4: str | None
    failure_code: str | None
    created_at: datetime
    unpaid_invoices: str | None
    refunds: str | None


def read_history(
    reader: Reader, scope: Scope, status: str, cursor: Cursor, *, now: datetime
) -> tuple[Slice[PaymentRecord], PaymentCounts]:
    """Return a page of the customer's history as it stands now, newest first, and the counts of all of it. `status` is one of FILTERS; a
    cursor's key is a payment's id."""
    parameters = {**parameters_of(scope), "key": cursor.key or "", **standing_at(now)}
    found = reader.execute(_history(status, cursor.direction), parameters).all()
    # In the last column, the same in each row: a statement of their own would cost a tenth of the page.
    counts = unpack_counts(found[0][-1]) if found else read_counts(reader, scope)
    rows = [PaymentRecord._make(row[:-1]) for row in found]
    if cursor.direction == "before" or len(FILTERS[status]) > 1:
        rows.sort(reverse=True)  # By id: a UNION ALL keeps the order within each part only.
    return cut(rows, cursor, lambda row: row.id > cursor.key), counts


def read_refunds(records: Iterable[PaymentRecord]) -> list[RefundRecord]:
    """Return the refunds in these records, oldest first, without a query."""
    found = []
    for record in records:
        if not record.refunds:
            continue
        values = iter(record.refunds.split())
        # The same iterator five times: each refund is five values.
        for status, amount, currency, created, completed in zip(values, values, values, values, values, strict=True):
            completed_at = None if completed == _NEVER else _EPOCH + timedelta(microseconds=int(completed))
            created_at = _EPOCH + timedelta(microseconds=int(created))
            found.append(RefundRecord(record.id, status, int(amount), currency, created_at, completed_at))
    return sorted(found, key=lambda refund: refund.created_at)


def payment_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of a PaymentRecord, in its order; for the overview too."""
    p, a, i, r = _PAYMENTS.c, _ALLOCATIONS.c, _INVOICES.c, _REFUNDS.c
    unpaid = (
        sa.select(SpaceJoined(a.invoice_id))
        .select_from(_ALLOCATIONS.join(_INVOICES, sa.and_(i.merchant_id == a.merchant_id, i.id == a.invoice_id)))
        .where(a.merchant_id == p.merchant_id, a.payment_id == p.id, is_outstanding(i.status), i.amount_reserved == 0)
        .correlate(_PAYMENTS)
        .scalar_subquery()
    )
    refunds = (
        sa.select(SpaceJoined(_refund_values()))
        .where(r.merchant_id == p.merchant_id, r.payment_id == p.id)
        .correlate(_PAYMENTS)
        .scalar_subquery()
    )
    # Evaluated for failed payments alone, and for refunded ones: other rows skip the subqueries.
    return [
        p.id,
        shown_status().label("status"),
        *(shown_digits() if name == "method_last4" else p[name] for name in PaymentRecord._fields[2:-2]),
        sa.case((p.status.in_(_FAILED), unpaid)).label("unpaid_invoices"),
        sa.case((p.amount_refunded > sa.literal_column("0", Minor), refunds)).label("refunds"),
    ]


def listed(status: str | None = None) -> sa.Select[Any]:
    """Select the customer's listed payments, of one status or of any; an index returns them in the order of ids."""
    p = _PAYMENTS.c
    statement = sa.select(*payment_columns()).where(
        p.merchant_id == sa.bindparam("merchant_id"),
        p.customer_id == sa.bindparam("customer_id"),
        p.listed == sa.true(),
    )
    return statement if status is None else statement.where(p.status == sa.literal_column(f"'{status}'", Id))


def _refund_values() -> sa.ColumnElement[str]:
    """Return the five values of a refund that `read_refunds` reads, joined by spaces."""
    r, space = _REFUNDS.c, sa.literal_column("' '", Text)
    completed = sa.func.coalesce(sa.cast(_Microseconds(r.completed_at), Text), sa.literal_column(f"'{_NEVER}'", Text))
    values = (r.status, sa.cast(r.amount, Text), r.currency, sa.cast(_Microseconds(r.created_at), Text), completed)
    return reduce(lambda text, value: text + space + value, values)


@cache
def _history(status: str, direction: str) -> sa.Select[Any]:
    """Return the statement of a filter and a direction, built once: each part is a range of one index, read in its order."""
    p, key = _PAYMENTS.c, sa.bindparam("key", type_=Id)
    down, up = p.id.desc(), p.id.asc()
    parts = []
    for one in FILTERS[status] or (None,):
        statement = listed(one)
        if direction == "first":
            parts.append(statement.order_by(down))
        elif direction == "after":
            parts.append(statement.where(p.id < key).order_by(down))
        else:
            parts += [statement.where(p.id > key).order_by(up), statement.where(p.id <= key).order_by(down)]
    limited = [part.limit(sa.literal_column(str(READ_SIZE))) for part in parts]
    if len(limited) == 1:
        return limited[0].add_columns(packed_counts())
    every = sa.union_all(*(sa.select(part.subquery()) for part in limited)).subquery()
    return sa.select(every, packed_counts())
