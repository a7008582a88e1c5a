"""Exports of what is held about a customer, and erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Digest, Id, Instant

revision = "2026_12_01_privacy"
down_revision = "2026_12_01_passkeys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("requested_by", Id, nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=True),
        sa.Column("begun_at", Instant(), nullable=True),
        sa.Column("erased_at", Instant(), nullable=True),
        sa.Column("scrubbed_through", Id, nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "customer_id", name=op.f("pk_erasures")),
        _of_customer("erasures"),
        sa.CheckConstraint("(erased_at is null) = (next_try_at is not null)", name=op.f("ck_erasures_due_until_done")),
        sqlite_strict=True,
    )
    _partial_index("ix_erasures_due", "erasures", ["next_try_at"], "next_try_at is not null")
    _partial_index("ix_erasures_done", "erasures", ["erased_at"], "erased_at is not null")
    op.create_table(
        "exports",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("locale", Id, nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=True),
        sa.Column("made_at", Instant(), nullable=True),
        sa.Column("byte_count", Count, nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_exports")),
        _of_customer("exports"),
        sa.CheckConstraint("status in ('requested', 'ready', 'replaced')", name=op.f("ck_exports_status_known")),
        sa.CheckConstraint(
            "(status = 'requested') = (next_try_at is not null)", name=op.f("ck_exports_due_until_made")
        ),
        sqlite_strict=True,
    )
    of_customer = ["merchant_id", "customer_id"]
    _partial_index("uq_exports_requested", "exports", of_customer, "status = 'requested'", unique=True)
    op.create_index("ix_exports_of_customer", "exports", [*of_customer, "id"])
    _partial_index("ix_exports_due", "exports", ["next_try_at"], "next_try_at is not null")
    op.create_table(
        "export_parts",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("export_id", Id, nullable=False),
        sa.Column("position", Count, nullable=False),
        sa.Column("content", Digest, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "export_id", "position", name=op.f("pk_export_parts")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "export_id"],
            ["exports.merchant_id", "exports.id"],
            name=op.f("fk_export_parts_merchant_id_export_id"),
        ),
        sqlite_strict=True,
    )


def downgrade() -> None:
    for table in ("export_parts", "exports", "erasures"):
        op.drop_table(table)


def _of_customer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", "customer_id"],
        ["customers.merchant_id", "customers.id"],
        name=op.f(f"fk_{table}_merchant_id_customer_id"),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
