"""Packed for the overview, the page that every visit begins with: two statements, whatever the account holds (`tests/bench`).

One returns what is owed, the other what was paid and needs attention, with methods and credit, as rows of different kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.credit.models import CustomerBalance
from portal.database import Count, Flag, Id, Minor, Reader, Text
from portal.invoices.models import Invoice
from portal.invoices.queries.invoice_list import OwedSum, most_urgent_first, outstanding, owed_sums
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries.own_methods import MethodRecord, in_order
from portal.payments.models import Payment
from portal.payments.queries.history import PaymentRecord, RefundRecord, listed, read_refunds
from portal.payments.queries.standing import is_unsettled, shown_status, standing_at
from portal.tenancy import Scope

NEWEST = 5
_FIRST_DUE = 60
"""Invoices that are read for the first three of each currency."""
_MAX_TROUBLED = 3
"""How many of the newest failed payments are read to find one whose invoices are still unpaid."""
_MAX_MOVING = 3
"""How many of the newest payments in each status of what is under way are read to be named."""

_INVOICES = Invoice.__table__
_METHODS = PaymentMethod.__table__
_BALANCES = CustomerBalance.__table__


class DueRecord(NamedTuple):
    """One of the first invoices to pay, oldest due first; `left` (minor units) is what can be paid of it."""

    currency: str
    left: int
    due_on: date
    id: str
    number: str
    description: str


class MovingSum(NamedTuple):
    """Payments under way in one currency and one status (the one that pages show): their sum in minor units, and how many they are."""

    status: str
    currency: str
    amount: int
    payment_count: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the overview shows beside what is owed. `troubled` are payments that failed, `moving` those under way, the newest first: a few
    of each, while `under_way` sums all that are.

    `credits` is the customer's credit that no payment holds: (minor units, currency), one a currency.
    """

    newest: list[PaymentRecord]
    refunds: list[RefundRecord]
    troubled: list[PaymentRecord]
    moving: list[PaymentRecord]
    under_way: list[MovingSum]
    methods: list[MethodRecord]
    credits: list[tuple[int, str]]


def read_owed(reader: Reader, scope: Scope, today: date) -> tuple[list[OwedSum], list[DueRecord]]:
    """Return what is owed in each currency, the most urgent first, and the first invoices to pay of all of them.

    A currency whose invoices come after very many others may have fewer invoices here than there are; its sums are complete.
    """
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "today": today}
    width = len(OwedSum._fields)
    sums, due = [], []
    for row in reader.execute(_OWED, parameters).all():
        if row.id is None:
            sums.append(OwedSum._make(row[:width]))
        else:
            due.append(DueRecord(row.currency, row.amount, row.first_due_on, *row[width:]))
    due.sort(key=lambda record: (record.due_on, record.id))
    return most_urgent_first(sums), due


def read_account(reader: Reader, scope: Scope, *, now: datetime) -> Account:
    """Return the newest payments with their refunds, those that failed, what is under way now, and the saved methods."""
    account = Account([], [], [], [], [], [], [])
    width = len(PaymentRecord._fields)
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, **standing_at(now)}
    for row in reader.execute(_ACCOUNT, parameters).all():
        kind, values = row[0], row[1:]
        if kind in ("newest", "troubled", "moving"):
            getattr(account, kind).append(PaymentRecord._make(values[:width]))
        elif kind == "under_way":
            account.under_way.append(MovingSum(row.status, row.currency, row.amount, row.more_count))
        elif kind == "credit":
            account.credits.append((row.amount, row.currency))
        else:
            account.methods.append(
                MethodRecord(
                    row.id, row.method_type, row.method_brand, row.method_last4, row.exp_month, row.exp_year, row.phone,
                    row.bank_name, row.nickname, row.is_default, row.status, row.last_used_at,
                )
            )  # fmt: skip
    account.newest.sort(reverse=True)
    account.troubled.sort(reverse=True)
    account.moving.sort(reverse=True)
    account.refunds[:] = read_refunds(account.newest)
    account.methods[:] = in_order(account.methods)
    account.credits.sort(reverse=True)
    return account


