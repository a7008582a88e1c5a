"""An index of the few audit entries that proposed merges of customers are read from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_01_merge_proposals"
down_revision = "2026_12_01_exports_of_persons"
branch_labels = None
depends_on = None

_ABOUT_MERGES = "action in ('customer.email_changed', 'customer.email_change_undone', 'customer.merge_dismissed')"


def upgrade() -> None:
    op.create_index(
        "ix_audit_entries_about_merges",
        "audit_entries",
        ["merchant_id", "id"],
        sqlite_where=sa.text(_ABOUT_MERGES),
        postgresql_where=sa.text(_ABOUT_MERGES),
    )


def downgrade() -> None:
    op.drop_index("ix_audit_entries_about_merges", "audit_entries")
