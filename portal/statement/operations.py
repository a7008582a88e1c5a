"""The statement as a paper."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.customers.queries.customers import get_contact
from portal.documents.operations import buyer_of, draft_paper
from portal.documents.papers import Buyer, Paper, Seller, StatementFacts, StatementLine, StoredPaper
from portal.documents.wording.statements import statement_paper
from portal.documents.wording.words import Words
from portal.merchants.queries import get_merchant
from portal.statement.rules import Ageing, Statement
from portal.tenancy import Scope


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
