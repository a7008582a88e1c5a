"""A saved payment method in the API's shape (contract, section 5)."""

from __future__ import annotations

from typing import Any

from portal.clock import write_instant
from portal.payment_methods.models import PaymentMethod


def shape_method(method: PaymentMethod) -> dict[str, Any]:
    """Return a saved method as the API returns it; never its token."""
    return {
        "id": method.id,
        "object": "payment_method",
        "customer": method.customer_id,
        "type": method.type,
        "gateway": method.gateway,
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "phone": method.phone,
        "bank_name": method.bank_name,
        "nickname": method.nickname,
        "is_default": method.is_default,
        "status": method.status,
        "last_used_at": write_instant(method.last_used_at) if method.last_used_at else None,
        "created_at": write_instant(method.created_at),
    }
