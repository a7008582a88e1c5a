"""What customers say about paying an invoice elsewhere or later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Day, Id, Instant

revision = "2026_12_01_promises"
down_revision = "2026_12_01_history"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promises",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("pay_on", Day(), nullable=True),
        sa.Column("held_until", Day(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "invoice_id", name=op.f("pk_promises")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            ondelete="CASCADE",
            name=op.f("fk_promises_merchant_id_invoice_id"),
        ),
        sa.CheckConstraint("kind in ('transfer', 'day')", name=op.f("ck_promises_kind_known")),
        sa.CheckConstraint("(kind = 'day') = (pay_on is not null)", name=op.f("ck_promises_day_named")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("promises")
