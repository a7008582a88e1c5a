"""Tables of the comparison: how far each merchant's account was compared, and every break that was found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Json, Minor


class GatewayComparison(Base):
    """A merchant's account at a gateway, and how the last comparison with it went.

    `due_at` is when it is compared next: who moves it on first does the work. `compared_until` is null while it never was.
    `charge_count` charges were ours and agreed, `stranger_count` were not made by us; `totals` has what both sides say of
    ours by currency, {"XAF": {"listed": 5000, "booked": 5000}} in minor units.
    """

    __tablename__ = "gateway_comparisons"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Instant)
    compared_until: Mapped[datetime | None] = mapped_column(Instant)
    charge_count: Mapped[int] = mapped_column(Count, default=0)
    stranger_count: Mapped[int] = mapped_column(Count, default=0)
    totals: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class GatewayDifference(Base):
    """A break between the gateway's list and the ledger; `reference` is our id of the payment that the charge names.

    `kind` is one of `rules.Kind`. `listed_…` is what the gateway says it took, `booked_…` what the ledger says; null where one
    of them knows of nothing. Open until `resolved_at`; one that comes back is open again from then on.
    """

    __tablename__ = "gateway_differences"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.Index(
            "ix_gateway_differences_open",
            "found_at",
            sqlite_where=sa.text("resolved_at is null"),
            postgresql_where=sa.text("resolved_at is null"),
        ),
        sa.CheckConstraint(
            "kind in ('missing_here', 'missing_there', 'other_amount', 'other_currency')", name="kind_known"
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    reference: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Id)
    gateway_reference: Mapped[str | None] = mapped_column(Id)
    listed_amount: Mapped[int | None] = mapped_column(Minor)
    listed_currency: Mapped[str | None] = mapped_column(Id)
    booked_amount: Mapped[int | None] = mapped_column(Minor)
    booked_currency: Mapped[str | None] = mapped_column(Id)
    found_at: Mapped[datetime] = mapped_column(Instant)
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
