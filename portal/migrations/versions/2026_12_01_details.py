"""What a customer looks after itself: tax numbers, its order number, its timezone; and when it did so last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id, Instant, Json, Text

revision = "2026_12_01_details"
down_revision = "2026_12_01_settings"
branch_labels = None
depends_on = None

_COLUMNS = ("tax_ids", "purchase_order", "timezone", "details_confirmed_at", "details_postponed_at")


def upgrade() -> None:
    op.add_column("customers", sa.Column("tax_ids", Json(), nullable=False, server_default="[]"))
    op.add_column("customers", sa.Column("purchase_order", Text, nullable=True))
    op.add_column("customers", sa.Column("timezone", Id, nullable=True))
    op.add_column("customers", sa.Column("details_confirmed_at", Instant(), nullable=True))
    op.add_column("customers", sa.Column("details_postponed_at", Instant(), nullable=True))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("customers", name)
