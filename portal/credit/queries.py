"""Reads of a customer's credit."""

from __future__ import annotations

import sqlalchemy as sa

from portal.credit.models import CustomerBalance
from portal.database import Reader
from portal.tenancy import Scope


def free_credit(reader: Reader, scope: Scope, currency: str) -> int:
    """Return what the customer may spend in a currency now, in minor units: their credit less what payments in progress hold."""
    return (
        reader.execute(
            sa.select(CustomerBalance.amount - CustomerBalance.amount_reserved).where(
                CustomerBalance.merchant_id == scope.merchant_id,
                CustomerBalance.customer_id == scope.customer_id,
                CustomerBalance.currency == currency,
            )
        ).scalar()
        or 0
    )
