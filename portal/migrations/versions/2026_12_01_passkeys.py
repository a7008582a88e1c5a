"""Passkeys: a second way in, and the sessions that begin with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Digest, Flag, Id, Instant, Text
from portal.migrations.checks import replace_check

revision = "2026_12_01_passkeys"
down_revision = "2026_12_01_people"
branch_labels = None
depends_on = None

_KIND = ("sign_in_sessions", "ck_sign_in_sessions_kind_known")
_BEFORE = "kind in ('mail', 'api', 'frame', 'host', 'identified')"
_AFTER = "kind in ('mail', 'passkey', 'api', 'frame', 'host', 'identified')"


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=True),
        sa.Column("address_digest", Digest, nullable=False),
        sa.Column("credential_id", Digest, nullable=False),
        sa.Column("public_key", Digest, nullable=False),
        sa.Column("host", Id, nullable=False),
        sa.Column("sign_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_synced", Flag, nullable=False),
        sa.Column("user_agent", Text, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_passkeys")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_passkeys_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "person_id"],
            ["persons.merchant_id", "persons.id"],
            name=op.f("fk_passkeys_merchant_id_person_id"),
        ),
        sa.UniqueConstraint("merchant_id", "credential_id", name=op.f("uq_passkeys_merchant_id_credential_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_passkeys_merchant_id_customer_id", "passkeys", ["merchant_id", "customer_id"])
    op.create_index("ix_passkeys_merchant_id_person_id", "passkeys", ["merchant_id", "person_id"])
    op.create_table(
        "passkey_used_challenges",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("nonce", Digest, nullable=False),
        sa.Column("used_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "nonce", name=op.f("pk_passkey_used_challenges")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_passkey_used_challenges_merchant_id")),
        sqlite_strict=True,
    )
    replace_check(*_KIND, _BEFORE, _AFTER)


def downgrade() -> None:
    # They end: the version before knows no such kind.
    op.execute("delete from sign_in_sessions where kind = 'passkey'")
    replace_check(*_KIND, _AFTER, _BEFORE)
    op.drop_table("passkey_used_challenges")
    op.drop_table("passkeys")
