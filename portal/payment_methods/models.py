"""Tables of saved payment methods: the methods, the setups that saved them, and the customer's consents."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Flag, Id, Instant, Text

_ACTIVE_DEFAULT = sa.text("is_default and status = 'active'")
_ACTIVE_DEFAULT_SQLITE = sa.text("is_default = 1 and status = 'active'")
_ACTIVE_EXPIRING = sa.text("exp_year is not null and status = 'active'")


class PaymentMethod(Base):
    """A saved method: the gateway's token and what may be shown of it. The number itself never reaches us.

    `notified_expiry` is the expiry (202604: April of 2026) about which the customer was mailed.
    """

    __tablename__ = "payment_methods"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.CheckConstraint("type in ('card', 'mobile_money', 'bank_account', 'other')", name="type_known"),
        sa.CheckConstraint("status in ('active', 'expired', 'removed')", name="status_known"),
        sa.Index("ix_payment_methods_of_customer", "merchant_id", "customer_id", "id"),
        # The same card twice is one method; a customer has one default.
        sa.Index(
            "uq_payment_methods_fingerprint",
            "merchant_id",
            "customer_id",
            "gateway",
            "fingerprint",
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        ),
        sa.Index(
            "uq_payment_methods_default",
            "merchant_id",
            "customer_id",
            unique=True,
            sqlite_where=_ACTIVE_DEFAULT_SQLITE,
            postgresql_where=_ACTIVE_DEFAULT,
        ),
        # Scanned over all merchants by the worker that mails about expiring methods.
        sa.Index(
            "ix_payment_methods_expiring",
            "exp_year",
            "exp_month",
            sqlite_where=_ACTIVE_EXPIRING,
            postgresql_where=_ACTIVE_EXPIRING,
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    gateway: Mapped[str] = mapped_column(Id)
    token: Mapped[str] = mapped_column(Id)
    fingerprint: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(Id)
    brand: Mapped[str | None] = mapped_column(Id)
    last4: Mapped[str | None] = mapped_column(Id)
    exp_month: Mapped[int | None] = mapped_column(Count)
    exp_year: Mapped[int | None] = mapped_column(Count)
    holder: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Id)
    bank_name: Mapped[str | None] = mapped_column(Text)
    nickname: Mapped[str | None] = mapped_column(Text)
    is_default: Mapped[bool] = mapped_column(Flag, default=False)
    status: Mapped[str] = mapped_column(Id, default="active")
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    notified_expiry: Mapped[int | None] = mapped_column("told_expiry", Count, key="notified_expiry")
    created_at: Mapped[datetime] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class PaymentMethodSetup(Base):
    """One visit to the gateway's page on which a method is entered to be saved; nothing is charged.

    `id` is our reference at the gateway and its idempotency key. `replaces` is the method that the new one replaces,
    `payment_method_id` the new one. `return_url` is the setup's own page, absolute, `action_url` the gateway's page
    where the customer goes on. `next_check_at` is when the worker looks it up again; null when nothing is unknown.
    """

    __tablename__ = "payment_method_setups"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "replaces"], ["payment_methods.merchant_id", "payment_methods.id"]),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_method_id"], ["payment_methods.merchant_id", "payment_methods.id"]
        ),
        sa.CheckConstraint(
            "status in ('processing', 'requires_action', 'pending', 'complete', 'failed', 'canceled', 'expired')",
            name="status_known",
        ),
        sa.Index("ix_payment_method_setups_of_customer", "merchant_id", "customer_id", "id"),
        sa.Index("ix_payment_method_setups_merchant_id_replaces", "merchant_id", "replaces"),
        sa.Index("ix_payment_method_setups_merchant_id_payment_method_id", "merchant_id", "payment_method_id"),
        # Scanned by time over all merchants by the worker.
        sa.Index(
            "ix_payment_method_setups_to_check",
            "next_check_at",
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    gateway: Mapped[str] = mapped_column(Id)
    gateway_page_reference: Mapped[str | None] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Id)
    nickname: Mapped[str | None] = mapped_column(Text)
    make_default: Mapped[bool] = mapped_column(Flag, default=False)
    replaces: Mapped[str | None] = mapped_column(Id)
    payment_method_id: Mapped[str | None] = mapped_column(Id)
    locale: Mapped[str] = mapped_column(Id)
    return_url: Mapped[str] = mapped_column(Text)
    action_url: Mapped[str | None] = mapped_column(Text)
    failure_code: Mapped[str | None] = mapped_column(Id)
    check_count: Mapped[int] = mapped_column(Count, default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(Instant)
    checked_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    completed_at: Mapped[datetime | None] = mapped_column(Instant)


class PaymentMethodConsent(Base):
    """A customer's consent to save a method: when, from where, and to which wording; never changed afterwards except for
    `payment_method_id`, which is set when the method is saved. `person_id` is the person of the account who gave it, None for its own
    address."""

    __tablename__ = "payment_method_consents"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        sa.ForeignKeyConstraint(
            ["merchant_id", "setup_id"], ["payment_method_setups.merchant_id", "payment_method_setups.id"]
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_method_id"], ["payment_methods.merchant_id", "payment_methods.id"]
        ),
        sa.CheckConstraint("(payment_id is null) <> (setup_id is null)", name="one_occasion"),
        sa.Index("ix_payment_method_consents_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index("uq_payment_method_consents_payment", "merchant_id", "payment_id", unique=True),
        sa.Index("uq_payment_method_consents_setup", "merchant_id", "setup_id", unique=True),
        sa.Index("ix_payment_method_consents_merchant_id_payment_method_id", "merchant_id", "payment_method_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    payment_id: Mapped[str | None] = mapped_column(Id)
    setup_id: Mapped[str | None] = mapped_column(Id)
    payment_method_id: Mapped[str | None] = mapped_column(Id)
    wording: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Id)
    network_address: Mapped[str] = mapped_column(Id)
    user_agent: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
