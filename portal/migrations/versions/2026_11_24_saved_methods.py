"""Saved methods: their setups, the customer's consent, and the expiry that was mailed last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Flag, Id, Instant, Text

revision = "2026_11_24_saved_methods"
down_revision = "2026_11_24_money"
branch_labels = None
depends_on = None

_EXPIRING = sa.text("exp_year is not null and status = 'active'")
_TO_CHECK = sa.text("next_check_at is not null")


def upgrade() -> None:
    op.add_column("payment_methods", sa.Column("told_expiry", Count, nullable=True))
    op.add_column("payment_methods", sa.Column("removed_at", Instant(), nullable=True))
    op.create_index(
        "ix_payment_methods_expiring",
        "payment_methods",
        ["exp_year", "exp_month"],
        sqlite_where=_EXPIRING,
        postgresql_where=_EXPIRING,
    )
    _create_setups()
    _create_consents()


def downgrade() -> None:
    op.drop_table("payment_method_consents")
    op.drop_table("payment_method_setups")
    op.drop_index("ix_payment_methods_expiring", "payment_methods")
    op.drop_column("payment_methods", "removed_at")
    op.drop_column("payment_methods", "told_expiry")


def _create_setups() -> None:
    table = "payment_method_setups"
    op.create_table(
        table,
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("gateway_page_reference", Id, nullable=True),
        sa.Column("status", Id, nullable=False),
        sa.Column("nickname", Text, nullable=True),
        sa.Column("make_default", Flag(), nullable=False),
        sa.Column("replaces", Id, nullable=True),
        sa.Column("payment_method_id", Id, nullable=True),
        sa.Column("locale", Id, nullable=False),
        sa.Column("return_url", Text, nullable=False),
        sa.Column("action_url", Text, nullable=True),
        sa.Column("failure_code", Id, nullable=True),
        sa.Column("check_count", Count, nullable=False),
        sa.Column("next_check_at", Instant(), nullable=True),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "status in ('processing', 'requires_action', 'pending', 'complete', 'failed', 'canceled', 'expired')",
            name=op.f("ck_payment_method_setups_status_known"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_payment_method_setups_merchant_id")),
        _owner(table),
        _method(table, "replaces"),
        _method(table, "payment_method_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_method_setups")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_method_setups_of_customer", table, ["merchant_id", "customer_id", "id"])
    op.create_index("ix_payment_method_setups_merchant_id_replaces", table, ["merchant_id", "replaces"])
    op.create_index(
        "ix_payment_method_setups_merchant_id_payment_method_id", table, ["merchant_id", "payment_method_id"]
    )
    op.create_index(
        "ix_payment_method_setups_to_check",
        table,
        ["next_check_at"],
        sqlite_where=_TO_CHECK,
        postgresql_where=_TO_CHECK,
    )


def _create_consents() -> None:
    table = "payment_method_consents"
    op.create_table(
        table,
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("payment_id", Id, nullable=True),
        sa.Column("setup_id", Id, nullable=True),
        sa.Column("payment_method_id", Id, nullable=True),
        sa.Column("wording", Text, nullable=False),
        sa.Column("locale", Id, nullable=False),
        sa.Column("network_address", Id, nullable=False),
        sa.Column("user_agent", Text, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(payment_id is null) <> (setup_id is null)", name=op.f("ck_payment_method_consents_one_occasion")
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_payment_method_consents_merchant_id")),
        _owner(table),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name=op.f("fk_payment_method_consents_merchant_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "setup_id"],
            ["payment_method_setups.merchant_id", "payment_method_setups.id"],
            name=op.f("fk_payment_method_consents_merchant_id_setup_id"),
        ),
        _method(table, "payment_method_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_method_consents")),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_method_consents_merchant_id_customer_id", table, ["merchant_id", "customer_id"])
    op.create_index("uq_payment_method_consents_payment", table, ["merchant_id", "payment_id"], unique=True)
    op.create_index("uq_payment_method_consents_setup", table, ["merchant_id", "setup_id"], unique=True)
    op.create_index(
        "ix_payment_method_consents_merchant_id_payment_method_id", table, ["merchant_id", "payment_method_id"]
    )


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", "customer_id"],
        ["customers.merchant_id", "customers.id"],
        name=op.f(f"fk_{table}_merchant_id_customer_id"),
    )


def _method(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", column],
        ["payment_methods.merchant_id", "payment_methods.id"],
        name=op.f(f"fk_{table}_merchant_id_{column}"),
    )
