"""Tables of notices. That an invoice is reminded of once a day of its reminders is decided by the primary key here."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Day, Flag, Id, Instant, Text


class InvoiceReminder(Base):
    """That an invoice was reminded of. `days` are from `due_on`, below 1 before it; with another due date it is reminded of anew."""

    __tablename__ = "invoice_reminders"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    invoice_id: Mapped[str] = mapped_column(Id, primary_key=True)
    due_on: Mapped[date] = mapped_column(Day, primary_key=True)
    days: Mapped[int] = mapped_column(Count, primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(Instant)


class NoticePreference(Base):
    """What a customer chose about one kind of notice; without a row the merchant's default holds."""

    __tablename__ = "notice_preferences"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Id, primary_key=True)
    is_on: Mapped[bool] = mapped_column(Flag)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class NoticeCopy(Base):
    """Another address that gets copies once whoever holds it agreed (`agreed_at`), until somebody ends it (`ended_at`)."""

    __tablename__ = "notice_copies"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index(
            "uq_notice_copies_address",
            "merchant_id",
            "customer_id",
            "address_key",
            unique=True,
            sqlite_where=sa.text("ended_at is null"),
            postgresql_where=sa.text("ended_at is null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    address: Mapped[str] = mapped_column(Text)
    address_key: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    agreed_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
