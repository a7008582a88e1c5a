"""Rate limits of payments and of prompts by telephone, counted in the rows of payments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.payments.errors import TooManyAttempts, TooManyPrompts
from portal.payments.models import Payment
from portal.public_ids import first_id
from portal.settings import Settings
from portal.tenancy import Scope

_WINDOW = timedelta(hours=1)


def limit_attempts(session: Session, scope: Scope, settings: Settings, now: datetime) -> None:
    """Limit a customer's confirmed payments, against card testing; counted in rows, so that the limit survives a restart (threats
    125, 195). Raises TooManyAttempts."""
    confirmed = _confirmed_lately(scope.merchant_id, settings, now).where(
        Payment.customer_id == scope.customer_id, Payment.listed
    )
    wait = _seconds_to_wait(session, [confirmed], settings.payment_attempts_per_customer_per_hour, now)
    if wait:
        raise TooManyAttempts(wait)


def limit_prompts(session: Session, scope: Scope, payment: Payment, settings: Settings, now: datetime) -> None:
    """Limit prompts to a telephone: by number, for all customers together, and by customer, for all numbers together (threats 103).
    Raises TooManyPrompts."""
    is_saved = payment.payment_method_id is not None and payment.method_type == "mobile_money"
    if payment.channel is None and not is_saved:
        return
    prompted = _confirmed_lately(scope.merchant_id, settings, now).where(
        sa.or_(
            Payment.channel.is_not(None),
            sa.and_(Payment.payment_method_id.is_not(None), Payment.method_type == "mobile_money"),
        )
    )
    prompts = [prompted.where(Payment.customer_id == scope.customer_id)]
    if payment.phone is not None:
        prompts.append(prompted.where(Payment.phone == payment.phone))
    wait = _seconds_to_wait(session, prompts, settings.payment_prompts_per_phone_per_hour, now)
    if wait:
        raise TooManyPrompts(wait)


def _confirmed_lately(merchant_id: str, settings: Settings, now: datetime) -> sa.Select[datetime | None]:
    """Select the instants at which payments were confirmed in the last hour, newest first. The range is one of ids, which carry the
    time of creation: a checkout is confirmed at most some hours later."""
    since = now - _WINDOW
    return (
        sa.select(Payment.confirmed_at)
        .where(
            Payment.merchant_id == merchant_id,
            Payment.id >= first_id("pay", since - timedelta(hours=settings.payment_expires_hours)),
            Payment.confirmed_at > since,
        )
        .order_by(Payment.confirmed_at.desc())
    )


def _seconds_to_wait(session: Session, counted: Iterable[sa.Select[datetime | None]], most: int, now: datetime) -> int:
    """Return the seconds until each of these counts is below `most` again; 0 when all are now."""
    # The attempt that has to be older than an hour before the next one is allowed.
    blocking = [session.execute(each.offset(most - 1).limit(1)).scalar() for each in counted]
    return max((math.ceil((at + _WINDOW - now).total_seconds()) for at in blocking if at), default=0)
