"""The inbox of gateways' events: when each is handled next, how often it was attempted, and dead letters; and the daily comparison
of gateways' lists with the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id, Instant, Json, Minor

revision = "2026_11_24_provider_inbox"
down_revision = "2026_11_24_saved_methods"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_provider_events_to_handle", "provider_events")
    op.add_column("provider_events", sa.Column("gateway_reference", Id, nullable=True))
    op.add_column("provider_events", sa.Column("attempts", Count, nullable=False, server_default="0"))
    op.add_column("provider_events", sa.Column("due_at", Instant(), nullable=True))
    op.add_column("provider_events", sa.Column("dead_at", Instant(), nullable=True))
    op.add_column("provider_events", sa.Column("fault", Id, nullable=True))
    _index("ix_provider_events_due", "due_at")
    _index("ix_provider_events_dead", "dead_at")
    has_phone = sa.text("phone is not null")
    op.create_index(
        "ix_payments_prompts",
        "payments",
        ["merchant_id", "phone", "id"],
        sqlite_where=has_phone,
        postgresql_where=has_phone,
    )
    op.create_table(
        "gateway_comparisons",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("compared_until", Instant(), nullable=True),
        sa.Column("charge_count", Count, nullable=False),
        sa.Column("stranger_count", Count, nullable=False),
        sa.Column("totals", Json(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_gateway_comparisons_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "gateway", name=op.f("pk_gateway_comparisons")),
        sqlite_strict=True,
    )
    op.create_table(
        "gateway_differences",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("gateway", Id, nullable=False),
        sa.Column("reference", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("gateway_reference", Id, nullable=True),
        sa.Column("listed_amount", Minor, nullable=True),
        sa.Column("listed_currency", Id, nullable=True),
        sa.Column("booked_amount", Minor, nullable=True),
        sa.Column("booked_currency", Id, nullable=True),
        sa.Column("found_at", Instant(), nullable=False),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "kind in ('missing_here', 'missing_there', 'other_amount', 'other_currency')",
            name=op.f("ck_gateway_differences_kind_known"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_gateway_differences_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "gateway", "reference", name=op.f("pk_gateway_differences")),
        sqlite_strict=True,
    )
    still_open = sa.text("resolved_at is null")
    op.create_index(
        "ix_gateway_differences_open",
        "gateway_differences",
        ["found_at"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def downgrade() -> None:
    op.drop_table("gateway_differences")
    op.drop_table("gateway_comparisons")
    op.drop_index("ix_payments_prompts", "payments")
    for index in ("ix_provider_events_dead", "ix_provider_events_due"):
        op.drop_index(index, "provider_events")
    for column in ("fault", "dead_at", "due_at", "attempts", "gateway_reference"):
        op.drop_column("provider_events", column)
    only = sa.text("handled_at is null")
    op.create_index(
        "ix_provider_events_to_handle", "provider_events", ["received_at"], sqlite_where=only, postgresql_where=only
    )


def _index(name: str, column: str) -> None:
    only = sa.text(f"{column} is not null")
    op.create_index(name, "provider_events", [column], sqlite_where=only, postgresql_where=only)
