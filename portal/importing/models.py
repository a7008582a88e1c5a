"""Tables of imports: the runs, and what each of them made, so that it can be undone."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Id, Instant, Text


class ImportRun(Base):
    """A run of `portal import` that made or changed something. Counts are of rows. `finished_at` is null for a run that was killed,
    `undone_at` for one that stands."""

    __tablename__ = "import_runs"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.CheckConstraint("kind in ('customers', 'invoices', 'payments')", name="kind_known"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Id)
    file: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(Count, default=0)
    created: Mapped[int] = mapped_column(Count, default=0)
    updated: Mapped[int] = mapped_column(Count, default=0)
    unchanged: Mapped[int] = mapped_column(Count, default=0)
    rejected: Mapped[int] = mapped_column(Count, default=0)
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_at: Mapped[datetime | None] = mapped_column(Instant)


class ImportedObject(Base):
    """Something that a run made: `object_id` is a customer's, an invoice's, a credit note's or a payment's id. It is deleted when the
    object is undone."""

    __tablename__ = "imported_objects"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "run_id"], ["import_runs.merchant_id", "import_runs.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    run_id: Mapped[str] = mapped_column(Id, primary_key=True)
    object_id: Mapped[str] = mapped_column(Id, primary_key=True)


class ImportedAddress(Base):
    """An email address by which files have named a customer, as a digest (`rules.people.address_digest`).

    A customer's own address may change here while files go on with the earlier one: those rows are not somebody else's, and
    make nobody a second customer.
    """

    __tablename__ = "imported_addresses"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_imported_addresses_merchant_id_customer_id", "merchant_id", "customer_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    email_digest: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
