"""What the worker does about events: handle what is due, one by one, so that none keeps another from its turn."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.provider_events.handlers import Hint, handle
from portal.provider_events.models import ProviderEvent
from portal.provider_events.rules import Handled, is_last_try, next_try
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50
_TOLD = ("merchant_id", "gateway", "event_id", "reference", "gateway_reference", "received_at", "attempts")
_PARKED = frozenset({Handled.UNKNOWN_HERE, Handled.NOT_OURS, Handled.NO_ANSWER})


@dataclass(frozen=True, slots=True)
class _Taken:
    """An event that was taken for its `attempts`-th try."""

    merchant_id: str
    gateway: str
    event_id: str
    attempts: int
    hint: Hint


def handle_events(services: Services) -> int:
    """Handle the events that are due, in the order in which they came; tells how many were tried.

    Each is taken by moving its time on and counting the try, so that two workers take different ones, the one of a killed
    worker comes back by itself, and one that kills its worker goes aside in the end too.
    """
    count = 0
    while count < _BATCH and (taken := _take_next(services)) is not None:
        count += 1
        services.crash_point("event.taken")
        try:
            fault = _handle(services, taken)
        except Exception as failure:  # Whatever one event leads to, the others are handled.
            log.exception("event.failed", extra=_fields(taken))
            fault = type(failure).__name__
        services.crash_point("event.handled")
        _settle(services, taken, fault)
    return count


def _handle(services: Services, taken: _Taken) -> str | None:
    """None once nothing is left to do, else a code of what is missing."""
    handled = handle(services, taken.hint)
    if handled not in _PARKED:
        return None
    if handled is Handled.NOT_OURS and is_last_try(taken.attempts):
        return None
    return handled.value


def _take_next(services: Services) -> _Taken | None:
    now = services.clock.now()
    # An idle worker only reads: it takes SQLite's one write lock from nobody.
    with services.database.read() as reader:
        if reader.execute(_DUE, {"now": now}).first() is None:
            return None
    with services.database.unit_of_work() as session:
        row = session.execute(_TAKE_DUE, {"now": now}).first()
        if row is None:
            return None
        attempts = row.attempts + 1
        # A try that came to nothing may have asked, and not recorded the answer: the next one asks in any case.
        fresh_after = row.received_at if attempts == 1 else now
        hint = Hint(row.merchant_id, row.gateway, row.reference, row.gateway_reference, fresh_after)
        taken = _Taken(row.merchant_id, row.gateway, row.event_id, attempts, hint)
        session.execute(_row(taken).values(attempts=attempts, due_at=next_try(attempts, now)))
    return taken


def _settle(services: Services, taken: _Taken, fault: str | None) -> None:
    now = services.clock.now()
    changes: dict[str, Any] = {"fault": fault}
    if fault is None:
        changes |= {"handled_at": now, "due_at": None}
    elif is_last_try(taken.attempts):
        changes |= {"dead_at": now, "due_at": None}
        log.error("event.given_up", extra={**_fields(taken), "fault": fault})
    with services.database.unit_of_work() as session:
        # Only while nobody else has taken it since: a slow worker does not speak for the one that took over.
        session.execute(_row(taken).where(ProviderEvent.attempts == taken.attempts).values(**changes))


_COLUMNS = ProviderEvent.__table__.c
_DUE = (
    sa.select(*(_COLUMNS[name] for name in _TOLD))
    .where(_COLUMNS.due_at <= sa.bindparam("now"))
    .order_by(_COLUMNS.due_at, _COLUMNS.received_at)
    .limit(1)
    .execution_options(tenant_wide=True)
)
_TAKE_DUE = _DUE.with_for_update(skip_locked=True)


def _row(taken: _Taken) -> sa.Update:
    return (
        sa.update(ProviderEvent)
        .where(
            ProviderEvent.merchant_id == taken.merchant_id,
            ProviderEvent.gateway == taken.gateway,
            ProviderEvent.event_id == taken.event_id,
        )
        .execution_options(synchronize_session=False)
    )


def _fields(taken: _Taken) -> dict[str, Any]:
    return {"merchant": taken.merchant_id, "provider_event": taken.event_id, "attempts": taken.attempts}
