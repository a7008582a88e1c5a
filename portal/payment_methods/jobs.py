"""What the worker does about saved methods: ask for setups without an end, and write about methods that run out."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.events.rules import WORKER, EventType
from portal.gateways.polling import next_check
from portal.payment_methods.models import PaymentMethod, PaymentMethodSetup
from portal.payment_methods.operations.methods import record_method
from portal.payment_methods.operations.setups import resolve_setup
from portal.payment_methods.rules import expiries_to_tell, expiry_key
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_DUE = (
    sa.select(PaymentMethodSetup)
    .where(PaymentMethodSetup.next_check_at <= sa.bindparam("now"))
    .order_by(PaymentMethodSetup.next_check_at)
    .limit(1)
    .execution_options(tenant_wide=True)
)
_TAKE_DUE = _DUE.with_for_update(skip_locked=True)


def check_setups(services: Services) -> int:
    """Ask the gateways for the setups whose time to ask has come; tells how many. As `check_payments`, one at a time."""
    count = 0
    while count < _BATCH and (taken := _take_next(services)) is not None:
        merchant_id, setup_id = taken
        count += 1
        try:
            resolve_setup(services, merchant_id, setup_id)
        except Exception:  # one setup that cannot be resolved must not stop the others; it stays due
            log.exception("setup.check_failed", extra={"setup": setup_id})
    return count


def mail_expiring_methods(services: Services) -> int:
    """Put one mail on its way for each method that runs out within eight weeks, or has just done so; tells how many.

    The row remembers the expiry that was written about, and two workers pass over each other's rows: one mail a method and
    expiry, however often and by however many this is run.
    """
    count = 0
    while (done := services.database.run(lambda session: _write_about_some(session, services))) > 0:
        count += done
    return count


def _take_next(services: Services) -> tuple[str, str] | None:
    now = services.clock.now()
    # An idle worker only reads: it takes SQLite's one write lock from nobody.
    with services.database.read() as reader:
        if reader.execute(_DUE, {"now": now}).first() is None:
            return None
    with services.database.unit_of_work() as session:
        due = session.execute(_TAKE_DUE, {"now": now}).scalar()
        if due is None:
            return None
        due.check_count += 1
        due.next_check_at = next_check(due.check_count, now)
        return due.merchant_id, due.id


def _write_about_some(session: Session, services: Services) -> int:
    now = services.clock.now()
    first, last = expiries_to_tell(now.date())
    expiry = PaymentMethod.exp_year * 100 + PaymentMethod.exp_month
    methods = (
        session.execute(
            sa.select(PaymentMethod)
            .where(
                PaymentMethod.status == sa.literal_column("'active'"),
                PaymentMethod.exp_year.between(first // 100, last // 100),
                expiry.between(first, last),
                PaymentMethod.told_expiry.is_distinct_from(expiry),
            )
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
            .execution_options(tenant_wide=True)
        )
        .scalars()
        .all()
    )
    for method in methods:
        method.told_expiry = expiry_key(method)
        record_method(
            session,
            method,
            EventType.PAYMENT_METHOD_EXPIRING,
            actor=WORKER,
            at=now,
            expiry=method.told_expiry,
        )
    return len(methods)
