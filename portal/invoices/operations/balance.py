"""Guarded changes of what is left to pay of an invoice: reserve, settle, release. Each is one conditional UPDATE."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.invoices.models import Invoice
from portal.invoices.rules import OUTSTANDING

_LEFT = Invoice.total - Invoice.amount_paid - Invoice.amount_credited


def reserve(session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime) -> bool:
    """Hold `amount` (minor units) of what is left for a payment under way; False when that much is not free."""
    return _changed(
        session,
        _one(merchant_id, invoice_id)
        .where(Invoice.status.in_(OUTSTANDING), _LEFT - Invoice.amount_reserved >= amount)
        .values(amount_reserved=Invoice.amount_reserved + amount, updated_at=at),
    )


def release(session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime) -> None:
    """Give back what was reserved: no money came."""
    held = _changed(
        session,
        _one(merchant_id, invoice_id)
        .where(Invoice.amount_reserved >= amount)
        .values(amount_reserved=Invoice.amount_reserved - amount, updated_at=at),
    )
    assert held, "a released share was reserved"


def settle_reserved(session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime) -> None:
    """Turn what was reserved into what is paid."""
    held = _changed(
        session,
        _one(merchant_id, invoice_id)
        .where(Invoice.amount_reserved >= amount)
        .values(amount_reserved=Invoice.amount_reserved - amount, **_paid(amount, at)),
    )
    assert held, "a settled share was reserved"


def settle_unreserved(
    session: Session, merchant_id: str, invoice_id: str, amount: int, *, at: datetime, whole: bool = False
) -> int:
    """Book money that came although nothing was reserved any more; tells how much of it the invoice could take (minor units).

    `whole`: all of the amount or nothing. The rest is the customer's credit, which the caller books: surplus money is never lost (rule 23).
    """
    free = session.execute(
        sa.select(_LEFT - Invoice.amount_reserved)
        .where(Invoice.merchant_id == merchant_id, Invoice.id == invoice_id, Invoice.status.in_(OUTSTANDING))
        .with_for_update()
    ).scalar()
    taken = min(amount, free or 0)
    if taken <= 0 or (whole and taken < amount):
        return 0
    changed = _changed(session, _one(merchant_id, invoice_id).values(**_paid(taken, at)))
    assert changed, "the row is locked by this transaction"
    return taken


def _one(merchant_id: str, invoice_id: str) -> sa.Update:
    return sa.update(Invoice).where(Invoice.merchant_id == merchant_id, Invoice.id == invoice_id)


def _paid(amount: int, at: datetime) -> dict[str, Any]:
    is_settled = _LEFT - amount <= 0
    return {
        "amount_paid": Invoice.amount_paid + amount,
        "status": sa.case((is_settled, "paid"), else_="partially_paid"),
        "paid_at": sa.case((is_settled, sa.literal(at, Invoice.paid_at.type)), else_=Invoice.paid_at),
        "version": Invoice.version + 1,
        "updated_at": at,
    }


def _changed(session: Session, statement: sa.Update) -> bool:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE answers with a CursorResult
