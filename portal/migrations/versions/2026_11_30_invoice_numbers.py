"""The merchant's own counter of invoice numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id

revision = "2026_11_30_invoice_numbers"
down_revision = "2026_11_30_joined_sign_in"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoice_numbers",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("last", Count, nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_invoice_numbers_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_invoice_numbers")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("invoice_numbers")
