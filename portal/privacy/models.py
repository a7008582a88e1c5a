"""Tables of exports and erasures. An erasure's row stays when it is done: it names by ids who must not come back."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Digest, Id, Instant


class Erasure(Base):
    """That a customer is to be erased, or was (`erased_at`): then the row is its tombstone, and holds ids and times alone.

    It may be withdrawn, which deletes the row, until it has begun (`begun_at`). `due_at` is when it may begin; `next_try_at` when the
    worker looks at it next, null once it is done. `requested_by` is the type of the actor. What happened to the
    customer from `scrubbed_through` on, an id of an event, may not have been erased yet.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        # Both are scanned by the worker over all merchants.
        sa.Index(
            "ix_erasures_due",
            "next_try_at",
            sqlite_where=sa.text("next_try_at is not null"),
            postgresql_where=sa.text("next_try_at is not null"),
        ),
        sa.Index(
            "ix_erasures_done",
            "erased_at",
            sqlite_where=sa.text("erased_at is not null"),
            postgresql_where=sa.text("erased_at is not null"),
        ),
        sa.CheckConstraint("(erased_at is null) = (next_try_at is not null)", name="due_until_done"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    requested_by: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    next_try_at: Mapped[datetime | None] = mapped_column(Instant)
    begun_at: Mapped[datetime | None] = mapped_column(Instant)
    erased_at: Mapped[datetime | None] = mapped_column(Instant)
    scrubbed_through: Mapped[str | None] = mapped_column(Id)


class Export(Base):
    """A copy of all that is held about a customer, made by the worker: a ZIP in `ExportPart`s, of `byte_count` bytes.

    `person_id` is the person of the account who requested it, null where that was its own address: it holds that person's devices alone, and
    nobody else gets it. `status` is requested, ready, or replaced by a newer one; the bytes of a replaced one are gone. `next_try_at` is when the worker
    makes it, null once it is made. Rows go at `expires_at`; until then they count towards the limit of a day.
    """

    __tablename__ = "exports"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        # Decides that one is made at a time.
        sa.Index(
            "uq_exports_requested",
            "merchant_id",
            "customer_id",
            unique=True,
            sqlite_where=sa.text("status = 'requested'"),
            postgresql_where=sa.text("status = 'requested'"),
        ),
        sa.Index("ix_exports_of_customer", "merchant_id", "customer_id", "id"),
        sa.Index(
            "ix_exports_due",
            "next_try_at",
            sqlite_where=sa.text("next_try_at is not null"),
            postgresql_where=sa.text("next_try_at is not null"),
        ),
        sa.CheckConstraint("status in ('requested', 'ready', 'replaced')", name="status_known"),
        sa.CheckConstraint("(status = 'requested') = (next_try_at is not null)", name="due_until_made"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id)
    locale: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime] = mapped_column(Instant)
    next_try_at: Mapped[datetime | None] = mapped_column(Instant)
    made_at: Mapped[datetime | None] = mapped_column(Instant)
    byte_count: Mapped[int] = mapped_column(Count, default=0)
    expires_at: Mapped[datetime] = mapped_column(Instant)


class ExportPart(Base):
    """A piece of an export's ZIP, at most a quarter of a megabyte, so that neither making nor sending one needs it whole in memory."""

    __tablename__ = "export_parts"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "export_id"], ["exports.merchant_id", "exports.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    export_id: Mapped[str] = mapped_column(Id, primary_key=True)
    position: Mapped[int] = mapped_column(Count, primary_key=True)
    content: Mapped[bytes] = mapped_column(Digest)
