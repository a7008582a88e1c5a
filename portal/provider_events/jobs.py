"""The worker's job for events: handle those that are due, one by one, so that none blocks another."""

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
_CLAIMED_COLUMNS = ("merchant_id", "gateway", "event_id", "reference", "gateway_reference", "received_at", "attempts")
_RETRIED = frozenset({Handled.UNKNOWN_HERE, Handled.NOT_OURS, Handled.NO_ANSWER})


@dataclass(frozen=True, slots=True)
class _Claimed:
    """An event that was claimed for its `attempts`-th try."""

    merchant_id: str
    gateway: str
    event_id: str
    attempts: int
    hint: Hint


def handle_events(services: Services) -> int:
    """Handle the events that are due, in the order of their arrival; return how many were tried.

    Each is claimed by moving its `due_at` forward and counting the try, so that two workers claim different ones, the event of
    a killed worker is retried, and one that kills its worker each time becomes a dead letter too.
    """
    count = 0
    while count < _BATCH and (claimed := _claim_next(services)) is not None:
        count += 1
        services.crash_point("event.taken")
        try:
            fault = _handle(services, claimed)
        except Exception as failure:  # Whatever happens to one event, the others are handled.
            log.exception("event.failed", extra=_fields(claimed))
            fault = type(failure).__name__
        services.crash_point("event.handled")
        _settle(services, claimed, fault)
    return count


def _handle(services: Services, claimed: _Claimed) -> str | None:
    """Return None when the event is done, else a code for why it is not."""
    handled = handle(services, claimed.hint)
    if handled not in _RETRIED:
        return None
    if handled is Handled.NOT_OURS and is_last_try(claimed.attempts):
        return None
    return handled.value


def _claim_next(services: Services) -> _Claimed | None:
    now = services.clock.now()
    # An idle worker only reads: it does not hold SQLite's one write lock.
    with services.database.read() as reader:
        if reader.execute(_DUE, {"now": now}).first() is None:
            return None
    with services.database.unit_of_work() as session:
        row = session.execute(_DUE_FOR_CLAIM, {"now": now}).first()
        if row is None:
            return None
        attempts = row.attempts + 1
        # A failed try may have looked it up without recording the outcome: the next one always looks it up.
        fresh_after = row.received_at if attempts == 1 else now
        hint = Hint(row.merchant_id, row.gateway, row.reference, row.gateway_reference, fresh_after)
        claimed = _Claimed(row.merchant_id, row.gateway, row.event_id, attempts, hint)
        session.execute(_row(claimed).values(attempts=attempts, due_at=next_try(attempts, now)))
    return claimed


def _settle(services: Services, claimed: _Claimed, fault: str | None) -> None:
    now = services.clock.now()
    changes: dict[str, Any] = {"fault": fault}
    if fault is None:
        changes |= {"handled_at": now, "due_at": None}
    elif is_last_try(claimed.attempts):
        changes |= {"dead_at": now, "due_at": None}
        log.error("event.dead_lettered", extra={**_fields(claimed), "fault": fault})
    with services.database.unit_of_work() as session:
        # Only if no other worker has claimed it since: a slow worker must not overwrite the result of the next one.
        session.execute(_row(claimed).where(ProviderEvent.attempts == claimed.attempts).values(**changes))


_COLUMNS = ProviderEvent.__table__.c
_DUE = (
    sa.select(*(_COLUMNS[name] for name in _CLAIMED_COLUMNS))
    .where(_COLUMNS.due_at <= sa.bindparam("now"))
    .order_by(_COLUMNS.due_at, _COLUMNS.received_at)
    .limit(1)
    .execution_options(tenant_wide=True)
)
_DUE_FOR_CLAIM = _DUE.with_for_update(skip_locked=True)


def _row(claimed: _Claimed) -> sa.Update:
    return (
        sa.update(ProviderEvent)
        .where(
            ProviderEvent.merchant_id == claimed.merchant_id,
            ProviderEvent.gateway == claimed.gateway,
            ProviderEvent.event_id == claimed.event_id,
        )
        .execution_options(synchronize_session=False)
    )


def _fields(claimed: _Claimed) -> dict[str, Any]:
    return {"merchant": claimed.merchant_id, "provider_event": claimed.event_id, "attempts": claimed.attempts}
