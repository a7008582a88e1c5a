"""Tables of payments. The unique indexes here decide what locks only hint at: one active attempt an invoice and slot,
one charge a reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Flag, Id, Instant, Json, Minor, Text, constraint_of


class Payment(Base):
    """One payment, from the checkout on. `id` is our reference at the gateway and its idempotency key.

    `amount` and `amount_refunded` are minor units of `currency`. `method_*` is what was used, as it was then.
    `description` is the first invoice's title, `note` its number, `more_count` how many further invoices it pays: a list
    needs no second query for them.
    `confirmed_at` is when the customer pressed Pay. `sent_at` is when a process first set out to send it to the gateway, null while
    none has; `last_sent_at` when one did so last.
    `stop_requested_at` is when somebody wanted it stopped that waits at its gateway, and `stop_requested_by` who (the fields of an Actor);
    `stop_requested_at` is null again once the gateway has answered.
    `next_check_at` is when the worker sends it or looks it up next; null when nothing is unknown;
    `checked_at` is when it was looked up last.
    `return_url` is the payment's own page, absolute, where the gateway sends the customer back to; `action_url` is the
    gateway's page where the customer goes on.
    `amount` is all that is paid, `credit_amount` the part of it that the customer's credit pays; the method pays the rest,
    `charge_amount`. `credit_granted` is the part of the charge that became the customer's credit, because no invoice took it, and
    was not refunded since.
    `kind` (invoice, or top_up: to the customer's credit), `use_credit` (credit pays first), `split_of` (the first of two payments
    of the same invoices), `amount_choice`, `way`, `payment_method_id`, `save_method`, `channel`, `phone` and `unreached_invoices` hold what
    the customer chose; `rules.choices` reads them. `amount_choice` and `way` are null for what was not chosen here, such as an imported payment.
    `unreached_invoices` are ids, joined by spaces, of the invoices that were chosen too and of which this amount pays nothing; the
    payment's shares name the others.
    `gateway` is null where credit alone pays. A top-up has no `description`: it is named where it is shown, in the reader's language.
    `pay_link_id` is the pay link by which somebody pays without signing in; null for the customer, and whatever else makes payments.
    Its `return_url` is stored without the link's token (`portal.pay_links.rules.with_token`).
    `listed` is false for a checkout that was superseded or cancelled before it was confirmed, and for one by a pay link until then.
    """

    __tablename__ = "payments"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_method_id"], ["payment_methods.merchant_id", "payment_methods.id"]
        ),
        sa.Index(
            "ix_payments_history",
            "merchant_id",
            "customer_id",
            "id",
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        ),
        sa.Index(
            "ix_payments_history_by_status",
            "merchant_id",
            "customer_id",
            "status",
            "id",
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        ),
        # For the filters of the history: each combination of them is a few ranges of these two, each in the order of ids.
        sa.Index(
            "ix_payments_history_by_method",
            "merchant_id",
            "customer_id",
            "method_type",
            "currency",
            "id",
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        ),
        sa.Index(
            "ix_payments_history_by_status_and_method",
            "merchant_id",
            "customer_id",
            "status",
            "method_type",
            "currency",
            "id",
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        ),
        # For a merchant's reads of payments that no history shows; with one index over all, the planner would choose it for the history.
        sa.Index(
            "ix_payments_unlisted",
            "merchant_id",
            "customer_id",
            "id",
            sqlite_where=sa.text("listed = 0"),
            postgresql_where=sa.text("not listed"),
        ),
        sa.Index("ix_payments_by_status", "merchant_id", "status", "id"),
        sa.Index("uq_payments_gateway_reference", "merchant_id", "gateway", "gateway_reference", unique=True),
        sa.Index("ix_payments_merchant_id_payment_method_id", "merchant_id", "payment_method_id"),
        # Scanned by time over all merchants by the worker.
        sa.Index(
            "ix_payments_to_check",
            "next_check_at",
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        ),
        sa.Index(
            "ix_payments_unconfirmed",
            "expires_at",
            sqlite_where=sa.text("status = 'incomplete'"),
            postgresql_where=sa.text("status = 'incomplete'"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'processing', 'requires_action', 'incomplete', 'complete', 'failed', 'canceled', 'rejected',"
            " 'abandoned', 'expired', 'partially_refunded', 'refunded')",
            name="status_known",
        ),
        sa.Index(
            "ix_payments_split",
            "merchant_id",
            "split_of",
            sqlite_where=sa.text("split_of is not null"),
            postgresql_where=sa.text("split_of is not null"),
        ),
        # Counts recent prompts to a telephone, by any customer.
        sa.Index(
            "ix_payments_prompts",
            "merchant_id",
            "phone",
            "id",
            sqlite_where=sa.text("phone is not null"),
            postgresql_where=sa.text("phone is not null"),
        ),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("amount_refunded >= 0 and amount_refunded <= amount", name="refunded_within_captured"),
        sa.CheckConstraint(
            "credit_amount >= 0 and credit_amount <= amount and amount_refunded <= amount - credit_amount",
            name="refunded_within_charged",
        ),
        # Decides that money becomes credit or is refunded, and never both.
        sa.CheckConstraint(
            "credit_granted >= 0 and amount_refunded + credit_granted <= amount - credit_amount", name="given_once"
        ),
        sa.CheckConstraint("kind in ('invoice', 'top_up')", name="kind_known"),
        sa.CheckConstraint(
            "amount_choice is null or amount_choice in ('full', 'deposit', 'preset', 'exact', 'first_part')",
            name="amount_choice_known",
        ),
        # Who pays by a pay link uses nothing that is the customer's, and saves nothing.
        sa.CheckConstraint(
            "pay_link_id is null or (kind = 'invoice' and payment_method_id is null and not save_method and not use_credit"
            " and credit_amount = 0 and split_of is null)",
            name="pay_link_uses_nothing",
        ),
        sa.Index(
            "ix_payments_of_pay_link",
            "merchant_id",
            "pay_link_id",
            "id",
            sqlite_where=sa.text("pay_link_id is not null"),
            postgresql_where=sa.text("pay_link_id is not null"),
        ),
        # Credit alone pays where it pays all, and only then is there no gateway.
        sa.CheckConstraint(
            "(way is null and gateway is not null)"
            " or (way is not null and amount_choice is not null"
            " and (way = 'credit') = (gateway is null) and (way = 'credit') = (credit_amount = amount)"
            " and (way in ('new_method', 'credit') or (way = 'saved_method' and payment_method_id is not null)"
            " or (way = 'prompt' and channel is not null and phone is not null)))",
            name="way_whole",
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id, active_history=True)
    currency: Mapped[str] = mapped_column(Id)
    amount: Mapped[int] = mapped_column(Minor)
    amount_refunded: Mapped[int] = mapped_column(Minor, default=0)
    description: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    more_count: Mapped[int] = mapped_column(Count, default=0)
    reference: Mapped[str | None] = mapped_column(Id)
    gateway: Mapped[str | None] = mapped_column(Id)
    gateway_reference: Mapped[str | None] = mapped_column(Id)
    gateway_page_reference: Mapped[str | None] = mapped_column(Id)
    payment_method_id: Mapped[str | None] = mapped_column(Id)
    method_type: Mapped[str | None] = mapped_column(Id, active_history=True)
    method_brand: Mapped[str | None] = mapped_column(Id)
    method_last4: Mapped[str | None] = mapped_column(Id)
    save_method: Mapped[bool] = mapped_column(Flag, default=False)
    kind: Mapped[str] = mapped_column(Id, default="invoice")
    credit_amount: Mapped[int] = mapped_column(Minor, default=0)
    credit_granted: Mapped[int] = mapped_column(Minor, default=0)
    use_credit: Mapped[bool] = mapped_column(Flag, default=False)
    split_of: Mapped[str | None] = mapped_column(Id)
    amount_choice: Mapped[str | None] = mapped_column(Id)
    way: Mapped[str | None] = mapped_column(Id)
    unreached_invoices: Mapped[str | None] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(Id)
    phone: Mapped[str | None] = mapped_column(Id)
    pay_link_id: Mapped[str | None] = mapped_column(Id)
    locale: Mapped[str | None] = mapped_column(Id)
    return_url: Mapped[str | None] = mapped_column(Text)
    action_url: Mapped[str | None] = mapped_column(Text)
    failure_code: Mapped[str | None] = mapped_column(Id)
    failure_message: Mapped[str | None] = mapped_column(Text)
    listed: Mapped[bool] = mapped_column(Flag, default=True, active_history=True)
    version: Mapped[int] = mapped_column(Count, default=1)
    check_count: Mapped[int] = mapped_column(Count, default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(Instant)
    checked_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    opened_at: Mapped[datetime | None] = mapped_column(Instant)
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    last_sent_at: Mapped[datetime | None] = mapped_column(Instant)
    stop_requested_at: Mapped[datetime | None] = mapped_column(Instant)
    stop_requested_by: Mapped[dict[str, Any] | None] = mapped_column(Json)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    completed_at: Mapped[datetime | None] = mapped_column(Instant)

    @property
    def charge_amount(self) -> int:
        """What the method pays, in minor units: all but the part that credit pays. This is the amount that the gateway charges."""
        return self.amount - self.credit_amount


class PaymentAllocation(Base):
    """The share of an invoice in a payment, in minor units of its currency.

    `price` is what is paid for it in the payment's currency, where the merchant prices the invoice in a currency other than its
    own; null where the two are the same.
    `proposed` before the confirmation, `active` while it holds its share of the invoice, then `settled` or `released`.
    """

    __tablename__ = "payment_allocations"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "invoice_id"], ["invoices.merchant_id", "invoices.id"]),
        sa.Index("ix_payment_allocations_merchant_id_invoice_id", "merchant_id", "invoice_id"),
        # Decides (threats, rule 18; threats 68) that of all attempts at an invoice one is active in a slot.
        sa.Index(
            "uq_payment_allocations_one_active_attempt",
            "merchant_id",
            "invoice_id",
            "slot",
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        ),
        sa.CheckConstraint("state in ('proposed', 'active', 'settled', 'released')", name="state_known"),
        sa.CheckConstraint("slot in (1, 2)", name="slot_known"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    payment_id: Mapped[str] = mapped_column(Id, primary_key=True)
    invoice_id: Mapped[str] = mapped_column(Id, primary_key=True)
    slot: Mapped[int] = mapped_column(Count, default=1)
    state: Mapped[str] = mapped_column(Id)
    amount: Mapped[int] = mapped_column(Minor)
    invoice_version: Mapped[int] = mapped_column(Count)
    price: Mapped[int | None] = mapped_column(Minor)


class PaymentCount(Base):
    """How many listed payments a customer has of one status, method and currency; `method_type` is "" where none is known.

    Derived from the payments, and kept by `operations.derived` in the transaction that changes them.
    """

    __tablename__ = "payment_counts"
    __table_args__ = (STRICT,)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    status: Mapped[str] = mapped_column(Id, primary_key=True)
    method_type: Mapped[str] = mapped_column(Id, primary_key=True)
    currency: Mapped[str] = mapped_column(Id, primary_key=True)
    payment_count: Mapped[int] = mapped_column(Count)


class PaymentSearchTerm(Base):
    """A term by which a customer finds a payment (`rules.search`). The key is the whole row, in the order in which it is read: the
    payments of one term are a range of it, by id.

    Derived from the payments, and kept by `operations.derived`; what an erasure takes away is one customer's range. No foreign key: a
    payment has twenty rows or more, and a row that leads to no payment of the customer finds nothing.
    """

    __tablename__ = "payment_search_terms"
    __table_args__ = ({**STRICT, "sqlite_with_rowid": False},)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    term: Mapped[str] = mapped_column(Id, primary_key=True)
    payment_id: Mapped[str] = mapped_column(Id, primary_key=True)


def is_second_attempt(fault: IntegrityError) -> bool:
    """Return whether a row violated the index of one active attempt an invoice and slot; SQLite names its columns only."""
    broken = constraint_of(fault)
    return "uq_payment_allocations_one_active_attempt" in broken or "payment_allocations.slot" in broken
