"""The inbox of gateways' events: when each is handled next, how often it was tried, and what went aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id, Instant

revision = "2026_11_24_provider_inbox"
down_revision = "2026_11_24_money"
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


def downgrade() -> None:
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
