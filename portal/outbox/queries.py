"""Reads of the outbox for the operator, over all merchants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.outbox.models import OutboxMessage


class OutboxState(NamedTuple):
    """Messages that are not delivered yet and when the first of them was due, how many of them were due before `late_before`,
    and how many are dead letters."""

    waiting_count: int
    oldest_due_at: datetime | None
    late_count: int
    dead_count: int


def read_outbox(reader: Reader, *, late_before: datetime) -> OutboxState:
    """Return the state of the whole outbox."""
    waiting = sa.and_(OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None))
    late = OutboxMessage.due_at < late_before
    waiting_count, oldest_due_at, late_count = reader.execute(
        sa.select(sa.func.count(), sa.func.min(OutboxMessage.due_at), sa.func.count().filter(late)).where(waiting),
        execution_options={"tenant_wide": True},
    ).one()
    dead_count = reader.execute(
        sa.select(sa.func.count()).where(OutboxMessage.dead_at.is_not(None)), execution_options={"tenant_wide": True}
    ).scalar_one()
    return OutboxState(waiting_count, oldest_due_at, late_count, dead_count)
