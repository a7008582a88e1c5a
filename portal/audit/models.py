"""The table of the audit log; triggers of the database refuse to change or delete a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant, Json

ABOUT_MERGES = "action in ('customer.email_changed', 'customer.email_change_undone', 'customer.merge_dismissed')"
"""The entries that say who proved an address that others have, and which of these pairs are two customers. They are few and have an index."""


class AuditEntry(Base):
    """One event: who did what to which object, and when. Its id is the event's. Holds ids, never names, addresses or secrets."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.Index("ix_audit_entries_of_customer", "merchant_id", "customer_id", "id"),
        sa.Index(
            "ix_audit_entries_about_merges",
            "merchant_id",
            "id",
            sqlite_where=sa.text(ABOUT_MERGES),
            postgresql_where=sa.text(ABOUT_MERGES),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor_type: Mapped[str] = mapped_column(Id)
    actor_id: Mapped[str] = mapped_column(Id)
    actor_person: Mapped[str | None] = mapped_column(Id)
    request_id: Mapped[str | None] = mapped_column(Id)
    customer_id: Mapped[str | None] = mapped_column(Id)
    action: Mapped[str] = mapped_column(Id)
    object_id: Mapped[str | None] = mapped_column(Id)
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
