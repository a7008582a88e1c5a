"""Delivers the outbox: leases the next due message, calls its handler, and stores the result. At least once, never lost.

Handlers define what the kinds mean; the worker composes the handlers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.claims import NOW, Queue, Row, claim_next
from portal.clock import CLOCKS_DIFFER_BY
from portal.database import Database, Instant, table_of
from portal.outbox.errors import Refused, Undeliverable
from portal.outbox.models import OutboxMessage
from portal.outbox.rules import LEASE, MAX_ATTEMPTS, is_last_try, retry_delay
from portal.services import Services

Handler: TypeAlias = Callable[[Services, str, dict[str, Any], str], None]
"""Takes services, merchant id, payload and the message's stable id. Delivers, or raises; may be called again for the same id."""

_log = logging.getLogger(__name__)
_DELIVERED_RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A message that this worker alone may deliver until `leased_until`."""

    merchant_id: str
    id: str
    kind: str
    payload: dict[str, Any]
    attempts: int
    leased_until: datetime


def deliver_next(services: Services, handlers: Mapping[str, Handler]) -> str | None:
    """Deliver the message that has been due longest; return "done", "retried" or "dead", or None when nothing is due."""
    leased = lease_next(services)
    if leased is None:
        return None
    services.crash_point("outbox.leased")
    if leased.attempts > MAX_ATTEMPTS:
        # Each earlier attempt ended with the death of its worker.
        return _record_failure(services, leased, Undeliverable("attempts ended without a result"))
    try:
        _handler(handlers, leased.kind)(services, leased.merchant_id, leased.payload, leased.id)
    except Exception as fault:  # Whatever a handler raises, the message stays and the worker lives.
        outcome = _record_failure(services, leased, fault)
    else:
        services.crash_point("outbox.delivered")
        services.database.run(
            lambda session: _store_result(session, leased, done_at=services.clock.now(), last_error=None)
        )
        outcome = "done"
    _log.info("message.delivered" if outcome == "done" else f"message.{outcome}", extra=_fields(leased))
    return outcome


def lease_next(services: Services) -> LeasedMessage | None:
    """Lease the message that has been due longest and that nobody holds; return None when there is none.

    The attempt is counted when it begins, so that a message which kills its worker becomes a dead letter in the end too.
    """
    row = claim_next(services, _DUE)
    if row is None:
        return None
    return LeasedMessage(row.merchant_id, row.id, row.kind, row.payload, row.attempts, row.leased_until)


def count_dead_letters(database: Database) -> int:
    """Return how many dead letters there are, over all merchants; for the doctor and the metrics."""
    with database.read() as reader:
        return (
            reader.execute(
                sa.select(sa.func.count())
                .select_from(OutboxMessage)
                .where(OutboxMessage.dead_at.is_not(None))
                .execution_options(tenant_wide=True)
            ).scalar()
            or 0
        )


def delete_delivered(session: Session, *, at: datetime) -> int:
    """Delete what was delivered over a month ago; dead letters stay. Return how many."""
    result: Any = session.execute(_DELETE_DELIVERED, {"before": at - _DELIVERED_RETENTION})
    return int(result.rowcount)


def _instants(now: datetime) -> dict[str, Any]:
    return {"now": now, "latest": now + CLOCKS_DIFFER_BY, "longest_lease": now + LEASE}


def _claimed(message: Row, now: datetime) -> dict[str, Any]:
    return {"attempts": message.attempts + 1, "leased_until": now + LEASE}


_MESSAGES = table_of(OutboxMessage)
_DELETE_DELIVERED = (
    sa.delete(_MESSAGES).where(_MESSAGES.c.done_at < sa.bindparam("before")).execution_options(tenant_wide=True)
)
_DUE = Queue(
    OutboxMessage,
    columns=(OutboxMessage.kind, OutboxMessage.payload, OutboxMessage.attempts, OutboxMessage.leased_until),
    is_due=sa.and_(
        _MESSAGES.c.done_at.is_(None),
        _MESSAGES.c.dead_at.is_(None),
        _MESSAGES.c.due_at <= sa.bindparam("latest", type_=Instant()),
        # What was due when it was written is due for a worker whose clock is behind, too.
        sa.or_(_MESSAGES.c.due_at <= NOW, _MESSAGES.c.due_at == _MESSAGES.c.created_at),
        sa.or_(
            _MESSAGES.c.leased_until.is_(None),
            _MESSAGES.c.leased_until <= NOW,
            # Longer than any lease from now: the clock was ahead when it was claimed, and has been set back since.
            _MESSAGES.c.leased_until > sa.bindparam("longest_lease", type_=Instant()),
        ),
    ),
    order_by=(OutboxMessage.due_at,),
    claim=_claimed,
    parameters=_instants,
)


def _handler(handlers: Mapping[str, Handler], kind: str) -> Handler:
    handler = handlers.get(kind)
    if handler is None:
        # A newer release may have written it: it waits for a worker that has a handler.
        raise LookupError("no handler for this kind")
    return handler


def _record_failure(services: Services, leased: LeasedMessage, fault: Exception) -> str:
    at = services.clock.now()
    is_dead = isinstance(fault, Undeliverable) or is_last_try(leased.attempts)
    error = _describe(fault)
    if isinstance(fault, Refused):
        _log.warning("message.refused", extra={**_fields(leased), "step": fault.step, "code": fault.code})
        refusal = {"refused_step": fault.step, "refused_code": fault.code}
        services.database.run(lambda session: _store_result(session, leased, dead_at=at, last_error=error, **refusal))
        return "dead"
    if is_dead:
        _log.error("message.dead_lettered", extra={**_fields(leased), "error": error})
        services.database.run(lambda session: _store_result(session, leased, dead_at=at, last_error=error))
        return "dead"
    due_at = at + retry_delay(leased.attempts, services.chance())
    _log.warning("message.failed", extra={**_fields(leased), "error": error})
    services.database.run(
        lambda session: _store_result(session, leased, due_at=due_at, leased_until=None, last_error=error)
    )
    return "retried"


def _store_result(session: Session, leased: LeasedMessage, **changes: Any) -> None:
    # Only while the lease is still ours: a slow worker must not overwrite the result of the one that took over.
    session.execute(
        _STORE_RESULT,
        {"of_merchant": leased.merchant_id, "of_id": leased.id, "of_attempts": leased.attempts, **changes},
    )


_STORE_RESULT = sa.update(_MESSAGES).where(
    _MESSAGES.c.merchant_id == sa.bindparam("of_merchant"),
    _MESSAGES.c.id == sa.bindparam("of_id"),
    _MESSAGES.c.attempts == sa.bindparam("of_attempts"),
    _MESSAGES.c.done_at.is_(None),
)


def _describe(fault: Exception) -> str:
    """Return the type and code of an error. Its message is not stored, since it may hold an address (smtplib's do)."""
    code = getattr(fault, "smtp_code", None)
    words = f" {fault}" if isinstance(fault, Undeliverable) else ""
    return f"{type(fault).__name__}{f' {code}' if isinstance(code, int) else ''}{words}"[:200]


def _fields(leased: LeasedMessage) -> dict[str, Any]:
    return {"outbox": leased.id, "kind": leased.kind, "merchant": leased.merchant_id, "attempts": leased.attempts}
