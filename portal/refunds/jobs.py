"""The worker's job for refunds: look up those without an outcome, and recheck those that the gateway reported as complete."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from portal.claims import NOW, Queue, Row, claim_next
from portal.database import table_of
from portal.payments.rules.statuses import next_check
from portal.refunds.models import Refund
from portal.refunds.operations import resolve_refund
from portal.refunds.rules import next_recheck
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50


def check_refunds(services: Services) -> int:
    """Look up the refunds whose next check is due at their gateways; return how many were claimed.

    Each is claimed by moving its next check, as payments are.
    """
    count = 0
    while count < _BATCH and (refund := claim_next(services, _TO_CHECK)) is not None:
        count += 1
        try:
            resolve_refund(services, refund.merchant_id, refund.id)
        except Exception:  # one refund that cannot be resolved must not stop the others; it stays due and is reported
            log.exception("refund.check_failed", extra={"refund": refund.id})
    return count


def _claimed(refund: Row, now: datetime) -> dict[str, Any]:
    count = refund.check_count + 1
    if refund.status == "pending":
        return {"check_count": count, "next_check_at": next_check(count, now)}
    return {"check_count": count, "next_check_at": next_recheck(count, refund.completed_at or now)}


_TO_CHECK = Queue(
    Refund,
    columns=(Refund.status, Refund.completed_at, Refund.check_count, Refund.next_check_at),
    is_due=table_of(Refund).c.next_check_at <= NOW,
    order_by=(Refund.next_check_at,),
    claim=_claimed,
)
