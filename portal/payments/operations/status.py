"""`become`, the only writer of a payment's status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.payments.models import Payment
from portal.payments.rules.statuses import PaymentStatus, may_follow
from portal.payments.shapes import shape_payment

log = logging.getLogger(__name__)

EVENT_OF: Mapping[str, EventType] = MappingProxyType(
    {
        status.value: EventType.PAYMENT_CREATED
        if status is PaymentStatus.INCOMPLETE
        else EventType(f"payment.{status}")
        for status in PaymentStatus
    }
)
"""The event of each status of a payment."""


def become(session: Session, payment: Payment, status: str, *, actor: Actor, at: datetime, **details: Any) -> None:
    """Set a payment's next status and record its event; called last, when everything else of the payment is up to date.

    `details` go to the audit log. A status that may not follow is a programming error.
    """
    assert may_follow(payment.status, status), f"a payment that is {payment.status} does not become {status}"
    _write(session, payment, status, actor=actor, at=at, **details)


def correct(session: Session, payment: Payment, status: str, *, actor: Actor, at: datetime) -> None:
    """Give a payment that was made elsewhere the status that its own system says now: there no transition of ours was followed."""
    assert payment.confirmed_at is None, "only a payment that was made elsewhere is corrected"
    _write(session, payment, status, actor=actor, at=at)


def _write(session: Session, payment: Payment, status: str, *, actor: Actor, at: datetime, **details: Any) -> None:
    before = payment.status
    payment.status = PaymentStatus(status).value
    payment.version += 1
    payment.updated_at = at
    record_status(session, payment, actor=actor, at=at, previous={"status": before}, **details)
    log.info("payment.status_changed", extra={"payment": payment.id, "status": status, "actor": actor.type.value})


def record_status(
    session: Session, payment: Payment, *, actor: Actor, at: datetime, previous: Mapping[str, Any], **details: Any
) -> None:
    """Record the event of the status that a payment has; for one that has just been created, which had none before."""
    event = Event(
        type=EVENT_OF[payment.status],
        merchant_id=payment.merchant_id,
        object_id=payment.id,
        customer_id=payment.customer_id,
        object=shape_payment(session, payment),
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)
