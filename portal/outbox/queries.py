"""Reads of the outbox: for the operator over all merchants, and whether one message has left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Instant, Reader
from portal.outbox.models import OutboxMessage
from portal.public_ids import first_id
from portal.tenancy import MerchantScope


class OutboxState(NamedTuple):
    """Messages that are not delivered yet and when the first of them was due, how many of them were due before `late_before`,
    how many are dead letters, and how many of these the mail server refused permanently."""

    waiting_count: int
    oldest_due_at: datetime | None
    late_count: int
    dead_count: int
    refused_count: int


def read_outbox(reader: Reader, *, late_before: datetime) -> OutboxState:
    """Return the state of the whole outbox."""
    waiting = sa.and_(OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None))
    late = OutboxMessage.due_at < late_before
    waiting_count, oldest_due_at, late_count = reader.execute(
        sa.select(sa.func.count(), sa.func.min(OutboxMessage.due_at), sa.func.count().filter(late)).where(waiting),
        execution_options={"tenant_wide": True},
    ).one()
    dead_count, refused_count = reader.execute(
        sa.select(sa.func.count(), sa.func.count(OutboxMessage.refused_step)).where(OutboxMessage.dead_at.is_not(None)),
        execution_options={"tenant_wide": True},
    ).one()
    return OutboxState(waiting_count, oldest_due_at, late_count, dead_count, refused_count)


class Refusal(NamedTuple):
    """How many mails the mail server refused permanently at one step with one code, and the last time. `code` is None where the
    server lacks what the mail needs ("smtputf8")."""

    step: str
    code: int | None
    mail_count: int
    last_at: datetime


def list_refusals(reader: Reader, *, since: datetime) -> list[Refusal]:
    """Return the permanent refusals since then by step and code, the most frequent first."""
    mail_count = sa.func.count()
    rows = reader.execute(
        sa.select(
            OutboxMessage.refused_step,
            OutboxMessage.refused_code,
            mail_count,
            sa.func.max(OutboxMessage.dead_at, type_=Instant),
        )
        .where(OutboxMessage.refused_step.is_not(None), OutboxMessage.dead_at >= since)
        .group_by(OutboxMessage.refused_step, OutboxMessage.refused_code)
        .order_by(mail_count.desc(), OutboxMessage.refused_step),
        execution_options={"tenant_wide": True},
    )
    return [
        Refusal(step, code, count, last_at)
        for step, code, count, last_at in rows
        if step is not None and last_at is not None
    ]


def find_delivery(
    reader: Reader, scope: MerchantScope, kind: str, object_id: str, *, queued_at: datetime
) -> str | None:
    """Return what became of the message of this kind about an object that was queued at that instant, which is its event's: "sent",
    "queued" (it may be tried again) or "failed"; None where there is none, or none any more."""
    m = OutboxMessage
    # An id carries the millisecond in which it was made: a short range of the primary key.
    rows = reader.execute(
        sa.select(m.payload, m.done_at, m.dead_at).where(
            m.merchant_id == scope.merchant_id,
            m.id >= first_id("obx", queued_at),
            m.id < first_id("obx", queued_at + timedelta(milliseconds=1)),
            m.kind == kind,
        )
    )
    found = next((row for row in rows if row.payload.get("object") == object_id), None)
    if found is None:
        return None
    return "sent" if found.done_at else "failed" if found.dead_at else "queued"
