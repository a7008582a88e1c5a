"""Who wants a payment stopped, and since when, until the gateway has answered: the worker carries it out where no request can."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Instant, Json

revision = "2026_12_01_stop_requests"
down_revision = "2026_12_01_confirmations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("stop_requested_at", Instant(), nullable=True))
    op.add_column("payments", sa.Column("stop_requested_by", Json(), nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "stop_requested_by")
    op.drop_column("payments", "stop_requested_at")
