"""The table of saved payment methods."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Flag, Id, Instant, Text

_ACTIVE_DEFAULT = sa.text("is_default and status = 'active'")
_ACTIVE_DEFAULT_SQLITE = sa.text("is_default = 1 and status = 'active'")


class PaymentMethod(Base):
    """A saved method: the gateway's token and what may be shown of it. The number itself never reaches us."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.CheckConstraint("type in ('card', 'mobile_money', 'bank_account', 'other')", name="type_known"),
        sa.CheckConstraint("status in ('active', 'expired', 'removed')", name="status_known"),
        sa.Index("ix_payment_methods_of_customer", "merchant_id", "customer_id", "id"),
        # The same card twice is one method; a customer has one default.
        sa.Index(
            "uq_payment_methods_fingerprint",
            "merchant_id",
            "customer_id",
            "gateway",
            "fingerprint",
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        ),
        sa.Index(
            "uq_payment_methods_default",
            "merchant_id",
            "customer_id",
            unique=True,
            sqlite_where=_ACTIVE_DEFAULT_SQLITE,
            postgresql_where=_ACTIVE_DEFAULT,
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    gateway: Mapped[str] = mapped_column(Id)
    token: Mapped[str] = mapped_column(Id)
    fingerprint: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(Id)
    brand: Mapped[str | None] = mapped_column(Id)
    last4: Mapped[str | None] = mapped_column(Id)
    exp_month: Mapped[int | None] = mapped_column(Count)
    exp_year: Mapped[int | None] = mapped_column(Count)
    holder: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Id)
    bank_name: Mapped[str | None] = mapped_column(Text)
    nickname: Mapped[str | None] = mapped_column(Text)
    is_default: Mapped[bool] = mapped_column(Flag, default=False)
    status: Mapped[str] = mapped_column(Id, default="active")
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
