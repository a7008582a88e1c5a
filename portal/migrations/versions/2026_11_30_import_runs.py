"""Runs of imports and what they made, so that a run can be listed and undone; and the mail addresses by which files name customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id, Instant, Text

revision = "2026_11_30_import_runs"
down_revision = "2026_11_30_joined_sign_in"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_runs",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("file", Text, nullable=False),
        *(sa.Column(name, Count, nullable=False) for name in ("rows", "created", "updated", "unchanged", "rejected")),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.CheckConstraint("kind in ('customers', 'invoices', 'payments')", name=op.f("ck_import_runs_kind_known")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_import_runs_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_import_runs")),
        sqlite_strict=True,
    )
    op.create_table(
        "imported_objects",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("object_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "run_id"],
            ["import_runs.merchant_id", "import_runs.id"],
            name=op.f("fk_imported_objects_merchant_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "run_id", "object_id", name=op.f("pk_imported_objects")),
        sqlite_strict=True,
    )
    op.create_table(
        "imported_addresses",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("email_digest", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_imported_addresses_merchant_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "email_digest", "customer_id", name=op.f("pk_imported_addresses")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_imported_addresses_merchant_id_customer_id", "imported_addresses", ["merchant_id", "customer_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_imported_addresses_merchant_id_customer_id", "imported_addresses")
    op.drop_table("imported_addresses")
    op.drop_table("imported_objects")
    op.drop_table("import_runs")
