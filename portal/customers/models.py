"""The table of customers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Flag, Id, Instant, Json, Text


class Customer(Base):
    """A person or business that pays one merchant. Deleting is soft: `deleted_at`; its payments and invoices stay.

    `email_key` is the address as it is compared (see `customers.rules.profiles.email_key`); mail goes to `email` alone.
    """

    __tablename__ = "customers"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.CheckConstraint("type in ('individual', 'business')", name="type_known"),
        sa.Index("uq_customers_merchant_id_reference", "merchant_id", "reference", unique=True),
        sa.Index("ix_customers_merchant_id_email_key", "merchant_id", "email_key"),
        sa.Index(
            "ix_customers_phone",
            "merchant_id",
            "phone",
            sqlite_where=sa.text("phone is not null"),
            postgresql_where=sa.text("phone is not null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    reference: Mapped[str | None] = mapped_column(Id)
    type: Mapped[str] = mapped_column(Id, default="individual")
    name: Mapped[str | None] = mapped_column(Text)
    company_name: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    email_key: Mapped[str | None] = mapped_column(Id)
    # Another address that the customer wrote and has not proved yet.
    email_pending: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Id)
    locale: Mapped[str | None] = mapped_column(Id)
    billing_address: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    shipping_address: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    tax_ids: Mapped[list[dict[str, str]]] = mapped_column(Json, default=list)
    purchase_order: Mapped[str | None] = mapped_column(Text)
    timezone: Mapped[str | None] = mapped_column(Id)
    fields: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # "metadata" is taken by SQLAlchemy on the class; the column has the field's own name.
    custom_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", Json, default=dict)
    blocked: Mapped[bool] = mapped_column(Flag, default=False)
    # When the customer saved or confirmed its details last, and when it was asked for them last and put it off.
    details_confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    details_postponed_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
