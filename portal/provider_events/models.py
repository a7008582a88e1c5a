"""The inbox of gateways' events."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant


class ProviderEvent(Base):
    """An event as its gateway named it, stored once. It is a hint: what is true is asked of the gateway."""

    __tablename__ = "provider_events"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.Index(
            "ix_provider_events_to_handle",
            "received_at",
            sqlite_where=sa.text("handled_at is null"),
            postgresql_where=sa.text("handled_at is null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(Id)
    reference: Mapped[str | None] = mapped_column(Id)
    received_at: Mapped[datetime] = mapped_column(Instant)
    handled_at: Mapped[datetime | None] = mapped_column(Instant)
