"""The table of refunds."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Minor, Text


class Refund(Base):
    """A refund of a payment, whole or in part; `id` is our reference at the gateway and its idempotency key.

    `credit_taken` of its `amount` stood to the customer's credit since the payment, and was taken from there.
    `sent_at` is when the gateway was given the order last; null for a refund that was made elsewhere.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        sa.Index("ix_refunds_merchant_id_payment_id", "merchant_id", "payment_id"),
        sa.Index("ix_refunds_by_status", "merchant_id", "status", "id"),
        sa.Index(
            "ix_refunds_to_check",
            "next_check_at",
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        ),
        sa.CheckConstraint("status in ('pending', 'complete', 'failed')", name="status_known"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("credit_taken >= 0 and credit_taken <= amount", name="credit_within_amount"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    payment_id: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id)
    currency: Mapped[str] = mapped_column(Id)
    amount: Mapped[int] = mapped_column(Minor)
    credit_taken: Mapped[int] = mapped_column(Minor, default=0)
    gateway_reference: Mapped[str | None] = mapped_column(Id)
    failure_code: Mapped[str | None] = mapped_column(Id)
    reason: Mapped[str | None] = mapped_column(Text)
    check_count: Mapped[int] = mapped_column(Count, default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    completed_at: Mapped[datetime | None] = mapped_column(Instant)
