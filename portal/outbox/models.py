"""The table of the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Json, Text


class OutboxMessage(Base):
    """One thing to do, at least once, with a stable id. `payload` names rows by id and holds no secret.

    `refused_step` and `refused_code` are set of a mail that the mail server refused permanently (`portal.outbox.errors.Refused`).
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        # The worker scans it by time over all merchants.
        sa.Index(
            "ix_outbox_messages_due",
            "due_at",
            sqlite_where=sa.text("done_at is null and dead_at is null"),
            postgresql_where=sa.text("done_at is null and dead_at is null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Id)
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    attempts: Mapped[int] = mapped_column(Count, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    dead_at: Mapped[datetime | None] = mapped_column(Instant)
    last_error: Mapped[str | None] = mapped_column(Text)
    refused_step: Mapped[str | None] = mapped_column(Text)
    refused_code: Mapped[int | None] = mapped_column(Count)
