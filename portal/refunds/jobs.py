"""What the worker does about refunds: ask for those without an outcome, and again for those that were called done."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from portal.payments.rules.statuses import next_check
from portal.refunds.models import Refund
from portal.refunds.operations import resolve_refund
from portal.refunds.rules import next_look
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_DUE = (
    sa.select(Refund)
    .where(Refund.next_check_at <= sa.bindparam("now"))
    .order_by(Refund.next_check_at)
    .limit(1)
    .execution_options(tenant_wide=True)
)
_TAKE_DUE = _DUE.with_for_update(skip_locked=True)


def check_refunds(services: Services) -> int:
    """Ask the gateways for every refund whose time to ask has come; tells how many were asked for.

    Each is taken over by moving its time on, as payments are.
    """
    count = 0
    while count < _BATCH and (taken := _take_next(services)) is not None:
        merchant_id, refund_id = taken
        count += 1
        try:
            resolve_refund(services, merchant_id, refund_id)
        except Exception:  # one refund that cannot be resolved must not stop the others; it stays due and is shown
            log.exception("refund.check_failed", extra={"refund": refund_id})
    return count


def _take_next(services: Services) -> tuple[str, str] | None:
    now = services.clock.now()
    # An idle worker only reads: it takes SQLite's one write lock from nobody.
    with services.database.read() as reader:
        if reader.execute(_DUE, {"now": now}).first() is None:
            return None
    with services.database.unit_of_work() as session:
        refund = session.execute(_TAKE_DUE, {"now": now}).scalar()
        if refund is None:
            return None
        refund.check_count += 1
        if refund.status == "pending":
            refund.next_check_at = next_check(refund.check_count, now)
        else:
            refund.next_check_at = next_look(refund.check_count, refund.completed_at or now)
        return refund.merchant_id, refund.id
