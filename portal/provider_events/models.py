"""The inbox of gateways' events."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant


class ProviderEvent(Base):
    """An event by the id that its gateway gave it, stored once. It is a hint: the state is looked up at the gateway.

    `reference` is our id of its object, `gateway_reference` the gateway's; null where the event does not contain it. `due_at`
    is when it is handled next; null once it was handled (`handled_at`) or became a dead letter (`dead_at`). `fault` is a code
    for why the last try failed.
    """

    __tablename__ = "provider_events"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        # Both are scanned by time over all merchants, by the worker and for the operator.
        sa.Index(
            "ix_provider_events_due",
            "due_at",
            sqlite_where=sa.text("due_at is not null"),
            postgresql_where=sa.text("due_at is not null"),
        ),
        sa.Index(
            "ix_provider_events_dead",
            "dead_at",
            sqlite_where=sa.text("dead_at is not null"),
            postgresql_where=sa.text("dead_at is not null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(Id)
    reference: Mapped[str | None] = mapped_column(Id)
    gateway_reference: Mapped[str | None] = mapped_column(Id)
    received_at: Mapped[datetime] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(Count, default=0)
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    handled_at: Mapped[datetime | None] = mapped_column(Instant)
    dead_at: Mapped[datetime | None] = mapped_column(Instant)
    fault: Mapped[str | None] = mapped_column(Id)