def _owed() -> sa.CompoundSelect[Any]:
    """Sums by currency, and beside them the first invoices in the order in which they fall due: no sort, no window."""
    i = _INVOICES.c
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    of_invoice = {"id": i.id, "number": i.number, "description": i.description}
    columns = {"currency": i.currency, "amount": left, "first_due_on": i.due_on} | of_invoice
    sums = owed_sums().add_columns(
        *(sa.cast(sa.null(), column.type).label(name) for name, column in of_invoice.items())
    )
    first = (
        sa.select(
            *(
                columns[name].label(name) if name in columns else sa.cast(sa.null(), Minor).label(name)
                for name in (*OwedSum._fields, *of_invoice)
            )
        )
        .where(outstanding(), left > sa.literal_column("0"))
        .order_by(i.due_on, i.id)
        .limit(sa.literal_column(str(_FIRST_DUE)))
        .subquery()
    )
    return sa.union_all(sums, sa.select(first))


_BESIDE: dict[str, Any] = {
    "exp_month": Count, "exp_year": Count, "phone": Id, "bank_name": Text, "nickname": Text, "is_default": Flag(),
    "last_used_at": Payment.__table__.c.completed_at.type,
}  # fmt: skip
"""What a saved method has beside the columns of a payment."""


def _account() -> sa.CompoundSelect[Any]:
    """Payments, refunds, methods and credits in one statement: a payment's columns, then a method's; what a row lacks is null."""

    def payments(kind: str, status: str | None, most: int) -> sa.Select[Any]:
        found = listed(status).order_by(Payment.__table__.c.id.desc()).limit(sa.literal_column(str(most))).subquery()
        lacking = [sa.cast(sa.null(), type_).label(name) for name, type_ in _BESIDE.items()]
        return sa.select(sa.literal_column(f"'{kind}'", Id).label("kind"), *found.c, *lacking)

    p, m = Payment.__table__.c, _METHODS.c

    def others(kind: str, values: dict[str, Any]) -> sa.Select[Any]:
        types = {name: p[name].type for name in PaymentRecord._fields[:-2]}
        types |= {"unpaid_invoices": Text, "refunds": Text} | _BESIDE
        columns = [
            values[name].label(name) if name in values else sa.cast(sa.null(), type_).label(name)
            for name, type_ in types.items()
        ]
        return sa.select(sa.literal_column(f"'{kind}'", Id).label("kind"), *columns)

    methods = others(
        "method",
        {
            "id": m.id, "status": m.status, "method_type": m.type, "method_brand": m.brand, "method_last4": m.last4,
            "created_at": m.created_at, **{name: m[name] for name in _BESIDE},
        },
    ).where(
        m.merchant_id == sa.bindparam("merchant_id"), m.customer_id == sa.bindparam("customer_id"),
        m.status != sa.literal_column("'removed'", Id),
    )  # fmt: skip
    under_way = (
        others(
            "under_way",
            {
                "status": shown_status(), "currency": p.currency,
                "amount": sa.cast(sa.func.sum(p.amount), Minor), "more_count": sa.cast(sa.func.count(), Count),
            },
        )
        .where(
            p.merchant_id == sa.bindparam("merchant_id"), p.customer_id == sa.bindparam("customer_id"), p.listed == sa.true(),
            is_unsettled(),
        )
        .group_by(shown_status(), p.currency)
    )  # fmt: skip
    free = _BALANCES.c.amount - _BALANCES.c.amount_reserved
    credits = others("credit", {"amount": free, "currency": _BALANCES.c.currency}).where(
        _BALANCES.c.merchant_id == sa.bindparam("merchant_id"),
        _BALANCES.c.customer_id == sa.bindparam("customer_id"),
        free > sa.literal_column("0"),
    )
    return sa.union_all(
        payments("newest", None, NEWEST),
        *(payments("troubled", status, _MAX_TROUBLED) for status in ("failed", "rejected")),
        *(payments("moving", status, _MAX_MOVING) for status in ("requires_action", "pending", "processing")),
        under_way,
        methods,
        credits,
    )


_OWED = _owed()
_ACCOUNT = _account()
