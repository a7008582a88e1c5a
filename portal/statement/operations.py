"""The statement as a paper, and the mails that one is ready."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.customers.queries.customers import get_contact, list_with_address
from portal.documents.operations import buyer_of, draft_paper
from portal.documents.papers import Buyer, Paper, Seller, StatementFacts, StatementLine, StoredPaper
from portal.documents.wording.statements import statement_paper
from portal.documents.wording.words import Words
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.outbox.operations import enqueue
from portal.statement.models import StatementNotice, StatementRound
from portal.statement.queries import list_with_statement
from portal.statement.rules import Ageing, Statement
from portal.tenancy import MerchantScope, Scope


def draft_statement(session: Session, scope: Scope, statement: Statement) -> StoredPaper:
    """Return a statement as a paper in the customer's language. It bears the end of its last day, so that the same is the same bytes."""
    merchant, contact = get_merchant(session, scope.merchant_id), get_contact(session, scope)
    now = {"name": contact.name, "company_name": contact.company_name, "address": contact.billing_address}
    end = datetime.combine(statement.last_on + timedelta(days=1), time(), ZoneInfo(merchant.timezone))
    return draft_paper(
        session,
        merchant,
        buyer_of(now, contact.name or contact.email or ""),
        partial(_paper, _facts(statement)),
        customer_locale=contact.locale,
        at=end,
    )


def announce_statements(
    session: Session, merchant: MerchantProfile, month: tuple[date, date], *, limit: int, at: datetime
) -> int | None:
    """Queue the mails that the statement of a month is ready for the next so many customers of a merchant, those whose account moved or
    owes something; return how many, None once all customers were looked at.

    Each customer once, whoever runs this how often: the primary key of its row decides. The round's row is locked, so that two workers
    share the customers between them.
    """
    scope, month_on = MerchantScope(merchant.id), month[0]
    session.execute(
        _insert(session)(StatementRound)
        .values(merchant_id=merchant.id, month_on=month_on, last_customer_id="")
        .on_conflict_do_nothing(index_elements=["merchant_id", "month_on"])
    )
    turn = session.execute(
        sa.select(StatementRound)
        .where(StatementRound.merchant_id == merchant.id, StatementRound.month_on == month_on)
        .with_for_update()
    ).scalar_one()
    if turn.ended_at is not None:
        return None
    customers = list_with_address(session, scope, after=turn.last_customer_id, limit=limit)
    found = list_with_statement(
        session, scope, customers, first_on=month_on, last_on=month[1], zone=ZoneInfo(merchant.timezone)
    )
    count = sum(_announce(session, Scope(merchant.id, each), month_on, at) for each in customers if each in found)
    if len(customers) < limit:
        turn.ended_at = at
    else:
        turn.last_customer_id = customers[-1]
    return count


def _announce(session: Session, scope: Scope, month_on: date, at: datetime) -> bool:
    is_new = session.execute(
        _insert(session)(StatementNotice)
        .values(merchant_id=scope.merchant_id, customer_id=scope.customer_id, month_on=month_on, created_at=at)
        .on_conflict_do_nothing(index_elements=["merchant_id", "customer_id", "month_on"])
        .returning(StatementNotice.customer_id)
    ).first()
    if is_new is None:
        return False
    enqueue(session, scope.merchant_id, "statement_mail", {"object": scope.customer_id, "month": str(month_on)}, at=at)
    return True


def _insert(session: Session) -> Any:
    return sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert


def _paper(facts: StatementFacts, words: Words, seller: Seller, buyer: Buyer) -> Paper:
    return statement_paper(words, seller, buyer, facts)


def _facts(statement: Statement) -> StatementFacts:
    return StatementFacts(
        currency=statement.currency,
        first_on=statement.first_on,
        last_on=statement.last_on,
        opening=statement.opening,
        closing=statement.closing,
        charged=statement.charged,
        credited=statement.credited,
        lines=tuple(
            StatementLine(each.kind, each.on, each.number, each.title, each.charged, each.credited, each.balance)
            for each in statement.movements
        ),
        ageing=_ageing(statement.ageing),
    )


def _ageing(ageing: Ageing) -> tuple[tuple[str, int], ...]:
    parts = (("not_due", ageing.not_due), *ageing.late, ("credit", -ageing.credit))
    return tuple((name, amount) for name, amount in parts if amount)
