"""The table of public events, as webhooks and the API return them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Json


class EventRecord(Base):
    """A public event with its payload: `data` is `{"object": …, "previous": …}`. Deleted after the operator's retention.

    Its id is that of the audit entry of the same event, which stays.
    """

    __tablename__ = "events"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.Index("ix_events_of_object", "merchant_id", "object_id", "id"),
        sa.Index("ix_events_of_customer", "merchant_id", "customer_id", "id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(Id)
    version: Mapped[int] = mapped_column(Count)
    actor_type: Mapped[str] = mapped_column(Id)
    actor_id: Mapped[str | None] = mapped_column(Id)
    actor_person: Mapped[str | None] = mapped_column(Id)
    request_id: Mapped[str | None] = mapped_column(Id)
    customer_id: Mapped[str | None] = mapped_column(Id)
    object_id: Mapped[str | None] = mapped_column(Id)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Instant)
