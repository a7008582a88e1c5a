"""The columns that `amount_choice` replaces go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Flag

revision = "2026_11_29_choices_contracted"
down_revision = "2026_11_29_choices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("payments", "is_partial")
    op.drop_column("payments", "splits")


def downgrade() -> None:
    op.add_column("payments", sa.Column("is_partial", Flag(), nullable=False, server_default=sa.false()))
    op.add_column("payments", sa.Column("splits", Flag(), nullable=False, server_default=sa.false()))
