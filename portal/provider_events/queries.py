"""The inbox over all merchants, for the operator."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.provider_events.models import ProviderEvent


class Inbox(NamedTuple):
    """The backlog of events: how many are waiting, when the oldest of them and the oldest without a try yet were received, and
    how many are dead letters."""

    waiting_count: int
    oldest_at: datetime | None
    untried_at: datetime | None
    dead_count: int


def read_inbox(reader: Reader) -> Inbox:
    """Return the backlog of events."""
    event = ProviderEvent
    untried = sa.case((event.attempts == 0, event.received_at))
    waiting = sa.select(sa.func.count(), sa.func.min(event.received_at), sa.func.min(untried)).where(
        event.due_at.is_not(None)
    )
    dead = sa.select(sa.func.count()).where(event.dead_at.is_not(None))
    wide = {"tenant_wide": True}
    count, oldest_at, untried_at = reader.execute(waiting, execution_options=wide).one()
    return Inbox(count, oldest_at, untried_at, reader.execute(dead, execution_options=wide).scalar_one())


def list_dead_events(reader: Reader, most: int) -> list[tuple[str, str, str, datetime]]:
    """Return the newest `most` dead letters: merchant, event, fault, and when it became one."""
    event = ProviderEvent
    rows = reader.execute(
        sa.select(event.merchant_id, event.event_id, event.fault, event.dead_at)
        .where(event.dead_at.is_not(None))
        .order_by(event.dead_at.desc())
        .limit(most)
        .execution_options(tenant_wide=True)
    )
    return [(row.merchant_id, row.event_id, row.fault or "", row.dead_at) for row in rows]
