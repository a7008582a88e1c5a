"""The shares of invoices that a payment proposes: read for the review, and priced anew at the confirmation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.invoices.balance import OUTSTANDING
from portal.invoices.models import Invoice
from portal.payments.errors import InvoiceSettled
from portal.payments.models import Payment, PaymentAllocation
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class Share:
    """One invoice in a payment: `amount` as it was chosen, `amount_due` as it is now (0 when nothing is left of it in the
    payment's currency), in minor units.

    `is_held`: another payment under way holds a part of it.
    """

    invoice_id: str
    number: str
    title: str
    amount: int
    amount_due: int
    is_held: bool


def list_shares(reader: Reader, scope: Scope, payment_id: str) -> list[Share]:
    """The shares of a payment, by invoice; empty for a payment of somebody else."""
    rows = reader.execute(
        sa.select(
            Invoice.id,
            Invoice.number,
            Invoice.description,
            PaymentAllocation.amount,
            PaymentAllocation.state,
            Invoice.status,
            Invoice.currency == Payment.currency,
            Invoice.total - Invoice.amount_paid - Invoice.amount_credited,
            Invoice.amount_reserved,
        )
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Invoice.merchant_id, PaymentAllocation.invoice_id == Invoice.id),
        )
        .join(
            Payment,
            sa.and_(Payment.merchant_id == PaymentAllocation.merchant_id, Payment.id == PaymentAllocation.payment_id),
        )
        .where(
            Invoice.merchant_id == scope.merchant_id,
            Invoice.customer_id == scope.customer_id,
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.payment_id == payment_id,
        )
        .order_by(Invoice.id)
    )
    return [
        Share(
            invoice_id,
            number,
            title or number,
            amount,
            due if status in OUTSTANDING and is_in_currency else 0,
            is_held=reserved > (amount if state == "active" else 0),
        )
        for invoice_id, number, title, amount, state, status, is_in_currency, due, reserved in rows
    ]


def shown_version(payment_id: str, amounts: Sequence[tuple[str, int]]) -> str:
    """A short fingerprint of what a review shows: posted back with the confirmation, so that what is charged is what was shown.

    `amounts` are (invoice id, minor units). It guards against mistakes, not against the customer.
    """
    text = "|".join([payment_id, *(f"{invoice_id}:{amount}" for invoice_id, amount in sorted(amounts))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reprice_shares(session: Session, scope: Scope, payment: Payment, allocations: list[PaymentAllocation]) -> None:
    """Bring an unconfirmed payment to what is left of its invoices now, under their locks; settled ones leave it, and
    one whose currency was corrected since: nobody saw that sum.

    Raises InvoiceSettled when nothing is left of any.
    """
    rows = session.execute(
        sa.select(
            Invoice.id, Invoice.status, Invoice.total - Invoice.amount_paid - Invoice.amount_credited, Invoice.version
        )
        .where(
            Invoice.merchant_id == scope.merchant_id,
            Invoice.customer_id == scope.customer_id,
            Invoice.id.in_([allocation.invoice_id for allocation in allocations]),
            Invoice.currency == payment.currency,
        )
        .order_by(Invoice.id)
        .with_for_update()
    ).all()
    due = {
        invoice_id: (left, version) for invoice_id, status, left, version in rows if status in OUTSTANDING and left > 0
    }
    for allocation in list(allocations):
        if allocation.invoice_id in due:
            allocation.amount, allocation.invoice_version = due[allocation.invoice_id]
        else:
            session.delete(allocation)
            allocations.remove(allocation)
    if not allocations:
        raise InvoiceSettled
    payment.amount = sum(allocation.amount for allocation in allocations)
    payment.more_count = len(allocations) - 1
