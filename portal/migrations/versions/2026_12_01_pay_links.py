"""Pay links: one invoice is paid without signing in, by who has its address; and which payment was made by which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id, Instant

revision = "2026_12_01_pay_links"
down_revision = "2026_12_01_promises"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pay_links",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_pay_links")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_pay_links_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_pay_links_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_pay_links_merchant_id_invoice_id"),
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_pay_links_merchant_id_customer_id", "pay_links", ["merchant_id", "customer_id"])
    op.create_index("ix_pay_links_merchant_id_invoice_id", "pay_links", ["merchant_id", "invoice_id"])
    standing = sa.text("revoked_at is null")
    op.create_index(
        "uq_pay_links_one_open",
        "pay_links",
        ["merchant_id", "invoice_id"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    uses_nothing = sa.CheckConstraint(
        "pay_link_id is null or (kind = 'invoice' and payment_method_id is null and not save_method and not use_credit"
        " and credit_amount = 0 and split_of is null)",
        name=op.f("ck_payments_pay_link_uses_nothing"),
    )
    op.add_column("payments", sa.Column("pay_link_id", Id, uses_nothing, nullable=True))
    only = sa.text("pay_link_id is not null")
    op.create_index(
        "ix_payments_of_pay_link",
        "payments",
        ["merchant_id", "pay_link_id", "id"],
        sqlite_where=only,
        postgresql_where=only,
    )


def downgrade() -> None:
    op.drop_index("ix_payments_of_pay_link", "payments")
    op.drop_column("payments", "pay_link_id")
    op.drop_table("pay_links")
