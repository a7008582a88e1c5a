"""The first tables: merchants, customers, sign-in, invoices, payments, refunds, outbox and audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Day, Digest, Flag, Id, Instant, Json, Minor, Text

revision = "2026_11_21_first_tables"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE_ON_SQLITE = """
create trigger audit_entries_{verb}_refused before {verb} on audit_entries
begin select raise(abort, 'audit_entries is append-only'); end
"""
_REFUSE_ON_POSTGRESQL = (
    """
create function audit_entries_refuse() returns trigger language plpgsql as
$$ begin raise exception 'audit_entries is append-only'; end $$
""",
    """
create trigger audit_entries_append_only before update or delete on audit_entries
for each row execute function audit_entries_refuse()
""",
)


def upgrade() -> None:
    op.create_table(
        "merchants",
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", Id, nullable=False),
        sa.Column("mode", Id, nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("legal_name", Text, nullable=False),
        sa.Column("address_lines", Json(), nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("locale", Id, nullable=False),
        sa.Column("timezone", Id, nullable=False),
        sa.Column("theme", Id, nullable=False),
        sa.Column("support_email", Text, nullable=True),
        sa.Column("due_days", Count, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("mode in ('test', 'live')", name=op.f("ck_merchants_mode_known")),
        sa.CheckConstraint("status in ('active', 'disabled')", name=op.f("ck_merchants_status_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("slug", name=op.f("uq_merchants_slug")),
        sqlite_strict=True,
    )
    op.create_table(
        "api_keys",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("digest", Digest, nullable=False),
        sa.Column("shown_prefix", Id, nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_api_keys_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("merchant_id", "digest", name=op.f("uq_api_keys_merchant_id_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_entries",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor_type", Id, nullable=False),
        sa.Column("actor_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("action", Id, nullable=False),
        sa.Column("object_id", Id, nullable=True),
        sa.Column("details", Json(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_audit_entries_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_entries")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_of_customer", ["merchant_id", "customer_id", "id"], unique=False)

    op.create_table(
        "customers",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", Id, nullable=True),
        sa.Column("type", Id, nullable=False),
        sa.Column("name", Text, nullable=True),
        sa.Column("company_name", Text, nullable=True),
        sa.Column("email", Text, nullable=True),
        sa.Column("email_key", Id, nullable=True),
        sa.Column("phone", Id, nullable=True),
        sa.Column("locale", Id, nullable=True),
        sa.Column("billing_address", Json(), nullable=False),
        sa.Column("shipping_address", Json(), nullable=False),
        sa.Column("fields", Json(), nullable=False),
        sa.Column("metadata", Json(), nullable=False),
        sa.Column("blocked", Flag(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.CheckConstraint("type in ('individual', 'business')", name=op.f("ck_customers_type_known")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_customers_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_customers")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.create_index("ix_customers_merchant_id_email_key", ["merchant_id", "email_key"], unique=False)
        batch_op.create_index("uq_customers_merchant_id_reference", ["merchant_id", "reference"], unique=True)

    op.create_table(
        "gateway_accounts",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("secrets", Digest, nullable=False),
        sa.Column("options", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_gateway_accounts_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "gateway", name=op.f("pk_gateway_accounts")),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_messages",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("attempts", Count, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("leased_until", Instant(), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("dead_at", Instant(), nullable=True),
        sa.Column("last_error", Text, nullable=True),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_outbox_messages_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_outbox_messages")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("outbox_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_messages_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("done_at is null and dead_at is null"),
            postgresql_where=sa.text("done_at is null and dead_at is null"),
        )

    op.create_table(
        "provider_events",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("type", Id, nullable=False),
        sa.Column("reference", Id, nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("handled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_provider_events_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "gateway", "event_id", name=op.f("pk_provider_events")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("provider_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_events_to_handle",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("handled_at is null"),
            postgresql_where=sa.text("handled_at is null"),
        )

    op.create_table(
        "rate_counters",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("key", Id, nullable=False),
        sa.Column("window_started_at", Instant(), nullable=False),
        sa.Column("count", Count, nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_rate_counters_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "key", name=op.f("pk_rate_counters")),
        sqlite_strict=True,
    )
    op.create_table(
        "invoices",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("number", Id, nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("subtotal", Minor, nullable=False),
        sa.Column("tax", Minor, nullable=False),
        sa.Column("total", Minor, nullable=False),
        sa.Column("amount_paid", Minor, nullable=False),
        sa.Column("amount_credited", Minor, nullable=False),
        sa.Column("amount_reserved", Minor, nullable=False),
        sa.Column("issued_on", Day(), nullable=False),
        sa.Column("due_on", Day(), nullable=False),
        sa.Column("bill_to", Json(), nullable=False),
        sa.Column("version", Count, nullable=False),
        sa.Column("import_digest", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("viewed_at", Instant(), nullable=True),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "status in ('draft', 'open', 'partially_paid', 'paid', 'void', 'uncollectible')",
            name=op.f("ck_invoices_status_known"),
        ),
        sa.CheckConstraint(
            "amount_paid + amount_credited + amount_reserved <= total", name=op.f("ck_invoices_never_beyond_total")
        ),
        sa.CheckConstraint(
            "total >= 0 and amount_paid >= 0 and amount_credited >= 0 and amount_reserved >= 0",
            name=op.f("ck_invoices_amounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_invoices_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_invoices_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_invoices")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index("ix_invoices_of_customer", ["merchant_id", "customer_id", "id"], unique=False)
        batch_op.create_index(
            "ix_invoices_outstanding",
            ["merchant_id", "customer_id", "due_on", "id"],
            unique=False,
            sqlite_where=sa.text("status in ('open', 'partially_paid')"),
            postgresql_where=sa.text("status in ('open', 'partially_paid')"),
        )
        batch_op.create_index(
            "ix_invoices_paid",
            ["merchant_id", "customer_id", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'paid'"),
            postgresql_where=sa.text("status = 'paid'"),
        )
        batch_op.create_index("uq_invoices_merchant_id_number", ["merchant_id", "number", "customer_id"], unique=True)

    op.create_table(
        "payment_methods",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("token", Id, nullable=False),
        sa.Column("fingerprint", Id, nullable=False),
        sa.Column("type", Id, nullable=False),
        sa.Column("brand", Id, nullable=True),
        sa.Column("last4", Id, nullable=True),
        sa.Column("exp_month", Count, nullable=True),
        sa.Column("exp_year", Count, nullable=True),
        sa.Column("holder", Text, nullable=True),
        sa.Column("phone", Id, nullable=True),
        sa.Column("bank_name", Text, nullable=True),
        sa.Column("nickname", Text, nullable=True),
        sa.Column("is_default", Flag(), nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("status in ('active', 'expired', 'removed')", name=op.f("ck_payment_methods_status_known")),
        sa.CheckConstraint(
            "type in ('card', 'mobile_money', 'bank_account', 'other')", name=op.f("ck_payment_methods_type_known")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_payment_methods_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_payment_methods_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payment_methods")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("payment_methods", schema=None) as batch_op:
        batch_op.create_index("ix_payment_methods_of_customer", ["merchant_id", "customer_id", "id"], unique=False)
        batch_op.create_index(
            "uq_payment_methods_default",
            ["merchant_id", "customer_id"],
            unique=True,
            sqlite_where=sa.text("is_default = 1 and status = 'active'"),
            postgresql_where=sa.text("is_default and status = 'active'"),
        )
        batch_op.create_index(
            "uq_payment_methods_fingerprint",
            ["merchant_id", "customer_id", "gateway", "fingerprint"],
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        )

    op.create_table(
        "portal_sessions",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("token_digest", Digest, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("return_url", Text, nullable=True),
        sa.Column("locale", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_portal_sessions_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_portal_sessions_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_portal_sessions")),
        sa.UniqueConstraint("merchant_id", "token_digest", name=op.f("uq_portal_sessions_merchant_id_token_digest")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("portal_sessions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_portal_sessions_merchant_id_customer_id", ["merchant_id", "customer_id"], unique=False
        )

    op.create_table(
        "sign_in_challenges",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("address_digest", Digest, nullable=False),
        sa.Column("masked_address", Text, nullable=False),
        sa.Column("browser_digest", Digest, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("locale", Id, nullable=False),
        sa.Column("tries_left", Count, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("withheld_until", Instant(), nullable=True),
        sa.Column("mailed_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("used_at", Instant(), nullable=True),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_sign_in_challenges_tries_left_not_negative")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_sign_in_challenges_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_sign_in_challenges_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_sign_in_challenges")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("sign_in_challenges", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sign_in_challenges_merchant_id_browser_digest", ["merchant_id", "browser_digest", "id"], unique=False
        )
        batch_op.create_index(
            "ix_sign_in_challenges_merchant_id_customer_id", ["merchant_id", "customer_id"], unique=False
        )

    op.create_table(
        "sign_in_sessions",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("token_digest", Digest, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("idle_seconds", Count, nullable=False),
        sa.Column("user_agent", Text, nullable=False),
        sa.Column("return_url", Text, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.CheckConstraint("kind in ('mail', 'api', 'frame')", name=op.f("ck_sign_in_sessions_kind_known")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_sign_in_sessions_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_sign_in_sessions_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_sign_in_sessions")),
        sa.UniqueConstraint("merchant_id", "token_digest", name=op.f("uq_sign_in_sessions_merchant_id_token_digest")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("sign_in_sessions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sign_in_sessions_merchant_id_customer_id", ["merchant_id", "customer_id"], unique=False
        )

    op.create_table(
        "credit_notes",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=True),
        sa.Column("number", Id, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("amount_applied", Minor, nullable=False),
        sa.Column("issued_on", Day(), nullable=False),
        sa.Column("import_digest", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 and amount_applied >= 0 and amount_applied <= amount",
            name=op.f("ck_credit_notes_amounts_in_range"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_credit_notes_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_credit_notes_merchant_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_credit_notes_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_credit_notes")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("credit_notes", schema=None) as batch_op:
        batch_op.create_index("ix_credit_notes_merchant_id_invoice_id", ["merchant_id", "invoice_id"], unique=False)
        batch_op.create_index("ix_credit_notes_of_customer", ["merchant_id", "customer_id", "id"], unique=False)
        batch_op.create_index(
            "ix_credit_notes_unused",
            ["merchant_id", "customer_id", "currency"],
            unique=False,
            sqlite_where=sa.text("amount_applied < amount"),
            postgresql_where=sa.text("amount_applied < amount"),
        )
        batch_op.create_index(
            "uq_credit_notes_merchant_id_number", ["merchant_id", "number", "customer_id"], unique=True
        )

    op.create_table(
        "invoice_lines",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("position", Count, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("quantity", Id, nullable=False),
        sa.Column("unit_amount_decimal", Id, nullable=False),
        sa.Column("tax_rate", Id, nullable=True),
        sa.Column("amount", Minor, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_invoice_lines_merchant_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "invoice_id", "position", name=op.f("pk_invoice_lines")),
        sqlite_strict=True,
    )
    op.create_table(
        "payments",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("amount_refunded", Minor, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("note", Text, nullable=False),
        sa.Column("more_count", Count, nullable=False),
        sa.Column("reference", Id, nullable=True),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("gateway_reference", Id, nullable=True),
        sa.Column("payment_method_id", Id, nullable=True),
        sa.Column("method_type", Id, nullable=True),
        sa.Column("method_brand", Id, nullable=True),
        sa.Column("method_last4", Id, nullable=True),
        sa.Column("save_method", Flag(), nullable=False),
        sa.Column("locale", Id, nullable=True),
        sa.Column("return_url", Text, nullable=True),
        sa.Column("action_url", Text, nullable=True),
        sa.Column("failure_code", Id, nullable=True),
        sa.Column("failure_message", Text, nullable=True),
        sa.Column("listed", Flag(), nullable=False),
        sa.Column("version", Count, nullable=False),
        sa.Column("check_count", Count, nullable=False),
        sa.Column("next_check_at", Instant(), nullable=True),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "status in ('pending', 'processing', 'requires_action', 'incomplete', 'complete', 'failed', 'canceled', 'rejected', 'abandoned', 'expired', 'partially_refunded', 'refunded')",
            name=op.f("ck_payments_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint(
            "amount_refunded >= 0 and amount_refunded <= amount", name=op.f("ck_payments_refunded_within_captured")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_payments_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_method_id"],
            ["payment_methods.merchant_id", "payment_methods.id"],
            name=op.f("fk_payments_merchant_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_payments_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_payments")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payments_history",
            ["merchant_id", "customer_id", "id"],
            unique=False,
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        )
        batch_op.create_index(
            "ix_payments_history_by_status",
            ["merchant_id", "customer_id", "status", "id"],
            unique=False,
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        )
        batch_op.create_index(
            "ix_payments_merchant_id_payment_method_id", ["merchant_id", "payment_method_id"], unique=False
        )
        batch_op.create_index(
            "ix_payments_to_check",
            ["next_check_at"],
            unique=False,
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        )
        batch_op.create_index(
            "ix_payments_unconfirmed",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'incomplete'"),
            postgresql_where=sa.text("status = 'incomplete'"),
        )
        batch_op.create_index(
            "uq_payments_gateway_reference", ["merchant_id", "gateway", "gateway_reference"], unique=True
        )

    op.create_table(
        "payment_allocations",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("payment_id", Id, nullable=False),
        sa.Column("invoice_id", Id, nullable=False),
        sa.Column("slot", Count, nullable=False),
        sa.Column("state", Id, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("invoice_version", Count, nullable=False),
        sa.CheckConstraint(
            "state in ('proposed', 'active', 'settled', 'released')", name=op.f("ck_payment_allocations_state_known")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_allocations_amount_positive")),
        sa.CheckConstraint("slot in (1, 2)", name=op.f("ck_payment_allocations_slot_known")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_payment_allocations_merchant_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name=op.f("fk_payment_allocations_merchant_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "payment_id", "invoice_id", name=op.f("pk_payment_allocations")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("payment_allocations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payment_allocations_merchant_id_invoice_id", ["merchant_id", "invoice_id"], unique=False
        )
        batch_op.create_index(
            "uq_payment_allocations_one_active_attempt",
            ["merchant_id", "invoice_id", "slot"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "refunds",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("payment_id", Id, nullable=False),
        sa.Column("status", Id, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("gateway_reference", Id, nullable=True),
        sa.Column("failure_code", Id, nullable=True),
        sa.Column("reason", Text, nullable=True),
        sa.Column("check_count", Count, nullable=False),
        sa.Column("next_check_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.CheckConstraint("status in ('pending', 'succeeded', 'failed')", name=op.f("ck_refunds_status_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name=op.f("fk_refunds_merchant_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_refunds")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index("ix_refunds_merchant_id_payment_id", ["merchant_id", "payment_id"], unique=False)
        batch_op.create_index(
            "ix_refunds_to_check",
            ["next_check_at"],
            unique=False,
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        )

    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_REFUSE_ON_SQLITE.format(verb=verb))
    else:
        for statement in _REFUSE_ON_POSTGRESQL:
            op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_refunds_to_check",
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        )
        batch_op.drop_index("ix_refunds_merchant_id_payment_id")

    op.drop_table("refunds")
    with op.batch_alter_table("payment_allocations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_allocations_one_active_attempt",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index("ix_payment_allocations_merchant_id_invoice_id")

    op.drop_table("payment_allocations")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index("uq_payments_gateway_reference")
        batch_op.drop_index(
            "ix_payments_unconfirmed",
            sqlite_where=sa.text("status = 'incomplete'"),
            postgresql_where=sa.text("status = 'incomplete'"),
        )
        batch_op.drop_index(
            "ix_payments_to_check",
            sqlite_where=sa.text("next_check_at is not null"),
            postgresql_where=sa.text("next_check_at is not null"),
        )
        batch_op.drop_index("ix_payments_merchant_id_payment_method_id")
        batch_op.drop_index(
            "ix_payments_history_by_status", sqlite_where=sa.text("listed = 1"), postgresql_where=sa.text("listed")
        )
        batch_op.drop_index(
            "ix_payments_history", sqlite_where=sa.text("listed = 1"), postgresql_where=sa.text("listed")
        )

    op.drop_table("payments")
    op.drop_table("invoice_lines")
    with op.batch_alter_table("credit_notes", schema=None) as batch_op:
        batch_op.drop_index("uq_credit_notes_merchant_id_number")
        batch_op.drop_index("ix_credit_notes_unused")
        batch_op.drop_index("ix_credit_notes_of_customer")
        batch_op.drop_index("ix_credit_notes_merchant_id_invoice_id")

    op.drop_table("credit_notes")
    with op.batch_alter_table("sign_in_sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_in_sessions_merchant_id_customer_id")

    op.drop_table("sign_in_sessions")
    with op.batch_alter_table("sign_in_challenges", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_in_challenges_merchant_id_customer_id")
        batch_op.drop_index("ix_sign_in_challenges_merchant_id_browser_digest")

    op.drop_table("sign_in_challenges")
    with op.batch_alter_table("portal_sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_portal_sessions_merchant_id_customer_id")

    op.drop_table("portal_sessions")
    with op.batch_alter_table("payment_methods", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_methods_fingerprint",
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        )
        batch_op.drop_index(
            "uq_payment_methods_default",
            sqlite_where=sa.text("is_default = 1 and status = 'active'"),
            postgresql_where=sa.text("is_default and status = 'active'"),
        )
        batch_op.drop_index("ix_payment_methods_of_customer")

    op.drop_table("payment_methods")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index("uq_invoices_merchant_id_number")
        batch_op.drop_index(
            "ix_invoices_paid", sqlite_where=sa.text("status = 'paid'"), postgresql_where=sa.text("status = 'paid'")
        )
        batch_op.drop_index(
            "ix_invoices_outstanding",
            sqlite_where=sa.text("status in ('open', 'partially_paid')"),
            postgresql_where=sa.text("status in ('open', 'partially_paid')"),
        )
        batch_op.drop_index("ix_invoices_of_customer")

    op.drop_table("invoices")
    op.drop_table("rate_counters")
    with op.batch_alter_table("provider_events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_provider_events_to_handle",
            sqlite_where=sa.text("handled_at is null"),
            postgresql_where=sa.text("handled_at is null"),
        )

    op.drop_table("provider_events")
    with op.batch_alter_table("outbox_messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_messages_due",
            sqlite_where=sa.text("done_at is null and dead_at is null"),
            postgresql_where=sa.text("done_at is null and dead_at is null"),
        )

    op.drop_table("outbox_messages")
    op.drop_table("gateway_accounts")
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_index("uq_customers_merchant_id_reference")
        batch_op.drop_index("ix_customers_merchant_id_email_key")

    op.drop_table("customers")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_of_customer")

    op.drop_table("audit_entries")
    op.drop_table("api_keys")
    op.drop_table("merchants")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function audit_entries_refuse()")
