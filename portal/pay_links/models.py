"""The table of pay links. What is stored opens nothing: the token is derived (`rules`)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant


class PayLink(Base):
    """The pay link of one invoice. A revoked one stays, so that it is known who paid by it; a new one has another address."""

    __tablename__ = "pay_links"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        sa.Index("ix_pay_links_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index("ix_pay_links_merchant_id_invoice_id", "merchant_id", "invoice_id"),
        # Decides that an invoice has one address at a time, whoever makes it at once.
        sa.Index(
            "uq_pay_links_one_open",
            "merchant_id",
            "invoice_id",
            unique=True,
            sqlite_where=sa.text("revoked_at is null"),
            postgresql_where=sa.text("revoked_at is null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    invoice_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
