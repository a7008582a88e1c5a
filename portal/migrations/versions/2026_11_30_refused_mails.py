"""Why a mail server refused a message permanently: the step and the code of its reply."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_refused_mails"
down_revision = "2026_11_30_host_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox_messages", sa.Column("refused_step", sa.Text(), nullable=True))
    op.add_column("outbox_messages", sa.Column("refused_code", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox_messages", "refused_code")
    op.drop_column("outbox_messages", "refused_step")
