"""What the worker does about payments: ask for what is due, and end what nobody confirmed."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from portal.events.rules import WORKER
from portal.payments.models import Payment
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.paying import resolve_payment
from portal.payments.rules import statuses
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_UNCONFIRMED = (
    sa.select(Payment)
    .where(Payment.status == sa.literal_column("'incomplete'"), Payment.expires_at <= sa.bindparam("now"))
    .order_by(Payment.expires_at)
    .limit(_BATCH)
    .execution_options(tenant_wide=True)
)
_TAKE_UNCONFIRMED = _UNCONFIRMED.with_for_update(skip_locked=True)
_DUE = (
    sa.select(Payment.merchant_id, Payment.id, Payment.check_count)
    .where(Payment.next_check_at <= sa.bindparam("now"))
    .order_by(Payment.next_check_at)
    .limit(1)
    .execution_options(tenant_wide=True)
)
_TAKE_DUE = _DUE.with_for_update(skip_locked=True)


def check_payments(services: Services) -> int:
    """Ask the gateways for the payments whose time to ask has come; tells how many were asked for.

    Each is taken over by moving its time on, so that two workers ask for different ones and the one that a killed worker had
    in hand comes back by itself.
    """
    count = 0
    while count < _BATCH and (taken := _take_next(services)) is not None:
        merchant_id, payment_id = taken
        count += 1
        try:
            resolve_payment(services, merchant_id, payment_id)
        except Exception:  # one payment that cannot be resolved must not stop the others; it stays due and is shown
            log.exception("payment.check_failed", extra={"payment": payment_id})
    return count


def expire_checkouts(services: Services) -> int:
    """End the unconfirmed payments whose time is up; tells how many."""
    now = services.clock.now()
    # An idle worker only reads: it takes SQLite's one write lock from nobody.
    with services.database.read() as reader:
        if reader.execute(_UNCONFIRMED, {"now": now}).first() is None:
            return 0
    with services.database.unit_of_work() as session:
        payments = session.execute(_TAKE_UNCONFIRMED, {"now": now}).scalars().all()
        for payment in payments:
            end_checkout(session, payment, "abandoned" if payment.opened_at else "expired", actor=WORKER, at=now)
    return len(payments)


def _take_next(services: Services) -> tuple[str, str] | None:
    now = services.clock.now()
    with services.database.read() as reader:
        if reader.execute(_DUE, {"now": now}).first() is None:
            return None
    with services.database.unit_of_work() as session:
        due = session.execute(_TAKE_DUE, {"now": now}).first()
        if due is None:
            return None
        merchant_id, payment_id, check_count = due
        session.execute(
            sa.update(Payment)
            .where(Payment.merchant_id == merchant_id, Payment.id == payment_id)
            .values(check_count=check_count + 1, next_check_at=statuses.next_check(check_count + 1, now))
            .execution_options(synchronize_session=False)
        )
    return merchant_id, payment_id
