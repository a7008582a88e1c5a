"""`record`: the one function that records an event. It writes the audit entry, the event, and the messages that it causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.database import run_after_commit, table_of
from portal.events.listeners import LISTENERS
from portal.events.models import EventRecord
from portal.events.rules import EVENT_VERSION, IMPORT, Actor, Event
from portal.events.signals import has_receivers, send_signal
from portal.outbox.operations import enqueue
from portal.public_ids import first_id, new_ordered_id

# On the tables and without values: through the models, or with values of its own, an insert costs three times as much.
_INSERT_ENTRY = sa.insert(table_of(AuditEntry))
_INSERT_EVENT = sa.insert(table_of(EventRecord))


def record(session: Session, actor: Actor, event: Event) -> str:
    """Record an event in the caller's transaction and return its id, `evt_…`.

    Writes its audit entry, the event itself where it is public, and an outbox message for each listener; its signal goes to
    the host application after the commit. Nothing else writes any of these. Imported objects changed elsewhere and long
    ago: their events are in the audit log alone and reach no listener (an import sends no mail).
    """
    event_id = new_ordered_id("evt", event.at)
    session.execute(_INSERT_ENTRY, _audit_row(event_id, actor, event))
    if actor == IMPORT:
        return event_id
    if event.type.is_public:
        session.execute(_INSERT_EVENT, _event_row(event_id, actor, event))
    if has_receivers(event.type):
        run_after_commit(session, partial(send_signal, event_id, event))
    for listener in LISTENERS.get(event.type, ()):
        if listener.when(event):
            payload, due_at = listener.payload(event_id, event), event.at + listener.delay
            enqueue(session, event.merchant_id, listener.kind, payload, at=event.at, due_at=due_at)
    return event_id


def record_all(session: Session, actor: Actor, events: Sequence[Event]) -> None:
    """Record many events, none of which has a listener, as `record` does, in two statements."""
    assert not any(LISTENERS.get(event.type) for event in events), "events with listeners are recorded one by one"
    if not events:
        return
    named = [(new_ordered_id("evt", event.at), event) for event in events]
    _insert(session, _INSERT_ENTRY, [_audit_row(event_id, actor, event) for event_id, event in named])
    public = [(event_id, event) for event_id, event in named if event.type.is_public]
    _insert(session, _INSERT_EVENT, [_event_row(event_id, actor, event) for event_id, event in public])
    for event_id, event in public:
        if has_receivers(event.type):
            run_after_commit(session, partial(send_signal, event_id, event))


def record_imported(session: Session, events: Iterable[Event]) -> None:
    """Record the events of an import, as `record` does with the actor `IMPORT`, in one statement."""
    rows = [_audit_row(new_ordered_id("evt", event.at), IMPORT, event) for event in events]
    _insert(session, _INSERT_ENTRY, rows)


def delete_old_events(session: Session, merchant_id: str, *, retention_days: int, at: datetime) -> int:
    """Delete the merchant's events that are older than the retention, and return how many; audit entries stay."""
    first_kept = first_id("evt", at - timedelta(days=retention_days))
    result: Any = session.execute(_DELETE_BEFORE, {"merchant_id": merchant_id, "first_kept": first_kept})
    return int(result.rowcount)


_DELETE_BEFORE = sa.delete(table_of(EventRecord)).where(
    table_of(EventRecord).c.merchant_id == sa.bindparam("merchant_id"),
    table_of(EventRecord).c.id < sa.bindparam("first_kept"),
)


def _insert(session: Session, statement: sa.Insert, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(statement, rows)


def _audit_row(event_id: str, actor: Actor, event: Event) -> dict[str, Any]:
    return {
        "merchant_id": event.merchant_id,
        "id": event_id,
        "at": event.at,
        "actor_type": actor.type.value,
        "actor_id": actor.id,
        "actor_person": actor.person,
        "request_id": actor.request_id,
        "customer_id": event.customer_id,
        "action": event.type.value,
        "object_id": event.object_id,
        "details": dict(event.details),
    }


def _event_row(event_id: str, actor: Actor, event: Event) -> dict[str, Any]:
    return {
        "merchant_id": event.merchant_id,
        "id": event_id,
        "type": event.type.value,
        "version": EVENT_VERSION,
        "actor_type": actor.type.value,
        "actor_id": actor.id,
        "actor_person": actor.person,
        "request_id": actor.request_id,
        "customer_id": event.customer_id,
        "object_id": event.object_id,
        "data": {"object": dict(event.object), "previous": dict(event.previous)},
        "created_at": event.at,
    }
