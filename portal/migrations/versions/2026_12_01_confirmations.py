"""Codes that prove a mailbox to somebody who is signed in, and addresses that were changed and can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import STRICT, Count, Id, Instant, Text

revision = "2026_12_01_confirmations"
down_revision = "2026_12_01_session_networks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("email_pending", Text, nullable=True))
    op.add_column("sign_in_sessions", sa.Column("confirmed_at", Instant(), nullable=True))
    op.create_table(
        "confirmations",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("session_id", Id, nullable=True),
        sa.Column("purpose", Id, nullable=False),
        sa.Column("change_id", Id, nullable=True),
        sa.Column("address", Text, nullable=True),
        sa.Column("locale", Id, nullable=False),
        sa.Column("tries_left", Count, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("mailed_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_confirmations")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_confirmations_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_confirmations_merchant_id_customer_id"),
        ),
        sa.CheckConstraint(
            "purpose in ('identity', 'new_address', 'undo')", name=op.f("ck_confirmations_purpose_known")
        ),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_confirmations_tries_left_not_negative")),
        **STRICT,
    )
    op.create_index("ix_confirmations_merchant_id_customer_id", "confirmations", ["merchant_id", "customer_id"])
    op.create_index(
        "uq_confirmations_open",
        "confirmations",
        ["merchant_id", "customer_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "email_changes",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("old_email", Text, nullable=False),
        sa.Column("new_email", Text, nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("undo_until", Instant(), nullable=False),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_email_changes")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_email_changes_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_email_changes_merchant_id_customer_id"),
        ),
        **STRICT,
    )
    op.create_index("ix_email_changes_merchant_id_customer_id", "email_changes", ["merchant_id", "customer_id"])


def downgrade() -> None:
    op.drop_table("email_changes")
    op.drop_table("confirmations")
    op.drop_column("sign_in_sessions", "confirmed_at")
    op.drop_column("customers", "email_pending")
