"""Reads of the ledger for a customer's statement. A day is the merchant's; an invoice and a credit note count from the day of their issue,
or from the day on which they were posted where that was earlier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from portal.database import Day, Instant, Reader, table_of
from portal.invoices.models import CreditNote, Invoice
from portal.ledger.models import LedgerEntry, LedgerTransaction
from portal.statement.rules import Posted, Statement, age, build_movements, rank
from portal.tenancy import MerchantScope, Scope

_E, _T = table_of(LedgerEntry), table_of(LedgerTransaction)
_I, _N = table_of(Invoice), table_of(CreditNote)
_OWN = ("receivable", "credit")
# Of a posting whose source is an invoice or a credit note, that row.
_FROM = (
    _E.join(_T, sa.and_(_T.c.merchant_id == _E.c.merchant_id, _T.c.id == _E.c.transaction_id))
    .outerjoin(_I, sa.and_(_I.c.merchant_id == _T.c.merchant_id, _I.c.id == _T.c.source, _T.c.kind == "invoice_opened"))
    .outerjoin(_N, sa.and_(_N.c.merchant_id == _T.c.merchant_id, _N.c.id == _T.c.source, _T.c.kind == "credit_granted"))
)
_ISSUED_ON = sa.func.coalesce(_I.c.issued_on, _N.c.issued_on)
_OF_CUSTOMER = (
    _E.c.merchant_id == sa.bindparam("merchant_id"),
    _E.c.customer_id == sa.bindparam("customer_id"),
    _E.c.currency == sa.bindparam("currency"),
)


def _before(day: str) -> sa.ColumnElement[bool]:
    """Return the condition that something counts before the day of a parameter, whose first instant is that of `<day>_at`."""
    was_issued = sa.and_(
        _ISSUED_ON.is_not(None), sa.bindparam(day, type_=Day) > _ISSUED_ON
    )  # Never null: it is negated too.
    return sa.or_(_T.c.at < sa.bindparam(f"{day}_at", type_=Instant), was_issued)


def _sum_of(*accounts: str) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((_E.c.account.in_(accounts), _E.c.amount), else_=0))


_CURRENCIES = (
    sa.select(_E.c.currency)
    .where(_E.c.merchant_id == sa.bindparam("merchant_id"), _E.c.customer_id == sa.bindparam("customer_id"))
    .where(_E.c.account.in_(_OWN))
    .distinct()
    .order_by(_E.c.currency)
)
_BALANCE = (
    sa.select(sa.func.sum(_E.c.amount))
    .select_from(_FROM)
    .where(*_OF_CUSTOMER, _E.c.account.in_(_OWN), _before("first"))
)
_OWED = (
    sa.select(_E.c.account, _E.c.invoice_id, sa.func.sum(_E.c.amount).label("amount"))
    .select_from(_FROM)
    .where(*_OF_CUSTOMER, _E.c.account.in_(_OWN), _before("after"))
    .group_by(_E.c.account, _E.c.invoice_id)
)
_DUE = (
    sa.select(_I.c.id, _I.c.due_on)
    .where(_I.c.merchant_id == sa.bindparam("merchant_id"), _I.c.customer_id == sa.bindparam("customer_id"))
    .where(_I.c.id.in_(sa.bindparam("invoice_ids", expanding=True)))
)
_POSTED = (
    sa.select(
        _T.c.id,
        _T.c.kind,
        _T.c.at,
        sa.func.max(_ISSUED_ON).label("issued_on"),
        sa.func.max(_E.c.invoice_id).label("invoice_id"),
        sa.func.max(_E.c.payment_id).label("payment_id"),
        sa.func.max(sa.func.coalesce(_I.c.number, _N.c.number)).label("number"),
        sa.func.max(_I.c.description).label("title"),
        _sum_of(*_OWN).label("balance"),
        _sum_of("credit").label("credit"),
        _sum_of("sales").label("sales"),
        _sum_of("refunds").label("refunds"),
    )
    .select_from(_FROM)
    .where(*_OF_CUSTOMER, sa.not_(_before("first")), _before("after"))
    .group_by(_T.c.id, _T.c.kind, _T.c.at)
)


# Whose account moved in the period, or owed something at its end.
_WITH_STATEMENT = (
    sa.select(_E.c.customer_id)
    .select_from(_FROM)
    .where(
        _E.c.merchant_id == sa.bindparam("merchant_id"),
        _E.c.customer_id.in_(sa.bindparam("customer_ids", expanding=True)),
        _E.c.account.in_(_OWN),
        _before("after"),
    )
    .group_by(_E.c.customer_id, _E.c.currency, _E.c.account, _E.c.invoice_id)
    .having(
        sa.or_(
            sa.func.max(sa.case((_before("first"), 0), else_=1)) == 1,
            sa.and_(_E.c.account == "receivable", sa.func.sum(_E.c.amount) != 0),
        )
    )
)


def list_with_statement(
    reader: Reader, scope: MerchantScope, customer_ids: Sequence[str], *, first_on: date, last_on: date, zone: ZoneInfo
) -> set[str]:
    """Return those customers whose account moved between two days (both included), or owed something at their end, in any currency."""
    if not customer_ids:
        return set()
    days = _days(first_on, last_on, zone)
    parameters = {"merchant_id": scope.merchant_id, "customer_ids": customer_ids, **days}
    return set(reader.execute(_WITH_STATEMENT, parameters).scalars())


def list_currencies(reader: Reader, scope: Scope) -> list[str]:
    """Return the currencies in which the customer ever owed something or had credit."""
    return list(
        reader.execute(_CURRENCIES, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}).scalars()
    )


def read_statement(
    reader: Reader, scope: Scope, currency: str, *, first_on: date, last_on: date, zone: ZoneInfo
) -> Statement:
    """Return the account in one currency from one day to another, both included. `zone` is the merchant's, in which its days begin."""
    parameters = _parameters(scope, currency, first_on, last_on, zone)
    opening = int(reader.execute(_BALANCE, parameters).scalar() or 0)
    posted = sorted(_list_posted(reader, parameters, zone), key=lambda each: each[0])
    movements = tuple(build_movements(opening, (each for _, each in posted)))
    owed: dict[str, int] = {}
    credit = 0
    for account, invoice_id, amount in reader.execute(_OWED, parameters):
        if account == "credit":
            credit -= int(amount)
        elif amount:
            # What was owed before there were invoices of it here has no invoice: it counts as due since it was brought forward.
            owed[invoice_id or ""] = int(amount)
    rows = reader.execute(_DUE, {**parameters, "invoice_ids": [each for each in owed if each]})
    due = {row.id: row.due_on for row in rows}
    ageing = age([(due.get(invoice_id, first_on), amount) for invoice_id, amount in owed.items()], credit, last_on)
    return Statement(currency, first_on, last_on, opening, movements, ageing)


def _list_posted(reader: Reader, parameters: dict[str, Any], zone: ZoneInfo) -> Iterator[tuple[Any, Posted]]:
    """Yield the postings of a period with what they are sorted by: their day, then the order in which they were posted; at one
    instant what is owed comes before what pays it."""
    for row in reader.execute(_POSTED, parameters):
        day = row.at.astimezone(zone).date()
        on = min(row.issued_on, day) if row.issued_on is not None else day
        yield (
            (on, row.at, rank(row.kind), row.number or "", row.id),
            Posted(
                row.kind, on, int(row.balance), int(row.credit), int(row.sales), int(row.refunds), row.invoice_id, row.payment_id,
                row.number or "", row.title or "",
            ),
        )  # fmt: skip


def _parameters(scope: Scope, currency: str, first_on: date, last_on: date, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "merchant_id": scope.merchant_id,
        "customer_id": scope.customer_id,
        "currency": currency,
        **_days(first_on, last_on, zone),
    }


def _days(first_on: date, last_on: date, zone: ZoneInfo) -> dict[str, Any]:
    after = last_on + timedelta(days=1)
    return {
        "first": first_on,
        "first_at": _start(first_on, zone),
        "after": after,
        "after_at": _start(after, zone),
    }


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
