"""The table of customers' credit. Its checks decide that credit is never spent twice and never negative."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Id, Instant, Minor


class CustomerBalance(Base):
    """A customer's credit in one currency, in minor units; `amount_reserved` of it is held by payments in progress.

    It equals the customer's balance of the ledger's account `credit`, which `portal doctor --ledger` verifies.
    """

    __tablename__ = "customer_balances"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.CheckConstraint("amount >= 0 and amount_reserved >= 0", name="amounts_not_negative"),
        sa.CheckConstraint("amount_reserved <= amount", name="never_beyond_amount"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    currency: Mapped[str] = mapped_column(Id, primary_key=True)
    amount: Mapped[int] = mapped_column(Minor, default=0)
    amount_reserved: Mapped[int] = mapped_column(Minor, default=0)
    updated_at: Mapped[datetime] = mapped_column(Instant)
