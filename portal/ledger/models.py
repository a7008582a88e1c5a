"""Tables of the ledger. Triggers of the database refuse a change, a deletion, and a transaction that does not sum to zero."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Digest, Id, Instant, Minor


class LedgerTransaction(Base):
    """Something that happened once, as entries that sum to zero in each currency.

    `kind` and `source` identify it ("payment_captured", "pay_…"): the unique index admits each of them once, however often it is
    retried. Written after its entries, which it closes. `digest` is over itself and its entries (`rules.digest_of`).
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Id)
    source: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Instant)
    entry_count: Mapped[int] = mapped_column(Count)
    digest: Mapped[bytes] = mapped_column(Digest)


class LedgerEntry(Base):
    """One line of a transaction: `amount` minor units of `currency`, debit positive, credit negative.

    `account` is one of those in the check below; customer, invoice, payment and gateway are its objects, null where there is
    none.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        # Deferred: a transaction is written after its entries, and what is left without one fails at the commit.
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"],
            ["ledger_transactions.merchant_id", "ledger_transactions.id"],
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        sa.Index("ix_ledger_entries_of_customer", "merchant_id", "customer_id", "account", "currency"),
        sa.Index("ix_ledger_entries_merchant_id_invoice_id", "merchant_id", "invoice_id"),
        sa.Index("ix_ledger_entries_merchant_id_payment_id", "merchant_id", "payment_id"),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
        sa.CheckConstraint(
            "account in ('receivable', 'gateway', 'credit', 'refunds', 'refunds_in_transit', 'sales', 'exchange', 'opening')",
            name="account_known",
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    transaction_id: Mapped[str] = mapped_column(Id, primary_key=True)
    position: Mapped[int] = mapped_column(Count, primary_key=True)
    account: Mapped[str] = mapped_column(Id)
    amount: Mapped[int] = mapped_column(Minor)
    currency: Mapped[str] = mapped_column(Id)
    customer_id: Mapped[str | None] = mapped_column(Id)
    invoice_id: Mapped[str | None] = mapped_column(Id)
    payment_id: Mapped[str | None] = mapped_column(Id)
    gateway: Mapped[str | None] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(Digest)


class LedgerSeal(Base):
    """A link of one merchant's chain: `digest` is over the link before and the digest of one transaction."""

    __tablename__ = "ledger_seals"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"], ["ledger_transactions.merchant_id", "ledger_transactions.id"]
        ),
        sa.UniqueConstraint("merchant_id", "transaction_id", name="uq_ledger_seals_one_a_transaction"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    sequence: Mapped[int] = mapped_column(Count, primary_key=True)
    transaction_id: Mapped[str] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(Digest)
    sealed_at: Mapped[datetime] = mapped_column(Instant)


class UnsealedTransaction(Base):
    """A transaction that is not sealed yet. Payments add to this queue without waiting for each other; the worker empties it."""

    __tablename__ = "ledger_unsealed"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"], ["ledger_transactions.merchant_id", "ledger_transactions.id"]
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    transaction_id: Mapped[str] = mapped_column(Id, primary_key=True)
