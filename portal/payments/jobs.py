"""Jobs of the worker for payments: send those that nobody has sent yet, look up those that are due, and end checkouts that nobody
confirmed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.claims import NOW, Queue, Row, claim_next
from portal.database import Reader, table_of
from portal.events.rules import WORKER
from portal.gateways.polling import RESEND_AFTER
from portal.payments.models import Payment
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.paying import resolve_payment
from portal.payments.operations.sending import send_payment
from portal.payments.rules import sending, statuses
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_PATIENCE_SECONDS = 0.5
"""How long a job waits for a call to end where only merchants that have to wait have something due; after that it comes again later."""


def send_payments(services: Services) -> int:
    """Send the confirmed payments that no process has sent, because it died or had no thread for it; return how many were claimed.

    Each that cannot be sent any more, ten minutes after the press, ends.
    """
    return _work(
        services, _TO_SEND, lambda row: send_payment(services, row.merchant_id, row.id, row.gateway, last_sent_at=None)
    )


def check_payments(services: Services) -> int:
    """Look up the payments whose next check is due at their gateways; return how many were claimed.

    Each is claimed by moving its next check, so that two workers check different payments and a killed worker's payment becomes
    due again by itself.
    """
    return _work(services, _TO_CHECK, lambda row: resolve_payment(services, row.merchant_id, row.id))


def expire_checkouts(services: Services) -> int:
    """End the unconfirmed payments whose time is up, each in a transaction of its own; return how many were ended."""
    now = services.clock.now()
    with services.database.read() as reader:
        candidates = _list_unconfirmed(reader, now)
    count = 0
    for merchant_id, payment_id in candidates:
        try:
            count += _expire(services, merchant_id, payment_id, at=now)
        except Exception:  # One checkout that cannot be ended must not stop the others; it stays due.
            log.exception("payment.expiry_failed", extra={"payment": payment_id})
    return count


def _work(services: Services, queue: Queue, work: Callable[[Row], None]) -> int:
    """Do the work on each payment that is due, one after the other; return how many there were.

    A merchant that has as many calls under way as it may waits, and its payments stay due: another one's are claimed before them.
    """
    count = 0
    while count < _BATCH:
        waiting = services.calls.wait_for_turn()
        payment = claim_next(services, queue, except_merchants=waiting)
        if payment is not None:
            count += 1
            services.calls.send(payment.id, partial(_try, work, payment), merchant_id=payment.merchant_id)
        elif not waiting or not services.calls.wait_for_end(_PATIENCE_SECONDS):
            break
    return count


def _try(work: Callable[[Row], None], payment: Row) -> None:
    try:
        work(payment)
    except Exception:  # One payment that fails must not stop the others; it stays due and is reported.
        log.exception("payment.check_failed", extra={"payment": payment.id})


def _claimed_to_check(payment: Row, now: datetime) -> dict[str, Any]:
    if payment.status == "processing" and payment.confirmed_at is not None:
        last_sent_at = payment.last_sent_at or payment.sent_at
        count, due = sending.next_lookup(payment.check_count, payment.confirmed_at, last_sent_at, now)
    else:
        count = payment.check_count + 1
        due = statuses.next_check(count, now)
    return {"check_count": count, "next_check_at": due}


_PAYMENTS = table_of(Payment).c
_TO_CHECK = Queue(
    Payment,
    columns=(
        Payment.check_count,
        Payment.next_check_at,
        Payment.status,
        Payment.confirmed_at,
        Payment.sent_at,
        Payment.last_sent_at,
    ),
    is_due=sa.and_(_PAYMENTS.next_check_at <= NOW, _PAYMENTS.sent_at.is_not(None)),
    order_by=(Payment.next_check_at,),
    claim=_claimed_to_check,
)
_TO_SEND = Queue(
    Payment,
    columns=(Payment.gateway, Payment.next_check_at),
    is_due=sa.and_(_PAYMENTS.next_check_at <= NOW, _PAYMENTS.sent_at.is_(None)),
    order_by=(Payment.next_check_at,),
    # Due again soon: a worker that dies before it has claimed the sending leaves nothing else behind.
    claim=lambda _payment, now: {"next_check_at": now + RESEND_AFTER},
)


def _list_unconfirmed(reader: Reader, now: datetime) -> Sequence[tuple[str, str]]:
    """Return merchant and id of the checkouts that expired first; read without a lock, over all merchants."""
    return [(row.merchant_id, row.id) for row in reader.execute(_UNCONFIRMED, {"now": now})]


_UNCONFIRMED = (
    sa.select(_PAYMENTS.merchant_id, _PAYMENTS.id)
    .where(_PAYMENTS.status == sa.literal_column("'incomplete'"), _PAYMENTS.expires_at <= NOW)
    .order_by(_PAYMENTS.expires_at)
    .limit(_BATCH)
    .execution_options(tenant_wide=True)
)


def _expire(services: Services, merchant_id: str, payment_id: str, *, at: datetime) -> bool:
    """End a payment if it is still unconfirmed; return whether it was."""

    def expire(session: Session) -> bool:
        payment = lock_payment(session, merchant_id, payment_id)
        if payment.status != "incomplete" or payment.expires_at > at:
            return False  # It was confirmed, cancelled or ended by another worker since it was read.
        end_checkout(session, payment, "abandoned" if payment.opened_at else "expired", actor=WORKER, at=at)
        return True

    return services.database.run(expire)
