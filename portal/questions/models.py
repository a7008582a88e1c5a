"""The table of questions."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant, Text

TOPICS = ("amount", "name_or_address", "already_paid", "other")


class Question(Base):
    """What a customer asked; `object_id` is the invoice or the payment that it is about, null where it is about the account."""

    __tablename__ = "questions"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_questions_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.CheckConstraint("topic in ('amount', 'name_or_address', 'already_paid', 'other')", name="topic_known"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    object_id: Mapped[str | None] = mapped_column(Id)
    topic: Mapped[str] = mapped_column(Id)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
