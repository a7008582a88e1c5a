"""Composes the notice that the statement of a month is ready."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.emails.notices import Composed, Writing
from portal.emails.pages import StatementBalance, StatementMail
from portal.notice_kinds import STATEMENT_READY
from portal.statement.queries import list_currencies, read_statement
from portal.tenancy import Scope


def compose_statement(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """The statement of a month is ready, with what it closes with, read when the mail leaves. None where there is nothing on it, and of a
    blocked customer."""
    customer = writing.customer(str(payload["object"]))
    if customer is None or customer.blocked:
        return None
    first_on = date.fromisoformat(str(payload["month"]))
    last_on = (first_on + timedelta(31)).replace(day=1) - timedelta(1)
    scope, zone = Scope(writing.merchant.id, customer.id), ZoneInfo(writing.merchant.timezone)
    statements = [
        read_statement(writing.reader, scope, currency, first_on=first_on, last_on=last_on, zone=zone)
        for currency in list_currencies(writing.reader, scope)
    ]
    balances = tuple(
        StatementBalance(each.closing, each.currency, each.owes_something)
        for each in statements
        if each.movements or each.owes_something
    )
    if not balances:
        return None
    opens = f"/statement?from={first_on}&to={last_on}"
    if len(balances) == 1:
        opens += f"&currency={balances[0].currency}"
    page = StatementMail(
        brand=writing.brand(customer),
        payee=writing.merchant.legal_name,
        first_on=first_on,
        last_on=last_on,
        balances=balances,
        link=writing.url(opens),
    )
    return Composed(STATEMENT_READY, "statement", customer, page, opens=opens)
