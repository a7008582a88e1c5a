"""Papers as they were issued, the brands that they wear, and merchants' own PDFs of invoices.

What was issued before, or elsewhere, gets its paper at the first download: no migration can read themes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import STRICT, Count, Digest, Id, Instant, Text

revision = "2026_12_01_documents"
down_revision = "2026_12_01_stop_requests"
branch_labels = None
depends_on = None

_IS_UNCOVERED = sa.text("uncovered <> ''")


def upgrade() -> None:
    op.create_table(
        "document_brands",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("digest", Id, nullable=False),
        sa.Column("content", Digest, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_document_brands_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "digest", name=op.f("pk_document_brands")),
        **STRICT,
    )
    op.create_table(
        "issued_documents",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("object_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("locale", Id, nullable=False),
        sa.Column("layout", Count, nullable=False),
        sa.Column("brand", Id, nullable=False),
        sa.Column("content", Digest, nullable=False),
        sa.Column("digest", Id, nullable=False),
        sa.Column("uncovered", Text, nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "kind in ('invoice', 'receipt', 'credit_note')", name=op.f("ck_issued_documents_kind_known")
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_issued_documents_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_issued_documents_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "brand"],
            ["document_brands.merchant_id", "document_brands.digest"],
            name=op.f("fk_issued_documents_merchant_id_brand"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "object_id", name=op.f("pk_issued_documents")),
        **STRICT,
    )
    op.create_index("ix_issued_documents_merchant_id_customer_id", "issued_documents", ["merchant_id", "customer_id"])
    op.create_index("ix_issued_documents_merchant_id_brand", "issued_documents", ["merchant_id", "brand"])
    op.create_index(
        "ix_issued_documents_uncovered",
        "issued_documents",
        ["merchant_id", "object_id"],
        sqlite_where=_IS_UNCOVERED,
        postgresql_where=_IS_UNCOVERED,
    )
    op.create_table(
        "attached_documents",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("content", Digest, nullable=False),
        sa.Column("digest", Id, nullable=False),
        sa.Column("attached_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_attached_documents_merchant_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "invoice_id", name=op.f("pk_attached_documents")),
        **STRICT,
    )


def downgrade() -> None:
    op.drop_table("attached_documents")
    op.drop_table("issued_documents")
    op.drop_table("document_brands")
