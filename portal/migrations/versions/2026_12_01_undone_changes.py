"""From when on an undone change of address ends what was done, and which person changed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id, Instant

revision = "2026_12_01_undone_changes"
down_revision = "2026_12_01_statement_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("email_changes", sa.Column("person_id", Id, nullable=True))
    op.add_column("email_changes", sa.Column("since_at", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("email_changes", "since_at")
    op.drop_column("email_changes", "person_id")
