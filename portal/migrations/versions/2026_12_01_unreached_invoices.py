"""The invoices that were chosen and that the amount of the choice does not reach, so that Change opens the choice as it was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Text

revision = "2026_12_01_unreached_invoices"
down_revision = "2026_12_01_details"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("unreached_invoices", Text, nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "unreached_invoices")
