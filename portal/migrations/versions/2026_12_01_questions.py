"""Questions of customers about invoices and payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id, Instant, Text

revision = "2026_12_01_questions"
down_revision = "2026_12_01_documents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("object_id", Id, nullable=True),
        sa.Column("topic", Id, nullable=False),
        sa.Column("text", Text, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_questions")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_questions_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_questions_merchant_id_customer_id"),
        ),
        sa.CheckConstraint(
            "topic in ('amount', 'name_or_address', 'already_paid', 'other')", name=op.f("ck_questions_topic_known")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_questions_merchant_id_customer_id", "questions", ["merchant_id", "customer_id"])


def downgrade() -> None:
    op.drop_table("questions")
