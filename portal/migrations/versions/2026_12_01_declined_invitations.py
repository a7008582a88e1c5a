"""When an invitation to an account was declined."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Instant

revision = "2026_12_01_declined_invitations"
down_revision = "2026_12_01_undone_changes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("persons", sa.Column("declined_at", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("persons", "declined_at")
