"""Indexes for the lists of a whole merchant, and for the checkouts of a customer that no history shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_29_reads"
down_revision = "2026_11_29_events"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_payments_by_status", "payments", ["merchant_id", "status", "id"]),
    ("ix_invoices_by_status", "invoices", ["merchant_id", "status", "id"]),
    ("ix_refunds_by_status", "refunds", ["merchant_id", "status", "id"]),
)
_HAS_PHONE = sa.text("phone is not null")


def upgrade() -> None:
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)
    op.create_index(
        "ix_payments_unlisted",
        "payments",
        ["merchant_id", "customer_id", "id"],
        sqlite_where=sa.text("listed = 0"),
        postgresql_where=sa.text("not listed"),
    )
    op.create_index(
        "ix_customers_phone",
        "customers",
        ["merchant_id", "phone"],
        sqlite_where=_HAS_PHONE,
        postgresql_where=_HAS_PHONE,
    )


def downgrade() -> None:
    op.drop_index("ix_customers_phone", "customers")
    op.drop_index("ix_payments_unlisted", "payments")
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
