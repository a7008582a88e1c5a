"""How often may be paid, and a telephone be rung: counted in the payments themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.payments.errors import TooManyAttempts, TooManyPrompts
from portal.payments.models import Payment
from portal.public_ids import first_id
from portal.settings import Settings
from portal.tenancy import Scope


def limit_attempts(session: Session, scope: Scope, settings: Settings, now: datetime) -> None:
    """Carding is stopped by counting rows, so that the limit survives a restart (threats 125, 195)."""
    confirmed = _confirmed_lately(scope.merchant_id, settings, now).where(
        Payment.customer_id == scope.customer_id, Payment.listed
    )
    if session.execute(confirmed).scalar_one() >= settings.payment_attempts_per_customer_per_hour:
        raise TooManyAttempts


def limit_prompts(session: Session, scope: Scope, payment: Payment, settings: Settings, now: datetime) -> None:
    """Nobody's telephone is rung again and again: counted by number, whoever asks, and by customer, whatever the number
    (threats 103)."""
    is_saved = payment.payment_method_id is not None and payment.method_type == "mobile_money"
    if payment.channel is None and not is_saved:
        return
    prompted = _confirmed_lately(scope.merchant_id, settings, now).where(
        sa.or_(
            Payment.channel.is_not(None),
            sa.and_(Payment.payment_method_id.is_not(None), Payment.method_type == "mobile_money"),
        )
    )
    asked = [prompted.where(Payment.customer_id == scope.customer_id)]
    if payment.phone is not None:
        asked.append(prompted.where(Payment.phone == payment.phone))
    if any(session.execute(each).scalar_one() >= settings.payment_prompts_per_phone_per_hour for each in asked):
        raise TooManyPrompts


def _confirmed_lately(merchant_id: str, settings: Settings, now: datetime) -> sa.Select[int]:
    """The count of payments that were confirmed in the last hour, by when they were made: an id tells that, and a checkout
    lives for some hours before it is confirmed."""
    since = now - timedelta(hours=1)
    return sa.select(sa.func.count()).where(
        Payment.merchant_id == merchant_id,
        Payment.id >= first_id("pay", since - timedelta(hours=settings.payment_expires_hours)),
        Payment.confirmed_at > since,
    )
