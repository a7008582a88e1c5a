"""When a payment was sent to its gateway last: it is resent, or ends as never sent, by that instant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Instant

revision = "2026_11_30_sending"
down_revision = "2026_11_30_import_runs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("last_sent_at", Instant(), nullable=True))
    # A payment under way may have been resent whenever it was looked up. Until now it was confirmed and sent in one step.
    op.execute(
        "update payments set last_sent_at = coalesce(checked_at, sent_at)"
        " where status in ('processing', 'requires_action', 'pending') and sent_at is not null"
    )


def downgrade() -> None:
    op.drop_column("payments", "last_sent_at")
