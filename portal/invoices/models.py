"""Tables of invoices. The checks here are what decides about money: an invoice is never paid or reserved beyond its total."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Day, Id, Instant, Json, Minor, Text
from portal.invoices.rules import OUTSTANDING

_LITERALS = [f"'{status}'" for status in OUTSTANDING]
_OUTSTANDING = sa.text(f"status in ({', '.join(_LITERALS)})")


class Invoice(Base):
    """An invoice. Amounts are minor units of `currency`.

    What is left to pay is `total - amount_paid - amount_credited`; of it `amount_reserved` is held by payments in progress.
    `amount_mode` is what the customer may pay of it: fixed (all), editable (between `minimum_amount` and `maximum_amount`, with
    `preset_amounts` to choose from), editable_after_insufficient_funds (less, after insufficient funds); null is the
    merchant's default. `deposit_amount` may be paid first. `prices` are what it costs in other currencies, as a whole.
    `bill_to` is the customer's name and address as they were when the invoice was sent.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("uq_invoices_merchant_id_number", "merchant_id", "number", "customer_id", unique=True),
        sa.Index("ix_invoices_of_customer", "merchant_id", "customer_id", "id"),
        sa.Index("ix_invoices_by_status", "merchant_id", "status", "id"),
        # Outstanding and settled invoices are each listed by an index of their own, by due date and by time.
        sa.Index(
            "ix_invoices_outstanding",
            "merchant_id",
            "customer_id",
            "due_on",
            "id",
            sqlite_where=_OUTSTANDING,
            postgresql_where=_OUTSTANDING,
        ),
        # The worker looks for those to remind of by due date, over the merchant's customers.
        sa.Index(
            "ix_invoices_due",
            "merchant_id",
            "due_on",
            "id",
            sqlite_where=_OUTSTANDING,
            postgresql_where=_OUTSTANDING,
        ),
        sa.Index(
            "ix_invoices_paid",
            "merchant_id",
            "customer_id",
            "id",
            sqlite_where=sa.text("status = 'paid'"),
            postgresql_where=sa.text("status = 'paid'"),
        ),
        sa.CheckConstraint(
            "status in ('draft', 'open', 'partially_paid', 'paid', 'void', 'uncollectible')", name="status_known"
        ),
        sa.CheckConstraint(
            "total >= 0 and amount_paid >= 0 and amount_credited >= 0 and amount_reserved >= 0",
            name="amounts_not_negative",
        ),
        sa.CheckConstraint(
            "amount_mode is null or amount_mode in ('fixed', 'editable', 'editable_after_insufficient_funds')",
            name="amount_mode_known",
        ),
        sa.CheckConstraint(
            "(minimum_amount is null or minimum_amount > 0) and (maximum_amount is null or maximum_amount > 0)"
            " and (deposit_amount is null or (deposit_amount > 0 and deposit_amount < total))",
            name="choices_in_range",
        ),
        sa.CheckConstraint("amount_paid + amount_credited + amount_reserved <= total", name="never_beyond_total"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    number: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id)
    currency: Mapped[str] = mapped_column(Id)
    description: Mapped[str] = mapped_column(Text)
    subtotal: Mapped[int] = mapped_column(Minor)
    tax: Mapped[int] = mapped_column(Minor, default=0)
    total: Mapped[int] = mapped_column(Minor)
    amount_paid: Mapped[int] = mapped_column(Minor, default=0)
    amount_credited: Mapped[int] = mapped_column(Minor, default=0)
    amount_reserved: Mapped[int] = mapped_column(Minor, default=0)
    amount_mode: Mapped[str | None] = mapped_column(Id)
    minimum_amount: Mapped[int | None] = mapped_column(Minor)
    maximum_amount: Mapped[int | None] = mapped_column(Minor)
    preset_amounts: Mapped[list[int]] = mapped_column(Json, default=list)
    deposit_amount: Mapped[int | None] = mapped_column(Minor)
    prices: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    issued_on: Mapped[date] = mapped_column(Day)
    due_on: Mapped[date] = mapped_column(Day)
    bill_to: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version: Mapped[int] = mapped_column(Count, default=1)
    import_digest: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    viewed_at: Mapped[datetime | None] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant)

    @property
    def amount_due(self) -> int:
        """What is left to pay, reserved or not."""
        return self.total - self.amount_paid - self.amount_credited


