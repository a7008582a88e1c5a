"""A payment in the API's shape (contract, section 5)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from portal.clock import write_instant
from portal.database import Reader
from portal.payments.models import Payment, PaymentAllocation


def shape_payment(reader: Reader, payment: Payment) -> dict[str, Any]:
    """Return a payment as the API returns it, with its share of each invoice."""
    shares = reader.execute(
        sa.select(PaymentAllocation.invoice_id, PaymentAllocation.amount)
        .where(
            PaymentAllocation.merchant_id == payment.merchant_id,
            PaymentAllocation.payment_id == payment.id,
        )
        .order_by(PaymentAllocation.invoice_id)
    ).all()
    method = {"type": payment.method_type, "brand": payment.method_brand, "last4": payment.method_last4}
    return {
        "id": payment.id,
        "object": "payment",
        "customer": payment.customer_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "channel": payment.method_type,
        "payment_method": method if payment.method_type else None,
        "invoices": [{"invoice": share.invoice_id, "amount": share.amount} for share in shares],
        "amount_refunded": payment.amount_refunded,
        "failure_code": payment.failure_code,
        "failure_message": payment.failure_message,
        "reference": payment.reference,
        "gateway": payment.gateway,
        "gateway_reference": payment.gateway_reference,
        "metadata": {},
        "checkout_url": None,
        "created_at": write_instant(payment.created_at),
        "completed_at": write_instant(payment.completed_at) if payment.completed_at else None,
    }
