"""Reads of events: those of one object, newest last."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.clock import write_instant
from portal.database import Reader
from portal.events.models import EventRecord
from portal.events.rules import IMPORT, ActorType, EventType
from portal.tenancy import Scope


class StoredEvent(NamedTuple):
    """A public event as it was stored when it happened."""

    id: str
    type: str
    version: int
    actor_type: str
    actor_id: str | None
    actor_person: str | None
    request_id: str | None
    object_id: str | None
    data: dict[str, Any]
    created_at: datetime

    @property
    def shape(self) -> dict[str, Any]:
        """The event in the API's shape (contract, section 5)."""
        return {
            "id": self.id,
            "object": "event",
            "type": self.type,
            "version": self.version,
            "created_at": write_instant(self.created_at),
            "request_id": self.request_id,
            "actor": {"type": self.actor_type, "id": self.actor_id, "person": self.actor_person},
            "data": self.data,
        }


def list_customer_events(
    reader: Reader, scope: Scope, types: Collection[str], *, before: str = "", limit: int
) -> list[StoredEvent]:
    """Return what happened to a customer and all that is its, of these types, newest first; those before the event `before`.
    What a file brought happened elsewhere, and is not among it."""
    statement = (
        sa.select(*_COLUMNS)
        .where(
            EventRecord.merchant_id == scope.merchant_id,
            EventRecord.customer_id == scope.customer_id,
            EventRecord.type.in_([str(each) for each in types]),
            EventRecord.actor_id.is_distinct_from(IMPORT.id),
        )
        .order_by(EventRecord.id.desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(EventRecord.id < before)
    return [StoredEvent(*row) for row in reader.execute(statement)]


def find_people_behind(reader: Reader, scope: Scope, object_ids: Collection[str]) -> dict[str, str]:
    """Return, of objects of a customer, the person who did something with each last, by the object's id; those of the account's own
    address are left out. Reads nothing where there are no ids."""
    if not object_ids:
        return {}
    rows = reader.execute(
        sa.select(EventRecord.object_id, EventRecord.actor_person)
        .where(
            EventRecord.merchant_id == scope.merchant_id,
            EventRecord.customer_id == scope.customer_id,
            EventRecord.object_id.in_(sorted(object_ids)),
            EventRecord.actor_person.is_not(None),
        )
        .order_by(EventRecord.id)
    )
    return {row.object_id: row.actor_person for row in rows}


def find_person_of(reader: Reader, scope: Scope, object_id: str, types: Collection[EventType]) -> str | None:
    """Return the person who caused the first event of these types of an object; None where that was the account's own address, or nobody
    who signs in."""
    row = reader.execute(
        sa.select(EventRecord.actor_type, EventRecord.actor_person)
        .where(
            EventRecord.merchant_id == scope.merchant_id,
            EventRecord.object_id == object_id,
            EventRecord.customer_id == scope.customer_id,
            EventRecord.type.in_(sorted(each.value for each in types)),
        )
        .order_by(EventRecord.id)
        .limit(1)
    ).first()
    return row.actor_person if row is not None and row.actor_type == ActorType.CUSTOMER else None


_COLUMNS = tuple(getattr(EventRecord, name) for name in StoredEvent._fields)


def list_events(
    reader: Reader, merchant_id: str, object_id: str, *, after: str = "", limit: int = 100
) -> list[StoredEvent]:
    """Return the events of one object (`pay_…`, `inv_…`, `cus_…`), oldest first, those after the event `after`."""
    statement = (
        sa.select(*_COLUMNS)
        .where(EventRecord.merchant_id == merchant_id, EventRecord.object_id == object_id, EventRecord.id > after)
        .order_by(EventRecord.id)
        .limit(limit)
    )
    return [StoredEvent(*row) for row in reader.execute(statement)]
