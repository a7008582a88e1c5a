"""When a customer first said something about paying an invoice, from which the last day that it may name is counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Day

revision = "2026_12_01_promise_limits"
down_revision = "2026_12_01_privacy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promises", sa.Column("first_on", Day(), nullable=True))


def downgrade() -> None:
    op.drop_column("promises", "first_on")
