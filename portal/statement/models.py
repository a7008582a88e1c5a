"""Tables of the mails about statements. That one is announced once is decided by a primary key here."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Day, Id, Instant


class StatementNotice(Base):
    """That a customer was mailed that the statement of a month is ready; `month_on` is the first day of that month."""

    __tablename__ = "statement_notices"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    month_on: Mapped[date] = mapped_column(Day, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class StatementRound(Base):
    """How far a merchant's customers were looked through for the statements of a month: up to `last_customer_id`, "" before the first;
    all of them once `ended_at` is set. Only a hint of where to go on: what decides is the row of each customer."""

    __tablename__ = "statement_rounds"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    month_on: Mapped[date] = mapped_column(Day, primary_key=True)
    last_customer_id: Mapped[str] = mapped_column(Id)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
