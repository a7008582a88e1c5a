"""Links of notices that sign in, and the sessions that begin with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Digest, Id, Instant, Text
from portal.migrations.checks import replace_check

revision = "2026_12_01_mailed_links"
down_revision = "2026_12_01_promise_limits"
branch_labels = None
depends_on = None

_KIND = ("sign_in_sessions", "ck_sign_in_sessions_kind_known")
_BEFORE = "kind in ('mail', 'passkey', 'api', 'frame', 'host', 'identified')"
_AFTER = "kind in ('mail', 'mailed', 'passkey', 'api', 'frame', 'host', 'identified')"


def upgrade() -> None:
    op.create_table(
        "mailed_links",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("address_digest", Digest, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("mailed_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_mailed_links")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_mailed_links_merchant_id_customer_id"),
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_mailed_links_merchant_id_customer_id", "mailed_links", ["merchant_id", "customer_id"])
    replace_check(*_KIND, _BEFORE, _AFTER)


def downgrade() -> None:
    # They end: the version before knows no such kind.
    op.execute("delete from sign_in_sessions where kind = 'mailed'")
    replace_check(*_KIND, _AFTER, _BEFORE)
    op.drop_table("mailed_links")
