"""Reads of the overview in two statements, whatever the account holds: what is owed, and what was paid and wants attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Count, Day, Flag, Id, Minor, Reader, Text
from portal.invoices.models import Invoice
from portal.invoices.queries import outstanding
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries import MethodRecord, in_order
from portal.payments.models import Payment
from portal.payments.queries import PaymentRecord, RefundRecord, listed
from portal.refunds.models import Refund
from portal.tenancy import Scope

NEWEST = 5
FIRST_INVOICES = 3
_LOOKED_AT = 3
"""How many of the newest failed payments are looked at for one whose invoices are still unpaid."""

_INVOICES = Invoice.__table__
_METHODS = PaymentMethod.__table__
_REFUNDS = Refund.__table__


class DueRecord(NamedTuple):
    """One of the first invoices to pay in its currency, beside that currency's sums (minor units, what nobody is paying yet).

    `left` is what can be paid of the invoice; `pending_amount` is what is being paid, over all invoices of the currency.
    """

    currency: str
    id: str
    number: str
    description: str
    due_on: date
    left: int
    payable_count: int
    amount: int
    overdue_count: int
    overdue_amount: int
    pending_amount: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the overview tells beside what is owed. `troubled` are payments that failed or wait, the newest first."""

    newest: list[PaymentRecord]
    refunds: list[RefundRecord]
    troubled: list[PaymentRecord]
    methods: list[MethodRecord]


def list_due(reader: Reader, scope: Scope, today: date) -> list[DueRecord]:
    """The first three invoices to pay of each currency, oldest due first, with the sums of the currency."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "today": today}
    return [DueRecord._make(row) for row in reader.execute(_DUE, parameters)]


def read_account(reader: Reader, scope: Scope) -> Account:
    """The newest payments with their refunds, what went wrong or waits, and the saved methods."""
    account = Account([], [], [], [])
    width = len(PaymentRecord._fields)
    for row in reader.execute(_ACCOUNT, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}):
        kind, values = row[0], row[1:]
        if kind == "newest":
            account.newest.append(PaymentRecord._make(values[:width]))
        elif kind == "troubled":
            account.troubled.append(PaymentRecord._make(values[:width]))
        elif kind == "refund":
            account.refunds.append(
                RefundRecord(row.description, row.status, row.amount, row.currency, row.created_at, row.last_used_at)
            )
        else:
            account.methods.append(
                MethodRecord(
                    row.id, row.method_type, row.method_brand, row.method_last4, row.exp_month, row.exp_year, row.phone,
                    row.bank_name, row.nickname, row.is_default, row.status, row.last_used_at,
                )
            )  # fmt: skip
    account.newest.sort(reverse=True)
    account.troubled.sort(reverse=True)
    account.refunds.sort(key=lambda refund: refund.created_at)
    account.methods[:] = in_order(account.methods)
    return account


def _due() -> sa.Select[Any]:
    i = _INVOICES.c
    left = i.total - i.amount_paid - i.amount_credited - i.amount_reserved
    is_overdue = sa.and_(left > 0, i.due_on < sa.bindparam("today", type_=Day()))

    def over_currency(value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.sum(value).over(partition_by=i.currency), Minor)

    def one_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.case((condition, sa.literal_column("1", Count)), else_=sa.literal_column("0", Count))

    # What is being paid wholly goes to the end: it has sums, but no line of its own.
    place = sa.func.row_number().over(
        partition_by=i.currency,
        order_by=(sa.case((left > 0, sa.literal_column("0")), else_=sa.literal_column("1")), i.due_on, i.id),
    )
    ranked = (
        sa.select(
            i.currency, i.id, i.number, i.description, i.due_on, left.label("left"),
            over_currency(one_if(left > 0)).label("payable_count"),
            over_currency(left).label("amount"),
            over_currency(one_if(is_overdue)).label("overdue_count"),
            over_currency(sa.case((is_overdue, left), else_=sa.literal_column("0"))).label("overdue_amount"),
            over_currency(i.amount_reserved).label("pending_amount"),
            place.label("place"),
        )
        .where(outstanding())
        .subquery()
    )  # fmt: skip
    return sa.select(*(ranked.c[name] for name in DueRecord._fields)).where(
        ranked.c.place <= sa.literal_column(str(FIRST_INVOICES)), ranked.c.left > 0
    )


_BESIDE: dict[str, Any] = {
    "exp_month": Count, "exp_year": Count, "phone": Id, "bank_name": Text, "nickname": Text, "is_default": Flag(),
    "last_used_at": Payment.__table__.c.completed_at.type,
}  # fmt: skip
"""What a saved method has beside the columns of a payment."""


def _account() -> sa.CompoundSelect[Any]:
    """Payments, refunds and methods in one statement: a payment's columns, then a method's; what a row lacks is null."""

    def payments(kind: str, status: str | None, most: int) -> sa.Select[Any]:
        found = listed(status).order_by(Payment.__table__.c.id.desc()).limit(sa.literal_column(str(most))).subquery()
        lacking = [sa.cast(sa.null(), type_).label(name) for name, type_ in _BESIDE.items()]
        return sa.select(sa.literal_column(f"'{kind}'", Id).label("kind"), *found.c, *lacking)

    p, m, r = Payment.__table__.c, _METHODS.c, _REFUNDS.c

    def others(kind: str, given: dict[str, Any]) -> sa.Select[Any]:
        types = {name: p[name].type for name in PaymentRecord._fields[:-1]} | {"unpaid_invoices": Text} | _BESIDE
        columns = [
            given[name].label(name) if name in given else sa.cast(sa.null(), type_).label(name)
            for name, type_ in types.items()
        ]
        return sa.select(sa.literal_column(f"'{kind}'", Id).label("kind"), *columns)

    newest = (
        sa.select(p.id)
        .where(
            p.merchant_id == sa.bindparam("merchant_id"),
            p.customer_id == sa.bindparam("customer_id"),
            p.listed == sa.true(),
        )
        .order_by(p.id.desc())
        .limit(sa.literal_column(str(NEWEST)))
        .subquery()
    )
    refunds = others(
        "refund",
        {
            "id": r.id, "status": r.status, "currency": r.currency, "amount": r.amount, "description": r.payment_id,
            "created_at": r.created_at, "last_used_at": r.completed_at,
        },
    ).where(r.merchant_id == sa.bindparam("merchant_id"), r.payment_id.in_(sa.select(newest.c.id)))  # fmt: skip
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
    return sa.union_all(
        payments("newest", None, NEWEST),
        *(payments("troubled", status, _LOOKED_AT) for status in ("failed", "rejected", "requires_action")),
        refunds,
        methods,
    )


_DUE = _due()
_ACCOUNT = _account()
