"""Tables of papers: each as it was issued, the brands that they wear, and merchants' own PDFs of invoices."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Digest, Id, Instant, Text


class DocumentBrand(Base):
    """How a merchant's papers looked at some time: `content` is a `PaperBrand` as JSON, packed; `digest` its SHA-256. Never changed."""

    __tablename__ = "document_brands"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    digest: Mapped[str] = mapped_column(Id, primary_key=True)
    content: Mapped[bytes] = mapped_column(Digest)
    created_at: Mapped[datetime] = mapped_column(Instant)


class IssuedDocument(Base):
    """A paper as it was issued: of an invoice, a credit note or a payment (`object_id`). Never changed.

    `content` is a `Paper` as JSON, packed, with every word and figure; `made_at` the time that its PDF bears. `digest` names all that
    decides about the bytes of the PDF but typst and the fonts. `uncovered` are the characters that no shipped font has, mostly none.
    """

    __tablename__ = "issued_documents"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "brand"], ["document_brands.merchant_id", "document_brands.digest"]),
        sa.CheckConstraint("kind in ('invoice', 'receipt', 'credit_note')", name="kind_known"),
        sa.Index("ix_issued_documents_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index("ix_issued_documents_merchant_id_brand", "merchant_id", "brand"),
        sa.Index(
            "ix_issued_documents_uncovered",
            "merchant_id",
            "object_id",
            sqlite_where=sa.text("uncovered <> ''"),
            postgresql_where=sa.text("uncovered <> ''"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    object_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Id)
    locale: Mapped[str] = mapped_column(Id)
    layout: Mapped[int] = mapped_column(Count)
    brand: Mapped[str] = mapped_column(Id)
    content: Mapped[bytes] = mapped_column(Digest)
    digest: Mapped[str] = mapped_column(Id)
    uncovered: Mapped[str] = mapped_column(Text, default="")
    made_at: Mapped[datetime] = mapped_column(Instant)


class AttachedDocument(Base):
    """A merchant's own PDF of an invoice, which is served in place of ours, as a download only."""

    __tablename__ = "attached_documents"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    invoice_id: Mapped[str] = mapped_column(Id, primary_key=True)
    content: Mapped[bytes] = mapped_column(Digest)
    digest: Mapped[str] = mapped_column(Id)
    attached_at: Mapped[datetime] = mapped_column(Instant)
