"""Notices: reminders of invoices, what customers want to get, copies to other addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Day, Flag, Id, Instant, Text

revision = "2026_12_01_notices"
down_revision = "2026_12_01_pay_links"
branch_labels = None
depends_on = None

_OUTSTANDING = sa.text("status in ('open', 'partially_paid')")


def upgrade() -> None:
    op.create_index(
        "ix_invoices_due",
        "invoices",
        ["merchant_id", "due_on", "id"],
        sqlite_where=_OUTSTANDING,
        postgresql_where=_OUTSTANDING,
    )
    op.create_table(
        "invoice_reminders",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("due_on", Day(), nullable=False),
        sa.Column("days", Count, nullable=False, autoincrement=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "invoice_id", "due_on", "days", name=op.f("pk_invoice_reminders")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_invoice_reminders_merchant_id_invoice_id"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "notice_preferences",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("is_on", Flag, nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "customer_id", "kind", name=op.f("pk_notice_preferences")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_notice_preferences_merchant_id_customer_id"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "notice_copies",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("address", Text, nullable=False),
        sa.Column("address_key", Id, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("agreed_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_notice_copies")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_notice_copies_merchant_id_customer_id"),
        ),
        sqlite_strict=True,
    )
    is_open = sa.text("ended_at is null")
    op.create_index(
        "uq_notice_copies_address",
        "notice_copies",
        ["merchant_id", "customer_id", "address_key"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    op.drop_table("notice_copies")
    op.drop_table("notice_preferences")
    op.drop_table("invoice_reminders")
    op.drop_index("ix_invoices_due", "invoices")
