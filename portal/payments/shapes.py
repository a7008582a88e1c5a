"""A payment in the API's shape (contract, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.clock import write_instant
from portal.database import Reader
from portal.payments.models import Payment
from portal.payments.queries.payments import PaymentShare, StoredPayment, list_shares
from portal.tenancy import MerchantScope


def shape_payment(reader: Reader, payment: Payment) -> dict[str, Any]:
    """Return a payment as the API returns it, with its share of each invoice."""
    shares = list_shares(reader, MerchantScope(payment.merchant_id), [payment.id])
    return _shape(payment, shares[payment.id])


def shape_payments(reader: Reader, scope: MerchantScope, payments: Sequence[StoredPayment]) -> list[dict[str, Any]]:
    """Return payments of a merchant as the API returns them, in one statement however many they are."""
    shares = list_shares(reader, scope, [payment.id for payment in payments])
    return [_shape(payment, shares[payment.id]) for payment in payments]


def _shape(payment: Payment | StoredPayment, shares: Sequence[PaymentShare]) -> dict[str, Any]:
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
