"""What the worker does about events: handle what is due, one by one, so that none keeps another from its turn."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.claims import NOW, Queue, Row, claim_next
from portal.database import table_of
from portal.provider_events.handlers import Hint, handle
from portal.provider_events.models import ProviderEvent
from portal.provider_events.rules import HandlingResult, is_last_try, next_try
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_PARKED = frozenset({HandlingResult.UNKNOWN_HERE, HandlingResult.NOT_OURS, HandlingResult.NO_ANSWER})


@dataclass(frozen=True, slots=True)
class _Claimed:
    """An event that was claimed for its `attempts`-th try."""

    merchant_id: str
    gateway: str
    event_id: str
    attempts: int
    hint: Hint


def handle_events(services: Services) -> int:
    """Handle the events that are due, in the order in which they came; return how many were claimed.

    Each is claimed by moving its time on and counting the try, so that two workers handle different ones, a killed worker's
    event becomes due by itself, and one that kills its worker goes aside in the end too.
    """
    count = 0
    while count < _BATCH and (event := _claim_next(services)) is not None:
        count += 1
        services.crash_point("event.claimed")
        try:
            fault = _handle(services, event)
        except Exception as failure:  # Whatever one event leads to, the others are handled.
            log.exception("event.failed", extra=_fields(event))
            fault = type(failure).__name__
        services.crash_point("event.handled")
        _settle(services, event, fault)
    return count


def _handle(services: Services, event: _Claimed) -> str | None:
    """None once nothing is left to do, else a code of what is missing."""
    handled = handle(services, event.hint)
    if handled not in _PARKED:
        return None
    if handled is HandlingResult.NOT_OURS and is_last_try(event.attempts):
        return None
    return handled.value


def _claim_next(services: Services) -> _Claimed | None:
    row = claim_next(services, _DUE)
    if row is None:
        return None
    # An attempt that failed may have looked the payment up without recording the outcome: the next one looks it up in any case.
    fresh_after = row.received_at if row.attempts == 1 else services.clock.now()
    hint = Hint(row.merchant_id, row.gateway, row.reference, row.gateway_reference, fresh_after)
    return _Claimed(row.merchant_id, row.gateway, row.event_id, row.attempts, hint)


def _settle(services: Services, event: _Claimed, fault: str | None) -> None:
    now = services.clock.now()
    changes: dict[str, Any] = {"fault": fault}
    if fault is None:
        changes |= {"handled_at": now, "due_at": None}
    elif is_last_try(event.attempts):
        changes |= {"dead_at": now, "due_at": None}
        log.error("event.dead_lettered", extra={**_fields(event), "fault": fault})
    with services.database.unit_of_work() as session:
        # Only while nobody else has claimed it since: a slow worker does not speak for the one that took over.
        parameters = {
            "of_merchant": event.merchant_id, "of_gateway": event.gateway, "of_event": event.event_id,
            "of_attempts": event.attempts, **changes,
        }  # fmt: skip
        session.execute(_SETTLE, parameters)


def _claimed(event: Row, now: datetime) -> dict[str, Any]:
    attempts = event.attempts + 1
    return {"attempts": attempts, "due_at": next_try(attempts, now)}


_EVENTS = table_of(ProviderEvent)
_DUE = Queue(
    ProviderEvent,
    columns=(
        ProviderEvent.reference,
        ProviderEvent.gateway_reference,
        ProviderEvent.received_at,
        ProviderEvent.attempts,
        ProviderEvent.due_at,
    ),
    is_due=_EVENTS.c.due_at <= NOW,
    order_by=(ProviderEvent.due_at, ProviderEvent.received_at),
    claim=_claimed,
)


_SETTLE = sa.update(_EVENTS).where(
    _EVENTS.c.merchant_id == sa.bindparam("of_merchant"),
    _EVENTS.c.gateway == sa.bindparam("of_gateway"),
    _EVENTS.c.event_id == sa.bindparam("of_event"),
    _EVENTS.c.attempts == sa.bindparam("of_attempts"),
)


def _fields(event: _Claimed) -> dict[str, Any]:
    return {"merchant": event.merchant_id, "provider_event": event.event_id, "attempts": event.attempts}
