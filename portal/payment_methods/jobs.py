"""Jobs of the worker for saved methods: look up setups without an outcome, and mail customers about methods that expire."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.claims import NOW, Queue, Row, claim, claim_next, list_candidates
from portal.database import Count, table_of
from portal.events.rules import WORKER, EventType
from portal.gateways.polling import next_check
from portal.payment_methods.models import PaymentMethod, PaymentMethodSetup
from portal.payment_methods.operations.methods import record_method
from portal.payment_methods.operations.setups import resolve_setup
from portal.payment_methods.rules import expiries_to_notify
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50


def check_setups(services: Services) -> int:
    """Look up the setups whose next check is due at their gateways, as `check_payments` does; return how many were claimed."""
    count = 0
    while count < _BATCH and (setup := claim_next(services, _TO_CHECK)) is not None:
        count += 1
        try:
            resolve_setup(services, setup.merchant_id, setup.id)
        except Exception:  # one setup that cannot be resolved must not stop the others; it stays due
            log.exception("setup.check_failed", extra={"setup": setup.id})
    return count


def mail_expiring_methods(services: Services) -> int:
    """Enqueue one mail for each method that expires within eight weeks or has just expired; return how many.

    A method is claimed by storing the expiry that the mail is about, in the transaction that enqueues it: one mail for each
    method and expiry, however often and by however many workers this is run.
    """
    count = 0
    while (done := _mail_about_some(services)) > 0:
        count += done
    return count


def _check_claimed(setup: Row, now: datetime) -> dict[str, Any]:
    count = setup.check_count + 1
    return {"check_count": count, "next_check_at": next_check(count, now)}


_TO_CHECK = Queue(
    PaymentMethodSetup,
    columns=(PaymentMethodSetup.check_count, PaymentMethodSetup.next_check_at),
    is_due=table_of(PaymentMethodSetup).c.next_check_at <= NOW,
    order_by=(PaymentMethodSetup.next_check_at,),
    claim=_check_claimed,
)


def _mail_about_some(services: Services) -> int:
    now = services.clock.now()
    with services.database.read() as reader:
        candidates = list_candidates(reader, _EXPIRING, now, limit=_BATCH)
    count = 0
    for method in candidates:
        try:
            count += services.database.run(lambda session, method=method: _mail_about(session, method, at=now))  # type: ignore[misc]  # binds the loop's value
        except (
            Exception
        ):  # One method that cannot be written about must not stop the others; the next day's run retries it.
            log.exception("payment_method.expiry_mail_failed", extra={"payment_method": method.id})
    return count


def _mail_about(session: Session, candidate: Row, *, at: datetime) -> bool:
    """Record that the method is expiring, which causes the mail; return False where another worker did."""
    method = claim(session, _EXPIRING, candidate, at)
    if method is None:
        return False
    record_method(
        session,
        session.get_one(PaymentMethod, (method.merchant_id, method.id)),
        EventType.PAYMENT_METHOD_EXPIRING,
        actor=WORKER,
        at=at,
        expiry=method.notified_expiry,
    )
    return True


def _expiries(now: datetime) -> dict[str, Any]:
    first, last = expiries_to_notify(now.date())
    return {"first": first, "first_year": first // 100, "last": last, "last_year": last // 100}


def _claimed_to_mail(method: Row, _now: datetime) -> dict[str, Any]:
    # The expiry is changed to what it was, so that a method which expires at another time by now is not claimed.
    expiry = {"exp_year": method.exp_year, "exp_month": method.exp_month}
    return {"notified_expiry": method.exp_year * 100 + method.exp_month, **expiry}


_METHODS = table_of(PaymentMethod).c
_EXPIRY = _METHODS.exp_year * 100 + _METHODS.exp_month
_EXPIRING = Queue(
    PaymentMethod,
    columns=(
        PaymentMethod.customer_id,
        PaymentMethod.exp_year,
        PaymentMethod.exp_month,
        PaymentMethod.notified_expiry,
    ),
    is_due=sa.and_(
        _METHODS.status == sa.literal_column("'active'"),
        _METHODS.exp_year.between(sa.bindparam("first_year", type_=Count), sa.bindparam("last_year", type_=Count)),
        _EXPIRY.between(sa.bindparam("first", type_=Count), sa.bindparam("last", type_=Count)),
        _METHODS.notified_expiry.is_distinct_from(_EXPIRY),
    ),
    order_by=(PaymentMethod.exp_year, PaymentMethod.exp_month),
    claim=_claimed_to_mail,
    parameters=_expiries,
)
