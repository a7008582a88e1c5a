"""Mails about statements: whose statement of which month was announced, and how far a round has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Day, Id, Instant

revision = "2026_12_01_statement_notices"
down_revision = "2026_12_01_mailed_links"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_notices",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("month_on", Day(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "customer_id", "month_on", name=op.f("pk_statement_notices")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_statement_notices_merchant_id_customer_id"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "statement_rounds",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("month_on", Day(), nullable=False),
        sa.Column("last_customer_id", Id, nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "month_on", name=op.f("pk_statement_rounds")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_statement_rounds_merchant_id")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("statement_rounds")
    op.drop_table("statement_notices")
