"""Reads of payments for the import: what of an invoice was paid elsewhere, and what a run that is undone has booked."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.payments.models import Payment, PaymentAllocation
from portal.tenancy import MerchantScope


def sum_settled_through(reader: Reader, scope: MerchantScope, invoice_id: str, *, gateway: str) -> int:
    """Return what payments through a gateway have settled of an invoice, in minor units."""
    total = reader.execute(
        sa.select(sa.func.sum(PaymentAllocation.amount))
        .join(
            Payment,
            sa.and_(Payment.merchant_id == PaymentAllocation.merchant_id, Payment.id == PaymentAllocation.payment_id),
        )
        .where(
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id == invoice_id,
            PaymentAllocation.state == "settled",
            Payment.merchant_id == scope.merchant_id,
            Payment.gateway == gateway,
        )
    ).scalar()
    return int(total or 0)


def lock_payments(session: Session, scope: MerchantScope, payment_ids: Collection[str]) -> list[Payment]:
    """Return payments to be changed, by id, under their locks; their invoices are locked before."""
    return list(
        session.scalars(
            sa.select(Payment)
            .where(Payment.merchant_id == scope.merchant_id, Payment.id.in_(sorted(payment_ids)))
            .order_by(Payment.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def list_allocations_of(
    session: Session,
    scope: MerchantScope,
    *,
    payment_ids: Collection[str] = (),
    invoice_ids: Collection[str] = (),
) -> list[PaymentAllocation]:
    """Return the shares that payments hold or have settled: those of these payments, or of these invoices."""
    named = (
        PaymentAllocation.payment_id.in_(sorted(payment_ids))
        if payment_ids
        else PaymentAllocation.invoice_id.in_(sorted(invoice_ids))
    )
    return list(
        session.scalars(
            sa.select(PaymentAllocation).where(
                PaymentAllocation.merchant_id == scope.merchant_id,
                named,
                PaymentAllocation.state.in_(("active", "settled")),
            )
        )
    )


def find_customers_with_payments(reader: Reader, scope: MerchantScope, customer_ids: Collection[str]) -> set[str]:
    """Return those of these customers who have a payment that their history shows, or that is in progress."""
    return set(
        reader.execute(
            sa.select(Payment.customer_id).where(
                Payment.merchant_id == scope.merchant_id,
                Payment.customer_id.in_(sorted(customer_ids)),
                sa.or_(
                    Payment.listed == sa.true(),
                    Payment.status.in_(("incomplete", "processing", "requires_action", "pending")),
                ),
            )
        ).scalars()
    )
