"""Packed for the overview, the page that every visit begins with: two statements, whatever the account holds (`tests/bench`).

One brings what is owed, the other what was paid and wants attention, with methods and credit, as rows told apart by position.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
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
from portal.tenancy import Scope

NEWEST = 5
_FIRST_DUE = 60
"""Invoices that are looked at for the first three of each currency."""
_LOOKED_AT = 3
"""How many of the newest failed payments are looked at for one whose invoices are still unpaid."""

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


@dataclass(frozen=True, slots=True)
class Account:
    """What the overview tells beside what is owed. `troubled` are payments that failed or wait, the newest first.

    `credits` is what stands to the customer's credit and is not held by a payment: (minor units, currency), one a currency.
    """

    newest: list[PaymentRecord]
    refunds: list[RefundRecord]
    troubled: list[PaymentRecord]
    methods: list[MethodRecord]
    credits: list[tuple[int, str]]


def read_owed(reader: Reader, scope: Scope, today: date) -> tuple[list[OwedSum], list[DueRecord]]:
    """What is owed in each currency, the most urgent first, and the first invoices to pay of all of them.

    Of a currency whose invoices come after very many others it may tell fewer lines than it could: its sums are whole.
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


def read_account(reader: Reader, scope: Scope) -> Account:
    """The newest payments with their refunds, what went wrong or waits, and the saved methods."""
    account = Account([], [], [], [], [])
    width = len(PaymentRecord._fields)
    for row in reader.execute(_ACCOUNT, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}).all():
        kind, values = row[0], row[1:]
        if kind == "newest":
            account.newest.append(PaymentRecord._make(values[:width]))
        elif kind == "troubled":
            account.troubled.append(PaymentRecord._make(values[:width]))
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
    account.refunds[:] = read_refunds(account.newest)
    account.methods[:] = in_order(account.methods)
    account.credits.sort(reverse=True)
    return account


def _owed() -> sa.CompoundSelect[Any]:
    """Sums by currency, and beside them the first invoices in the order in which they fall due: no sort, no window."""
    i = _INVOICES.c
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    of_invoice = {"id": i.id, "number": i.number, "description": i.description}
    told = {"currency": i.currency, "amount": left, "first_due_on": i.due_on} | of_invoice
    sums = owed_sums().add_columns(
        *(sa.cast(sa.null(), column.type).label(name) for name, column in of_invoice.items())
    )
    first = (
        sa.select(
            *(
                told[name].label(name) if name in told else sa.cast(sa.null(), Minor).label(name)
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

    def others(kind: str, given: dict[str, Any]) -> sa.Select[Any]:
        types = {name: p[name].type for name in PaymentRecord._fields[:-2]}
        types |= {"unpaid_invoices": Text, "refunds": Text} | _BESIDE
        columns = [
            given[name].label(name) if name in given else sa.cast(sa.null(), type_).label(name)
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
    free = _BALANCES.c.amount - _BALANCES.c.amount_reserved
    credits = others("credit", {"amount": free, "currency": _BALANCES.c.currency}).where(
        _BALANCES.c.merchant_id == sa.bindparam("merchant_id"),
        _BALANCES.c.customer_id == sa.bindparam("customer_id"),
        free > sa.literal_column("0"),
    )
    return sa.union_all(
        payments("newest", None, NEWEST),
        *(payments("troubled", status, _LOOKED_AT) for status in ("failed", "rejected", "requires_action")),
        methods,
        credits,
    )


_OWED = _owed()
_ACCOUNT = _account()
