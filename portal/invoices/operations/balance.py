"""Guarded changes of what is left to pay of an invoice: reserve, settle, release. Each is one conditional UPDATE."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Instant, Minor, table_of
from portal.events.rules import Actor, EventType
from portal.invoices.models import Invoice
from portal.invoices.operations.status import become, correct, record_invoice
from portal.invoices.rules import OUTSTANDING, InvoiceStatus


def reserve(session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime) -> bool:
    """Hold `amount` (minor units) of what is left for a payment; return False when that much is not free."""
    return _changed(session, _RESERVE, merchant_id, invoice_id, amount, at)


def release(session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime) -> None:
    """Release what was reserved for a payment that ended without money."""
    held = _changed(session, _RELEASE, merchant_id, invoice_id, amount, at)
    assert held, "a released share was reserved"


def settle_reserved(
    session: Session, merchant_id: str, invoice_id: str, amount: int, *, actor: Actor, at: datetime
) -> None:
    """Turn what was reserved into what is paid; the invoice gets the status that follows."""
    held = _changed(session, _SETTLE_RESERVED, merchant_id, invoice_id, amount, at)
    assert held, "a settled share was reserved"
    _update_status(session, merchant_id, invoice_id, amount, actor, at)


def settle_unreserved(
    session: Session,
    merchant_id: str,
    invoice_id: str,
    amount: int,
    *,
    actor: Actor,
    at: datetime,
    whole: bool = False,
) -> int:
    """Book money for which nothing is reserved; return how much of it the invoice could take (minor units).

    `whole`: all of the amount or nothing. The rest is the customer's credit, which the caller books: surplus money is never lost (threats, rule 23).
    """
    free = session.execute(_LOCK_FREE, {"of_merchant": merchant_id, "of_invoice": invoice_id}).scalar()
    taken = min(amount, free or 0)
    if taken <= 0 or (whole and taken < amount):
        return 0
    changed = _changed(session, _SETTLE_FREE, merchant_id, invoice_id, taken, at)
    assert changed, "the row is locked by this transaction"
    _update_status(session, merchant_id, invoice_id, taken, actor, at)
    return taken


def unsettle(session: Session, invoice: Invoice, amount: int, *, actor: Actor, at: datetime) -> None:
    """Take back what a payment settled that should never have been booked: an import that is undone. The invoice is locked."""
    previous = {"amount_paid": invoice.amount_paid, "amount_due": invoice.amount_due}
    assert invoice.amount_paid >= amount, "what is taken back was settled"
    invoice.amount_paid -= amount
    invoice.version += 1
    status = invoice.status
    if status in (InvoiceStatus.PAID, InvoiceStatus.PARTIALLY_PAID):
        status = InvoiceStatus.PARTIALLY_PAID if invoice.amount_paid else InvoiceStatus.OPEN
        invoice.paid_at = None
    # What the file said of its payment does not hold any more: the same file may be imported again.
    invoice.import_digest = None
    correct(session, invoice, status, actor=actor, at=at, previous=previous)


def _update_status(session: Session, merchant_id: str, invoice_id: str, paid: int, actor: Actor, at: datetime) -> None:
    """Update the status to what was just paid, and record it; a further part of a partly paid invoice is an update."""
    invoice = session.get_one(Invoice, (merchant_id, invoice_id), populate_existing=True)
    previous = {"amount_paid": invoice.amount_paid - paid, "amount_due": invoice.amount_due + paid}
    status = InvoiceStatus.PARTIALLY_PAID if invoice.amount_due > 0 else InvoiceStatus.PAID
    if status is InvoiceStatus.PAID:
        invoice.paid_at = at
    if invoice.status == status:
        record_invoice(session, invoice, EventType.INVOICE_UPDATED, actor=actor, at=at, previous=previous)
    else:
        become(session, invoice, status, actor=actor, at=at, previous=previous)


def _changed(
    session: Session, statement: sa.Update, merchant_id: str, invoice_id: str, amount: int, at: datetime
) -> bool:
    parameters = {"of_merchant": merchant_id, "of_invoice": invoice_id, "by": amount, "at": at}
    result = session.execute(statement, parameters)
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE answers with a CursorResult


# Built once, since every payment runs them: building a statement costs as much as running it.
_INVOICE = table_of(Invoice).c
_BY, _AT = sa.bindparam("by", type_=Minor), sa.bindparam("at", type_=Instant())
_ONE = (_INVOICE.merchant_id == sa.bindparam("of_merchant"), _INVOICE.id == sa.bindparam("of_invoice"))
_FREE = _INVOICE.total - _INVOICE.amount_paid - _INVOICE.amount_credited - _INVOICE.amount_reserved
_PAID = {"amount_paid": _INVOICE.amount_paid + _BY, "version": _INVOICE.version + 1, "updated_at": _AT}
_HELD = sa.update(table_of(Invoice)).where(*_ONE, _INVOICE.amount_reserved >= _BY)
_RESERVE = (
    sa.update(table_of(Invoice))
    .where(*_ONE, _INVOICE.status.in_(OUTSTANDING), _FREE >= _BY)
    .values(amount_reserved=_INVOICE.amount_reserved + _BY, updated_at=_AT)
)
_RELEASE = _HELD.values(amount_reserved=_INVOICE.amount_reserved - _BY, updated_at=_AT)
_SETTLE_RESERVED = _HELD.values(amount_reserved=_INVOICE.amount_reserved - _BY, **_PAID)
_SETTLE_FREE = sa.update(table_of(Invoice)).where(*_ONE).values(**_PAID)
_LOCK_FREE = sa.select(_FREE).where(*_ONE, _INVOICE.status.in_(OUTSTANDING)).with_for_update()
