"""The wider network from which a session began, for the customer's list of its sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id

revision = "2026_12_01_session_networks"
down_revision = "2026_12_01_unreached_invoices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sign_in_sessions", sa.Column("network", Id, nullable=True))


def downgrade() -> None:
    op.drop_column("sign_in_sessions", "network")