class InvoiceNumber(Base):
    """The last of the numbers that a merchant's invoices got here: they have no gaps, since it is counted with the invoice itself."""

    __tablename__ = "invoice_numbers"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    last: Mapped[int] = mapped_column(Count)


class InvoiceLine(Base):
    """A line of an invoice. `unit_amount_decimal` is in minor units with up to 8 decimals, as the merchant wrote it."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"], ondelete="CASCADE"
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    invoice_id: Mapped[str] = mapped_column(Id, primary_key=True)
    position: Mapped[int] = mapped_column(Count, primary_key=True)
    description: Mapped[str] = mapped_column(Text)
    quantity: Mapped[str] = mapped_column(Id)
    unit_amount_decimal: Mapped[str] = mapped_column(Id)
    tax_rate: Mapped[str | None] = mapped_column(Id)
    amount: Mapped[int] = mapped_column(Minor)


class CreditNote(Base):
    """Money the merchant owes back on paper: a cancellation. `amount` is positive, in minor units.

    With an `invoice_id`, `amount_applied` of it has lowered that invoice; what is not applied is the customer's credit.
    """

    __tablename__ = "credit_notes"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        sa.Index("uq_credit_notes_merchant_id_number", "merchant_id", "number", "customer_id", unique=True),
        sa.Index("ix_credit_notes_of_customer", "merchant_id", "customer_id", "id"),
        # A customer's credit is summed over the few notes that are not fully applied.
        sa.Index(
            "ix_credit_notes_unused",
            "merchant_id",
            "customer_id",
            "currency",
            sqlite_where=sa.text("amount_applied < amount"),
            postgresql_where=sa.text("amount_applied < amount"),
        ),
        sa.Index("ix_credit_notes_merchant_id_invoice_id", "merchant_id", "invoice_id"),
        sa.CheckConstraint("amount > 0 and amount_applied >= 0 and amount_applied <= amount", name="amounts_in_range"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    invoice_id: Mapped[str | None] = mapped_column(Id)
    number: Mapped[str] = mapped_column(Id)
    currency: Mapped[str] = mapped_column(Id)
    description: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(Minor)
    amount_applied: Mapped[int] = mapped_column(Minor, default=0)
    issued_on: Mapped[date] = mapped_column(Day)
    import_digest: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)


def is_outstanding(status: Any) -> sa.ColumnElement[bool]:
    """Return the condition on a column of `Invoice.status` that something is left to pay (`rules.OUTSTANDING`).

    Its statuses are literals: a partial index is chosen only where its condition is in the statement itself.
    """
    condition: sa.ColumnElement[bool] = status.in_([sa.literal_column(literal, Id) for literal in _LITERALS])
    return condition


class Promise(Base):
    """What a customer last said about an invoice: `kind` "transfer" (it was paid by transfer) or "day" (it will be paid on `pay_on`).

    It moves no money and changes no status. No reminder is sent up to and on `held_until`. `first_on` is the merchant's day on which the
    customer first said something; null for what was said before that was noted.
    """

    __tablename__ = "promises"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind in ('transfer', 'day')", name="kind_known"),
        sa.CheckConstraint("(kind = 'day') = (pay_on is not null)", name="day_named"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    invoice_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Id)
    pay_on: Mapped[date | None] = mapped_column(Day)
    held_until: Mapped[date] = mapped_column(Day)
    first_on: Mapped[date | None] = mapped_column(Day)
    made_at: Mapped[datetime] = mapped_column(Instant)
