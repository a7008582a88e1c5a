"""Tables of reconciliation: how far each merchant's account was compared, and every difference that was found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Json, Minor


class GatewayComparison(Base):
    """A merchant's account at a gateway, and how the last comparison with it went.

    `due_at` is when it is compared next: the worker that moves it forward first does the work. `compared_until` is null before
    the first comparison. `charge_count` charges agreed, `unknown_charge_count` were not created by the portal; `totals` has both
    sides' sums of the portal's charges by currency, {"XAF": {"listed": 5000, "booked": 5000}} in minor units.
    """

    __tablename__ = "gateway_comparisons"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Instant)
    compared_until: Mapped[datetime | None] = mapped_column(Instant)
    charge_count: Mapped[int] = mapped_column(Count, default=0)
    unknown_charge_count: Mapped[int] = mapped_column("stranger_count", Count, key="unknown_charge_count", default=0)
    totals: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class GatewayDifference(Base):
    """A difference between the gateway's list and the ledger; `reference` is the id of the payment.

    `kind` is one of `rules.DifferenceKind`. `listed_…` is the amount on the gateway's list, `booked_…` that in the ledger; null
    where one of them has none. Open until `resolved_at`; one that is found again is open again from then on.
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
