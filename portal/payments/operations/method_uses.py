"""What payments need a saved method for: checkouts that would use it can be moved, orders that are given cannot."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries.at_gateways import select_same_instrument
from portal.payment_methods.rules import Use, shown_brand
from portal.payments.models import Payment
from portal.payments.rules.statuses import UNSETTLED
from portal.tenancy import Scope

_MOST_SHOWN = 20


def list_uses(reader: Reader, scope: Scope, method_id: str, *, at: datetime) -> list[Use]:
    """Open checkouts and payments under way that use the method, oldest first; at most twenty."""
    statement = (
        sa.select(Payment.id, Payment.status, Payment.description, Payment.note, Payment.amount, Payment.currency)
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.payment_method_id == method_id,
            sa.or_(Payment.status.in_(UNSETTLED), sa.and_(Payment.status == "incomplete", Payment.expires_at > at)),
        )
        .order_by(Payment.id)
        .limit(_MOST_SHOWN)
    )
    return [
        Use(
            "checkout" if row.status == "incomplete" else "payment",
            row.id,
            row.description or row.note,
            row.amount,
            row.currency,
        )
        for row in reader.execute(statement)
    ]


def move_uses(session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime) -> None:
    """Let open checkouts use `successor` from now on; whoever has one on the screen is asked once more before it is paid."""
    session.execute(
        sa.update(Payment)
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.payment_method_id == method_id,
            Payment.status == "incomplete",
        )
        .values(
            payment_method_id=successor.id,
            gateway=successor.gateway,
            method_type=successor.type,
            method_brand=shown_brand(successor.type, successor.brand, successor.bank_name),
            method_last4=successor.last4,
            updated_at=at,
        )
    )


def needs_token(reader: Reader, method: PaymentMethod) -> bool:
    """Whether a payment without a proven outcome was ordered with this card or account, under this token or another one."""
    statement = (
        sa.select(Payment.id)
        .where(
            Payment.merchant_id == method.merchant_id,
            Payment.customer_id == method.customer_id,
            Payment.status.in_(UNSETTLED),
            Payment.payment_method_id.in_(select_same_instrument(method)),
        )
        .limit(1)
    )
    return reader.execute(statement).first() is not None
