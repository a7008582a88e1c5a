"""The table of persons."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant, Text


class Person(Base):
    """Somebody who may sign in to a customer's account with a mailbox of its own. The account's own mail address has no row: it is always an owner.

    `email_key` is the address as it is compared, mail goes to `email` alone. `invited_at` is when the invitation was sent last, `joined_at` the
    first sign-in, `invited_by` the person who invited (None: the account's own address). The index lets an address be on an
    account once; a removed person stays as a row, which events name. `declined_at` is when whoever was invited declined, which removes the person too.
    """

    __tablename__ = "persons"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.CheckConstraint("role in ('owner', 'payer', 'viewer')", name="role_known"),
        sa.Index("ix_persons_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index(
            "uq_persons_live", "merchant_id", "customer_id", "email_key", unique=True,
            sqlite_where=sa.text("removed_at is null"), postgresql_where=sa.text("removed_at is null"),
        ),
        sa.Index(
            "ix_persons_email_key", "merchant_id", "email_key",
            sqlite_where=sa.text("removed_at is null"), postgresql_where=sa.text("removed_at is null"),
        ),
        STRICT,
    )  # fmt: skip

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Id)
    name: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Id)
    invited_by: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    invited_at: Mapped[datetime] = mapped_column(Instant)
    role_changed_at: Mapped[datetime | None] = mapped_column(Instant)
    joined_at: Mapped[datetime | None] = mapped_column(Instant)
    signed_in_at: Mapped[datetime | None] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_at: Mapped[datetime | None] = mapped_column(Instant)
