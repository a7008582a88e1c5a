"""Tables of the merchant: the tenant itself, its API keys and its accounts at gateways."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Digest, Id, Instant, Json, Text

MODES = ("test", "live")


class Merchant(Base):
    """A tenant: one merchant in one mode. Its slug is the first part of its pages' addresses."""

    __tablename__ = "merchants"
    __table_args__ = (
        sa.CheckConstraint("mode in ('test', 'live')", name="mode_known"),
        sa.CheckConstraint("status in ('active', 'disabled')", name="status_known"),
        sa.UniqueConstraint("slug"),
        STRICT,
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    slug: Mapped[str] = mapped_column(Id)
    mode: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id, default="active")
    name: Mapped[str] = mapped_column(Text)
    legal_name: Mapped[str] = mapped_column(Text)
    address_lines: Mapped[list[str]] = mapped_column(Json, default=list)
    currency: Mapped[str] = mapped_column(Id)
    locale: Mapped[str] = mapped_column(Id)
    timezone: Mapped[str] = mapped_column(Id, default="UTC")
    theme: Mapped[str] = mapped_column(Id)
    support_email: Mapped[str | None] = mapped_column(Text)
    due_days: Mapped[int] = mapped_column(Count, default=30)
    gateway: Mapped[str] = mapped_column(Id)
    # What the settings document says, less its defaults (portal/merchants/rules/merchant_settings.py).
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # Read by releases before settings came; dropped by a later one.
    payment_options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class ApiKey(Base):
    """A key of the merchant API. Only its digest is stored; the key is shown once, when it is created."""

    __tablename__ = "api_keys"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.UniqueConstraint("merchant_id", "digest"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    digest: Mapped[bytes] = mapped_column(Digest)
    shown_prefix: Mapped[str] = mapped_column(Id)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)


class GatewayAccount(Base):
    """A merchant's account at a gateway; its secrets are encrypted by the installation's secret key."""

    __tablename__ = "gateway_accounts"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(Id, primary_key=True)
    secrets: Mapped[bytes] = mapped_column(Digest)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
