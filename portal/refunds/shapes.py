"""A refund in the API's shape (contract, section 5)."""

from __future__ import annotations

from typing import Any

from portal.clock import write_instant
from portal.refunds.models import Refund


def shape_refund(refund: Refund) -> dict[str, Any]:
    """Return a refund as the API returns it."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status,
        "reason": refund.reason,
        "gateway_reference": refund.gateway_reference,
        "metadata": {},
        "created_at": write_instant(refund.created_at),
        "completed_at": write_instant(refund.completed_at) if refund.completed_at else None,
    }
