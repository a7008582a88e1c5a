"""Keeps what a customer says about paying an invoice, and has the merchant mailed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.errors import NotFound
from portal.events.rules import Actor
from portal.invoices.models import Promise
from portal.invoices.queries.invoices import get_invoice
from portal.invoices.rules import PromiseKind, held_until, is_payable, last_day
from portal.questions.operations import ask_question
from portal.tenancy import Scope


def promise_payment(
    session: Session,
    scope: Scope,
    invoice_id: str,
    kind: PromiseKind,
    *,
    text: str,
    pay_on: date | None = None,
    today: date,
    days: int,
    actor: Actor,
    at: datetime,
) -> None:
    """Keep what the customer says about an invoice, in place of what it said before; `text` is mailed to the merchant. `days` is how many
    ahead the merchant lets a day be named.

    It pays nothing. Raises NotFound for an invoice that is not the customer's or has nothing to pay, TooManyQuestions, since each is a message.
    """
    invoice = get_invoice(session, scope, invoice_id)
    if not is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved):
        raise NotFound
    # The customer's lock, which it takes, is held for the promise too: two presses at once are one after the other.
    topic = "already_paid" if kind == "transfer" else "other"
    ask_question(session, scope, topic=topic, text=text, object_id=invoice_id, actor=actor, at=at)
    said_before = session.get(Promise, (scope.merchant_id, invoice_id), populate_existing=True)
    first_on = (said_before.first_on or said_before.made_at.date()) if said_before is not None else today
    session.merge(
        Promise(
            merchant_id=scope.merchant_id,
            invoice_id=invoice_id,
            customer_id=scope.customer_id,
            kind=kind,
            pay_on=pay_on,
            held_until=held_until(kind, today, pay_on, last_day(first_on, today, days)),
            first_on=first_on,
            made_at=at,
        )
    )
    session.flush()
