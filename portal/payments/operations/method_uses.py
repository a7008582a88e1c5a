"""Uses of a saved method by payments: open checkouts can be moved to another method, requests that were sent cannot."""

from __future__ import annotations

from collections.abc import Collection
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

_MAX_SHOWN = 20


def list_uses(reader: Reader, scope: Scope, method_ids: Collection[str], *, at: datetime) -> list[Use]:
    """Return the open checkouts and the payments in progress that use the methods, oldest first; at most twenty a method on average."""
    p = Payment
    statement = (
        sa.select(p.payment_method_id, p.id, p.status, p.description, p.note, p.amount, p.currency)
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.payment_method_id.in_(method_ids),
            sa.or_(Payment.status.in_(UNSETTLED), sa.and_(Payment.status == "incomplete", Payment.expires_at > at)),
        )
        .order_by(Payment.id)
        .limit(_MAX_SHOWN * len(method_ids))
    )
    return [
        Use(
            row.payment_method_id,
            "checkout" if row.status == "incomplete" else "payment",
            row.id,
            row.description or row.note,
            row.amount,
            row.currency,
        )
        for row in reader.execute(statement)
    ]


def move_uses(session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime) -> int:
    """Change open checkouts to `successor` and return how many; a customer who has one on the screen has to confirm it again."""
    moved = session.scalars(
        sa.select(Payment)
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.payment_method_id == method_id,
            Payment.status == "incomplete",
        )
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for payment in moved:
        payment.payment_method_id, payment.gateway = successor.id, successor.gateway
        payment.method_type, payment.method_last4 = successor.type, successor.last4
        payment.method_brand = shown_brand(successor.type, successor.brand, successor.bank_name)
        payment.updated_at = at
    session.flush()
    return len(moved)


def needs_token(reader: Reader, method: PaymentMethod) -> bool:
    """Return whether a payment without a proven outcome was requested with this card or account, under this token or another one."""
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
