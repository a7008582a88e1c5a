"""Rate limits of payments and of prompts by telephone, counted in the rows of payments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Count, table_of
from portal.payments.errors import TooManyAttempts, TooManyPrompts
from portal.payments.models import Payment
from portal.public_ids import first_id
from portal.settings import Settings
from portal.tenancy import Scope, parameters_of

_WINDOW = timedelta(hours=1)


def limit_attempts(session: Session, scope: Scope, payment: Payment, settings: Settings, now: datetime) -> None:
    """Limit a customer's confirmed payments, against card testing; counted in rows, so that the limit survives a restart (threats
    125, 195). Those by a pay link have a limit of their own, and take nothing from the customer's. Raises TooManyAttempts."""
    link_id = payment.pay_link_id
    most = (
        settings.payment_attempts_per_customer_per_hour
        if link_id is None
        else settings.payment_attempts_per_pay_link_per_hour
    )
    parameters = {**_parameters(scope, settings, now, most=most), "pay_link_id": link_id}
    counted = _CONFIRMED if link_id is None else _CONFIRMED_BY_LINK
    wait = _seconds_to_wait([session.execute(counted, parameters).scalar()], now)
    if wait:
        raise TooManyAttempts(wait)


def limit_prompts(session: Session, scope: Scope, payment: Payment, settings: Settings, now: datetime) -> None:
    """Limit prompts to a telephone: by number, for all customers together, and by customer, for all numbers together (threats 103).
    A pay link counts for itself in place of its customer, and its limits are lower: strangers have it. Raises TooManyPrompts."""
    is_saved = payment.payment_method_id is not None and payment.method_type == "mobile_money"
    if payment.channel is None and not is_saved:
        return
    link_id = payment.pay_link_id
    most = (
        settings.payment_prompts_per_phone_per_hour
        if link_id is None
        else settings.payment_prompts_per_pay_link_per_hour
    )
    parameters = {**_parameters(scope, settings, now, most=most), "pay_link_id": link_id}
    counted = _PROMPTED_OF_CUSTOMER if link_id is None else _PROMPTED_BY_LINK
    blocking = [session.execute(counted, parameters).scalar()]
    if payment.phone is not None:
        blocking.append(session.execute(_PROMPTED_TO, {**parameters, "phone": payment.phone}).scalar())
    wait = _seconds_to_wait(blocking, now)
    if wait:
        raise TooManyPrompts(wait)


def _parameters(scope: Scope, settings: Settings, now: datetime, *, most: int) -> dict[str, Any]:
    """Return the values of the statements below. The range is one of ids, which carry the time of creation: a checkout is
    confirmed at most some hours later."""
    since = now - _WINDOW
    first = first_id("pay", since - timedelta(hours=settings.payment_expires_hours))
    return {**parameters_of(scope), "since": since, "first_id": first, "passed_over": most - 1}


def _seconds_to_wait(blocking: Iterable[datetime | None], now: datetime) -> int:
    """Return the seconds until each of these attempts is older than an hour; 0 when there is none that has to be."""
    return max((math.ceil((at + _WINDOW - now).total_seconds()) for at in blocking if at), default=0)


# Built once, since every payment runs them: the instant at which the attempt was confirmed that has to be older than an hour before
# the next one is allowed.
_P = table_of(Payment).c
_CONFIRMED_LATELY = (
    sa.select(_P.confirmed_at)
    .where(
        _P.merchant_id == sa.bindparam("merchant_id"),
        _P.id >= sa.bindparam("first_id"),
        _P.confirmed_at > sa.bindparam("since"),
    )
    .order_by(_P.confirmed_at.desc())
    .offset(sa.bindparam("passed_over", type_=Count))
    .limit(1)
)
_OF_CUSTOMER = _P.customer_id == sa.bindparam("customer_id")
_PROMPTED = _CONFIRMED_LATELY.where(
    sa.or_(
        _P.channel.is_not(None),
        sa.and_(_P.payment_method_id.is_not(None), _P.method_type == "mobile_money"),
    )
)
_BY_LINK = _P.pay_link_id == sa.bindparam("pay_link_id")
_CONFIRMED = _CONFIRMED_LATELY.where(_OF_CUSTOMER, _P.listed, _P.pay_link_id.is_(None))
_CONFIRMED_BY_LINK = _CONFIRMED_LATELY.where(_BY_LINK)
_PROMPTED_OF_CUSTOMER = _PROMPTED.where(_OF_CUSTOMER, _P.pay_link_id.is_(None))
_PROMPTED_BY_LINK = _PROMPTED.where(_BY_LINK)
_PROMPTED_TO = _PROMPTED.where(_P.phone == sa.bindparam("phone"))
