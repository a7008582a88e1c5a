"""Requests to sign in join one challenge of their mailbox; browsers in which a customer was signed in are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Digest, Flag, Id, Instant, Text

revision = "2026_11_30_joined_sign_in"
down_revision = "2026_11_30_invoice_numbers"
branch_labels = None
depends_on = None

_CHALLENGES, _JOINABLE = "sign_in_challenges", "uq_sign_in_challenges_joinable"


def upgrade() -> None:
    # A challenge of before is nobody's to join: the release before may still end it.
    op.add_column(_CHALLENGES, sa.Column("is_joinable", Flag(), nullable=False, server_default=sa.false()))
    op.add_column(_CHALLENGES, sa.Column("mail_requested_at", Instant(), nullable=True))
    op.create_index(
        _JOINABLE,
        _CHALLENGES,
        ["merchant_id", "address_digest"],
        unique=True,
        sqlite_where=sa.text("is_joinable"),
        postgresql_where=sa.text("is_joinable"),
    )
    op.create_table(
        "sign_in_requests",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("challenge_id", Id, nullable=False),
        sa.Column("browser_digest", Digest, nullable=False),
        sa.Column("masked_address", Text, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "challenge_id"],
            ["sign_in_challenges.merchant_id", "sign_in_challenges.id"],
            name=op.f("fk_sign_in_requests_merchant_id_challenge_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "challenge_id", "browser_digest", name=op.f("pk_sign_in_requests")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_sign_in_requests_browser", "sign_in_requests", ["merchant_id", "browser_digest", "requested_at"]
    )
    op.create_table(
        "sign_in_known_browsers",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("browser_digest", Digest, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("signed_in_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_sign_in_known_browsers_merchant_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "browser_digest", "customer_id", name=op.f("pk_sign_in_known_browsers")),
        sqlite_strict=True,
    )
    op.create_index("ix_sign_in_known_browsers_customer", "sign_in_known_browsers", ["merchant_id", "customer_id"])
    # A mail that is under way keeps its word: its link is known to the browser that requested it.
    op.execute(
        "insert into sign_in_requests (merchant_id, challenge_id, browser_digest, masked_address, target, requested_at)"
        " select merchant_id, id, browser_digest, masked_address, target, created_at from sign_in_challenges"
        " where withheld_until is null"
    )


def downgrade() -> None:
    op.drop_table("sign_in_known_browsers")
    op.drop_table("sign_in_requests")
    op.drop_index(_JOINABLE, _CHALLENGES)
    op.drop_column(_CHALLENGES, "mail_requested_at")
    op.drop_column(_CHALLENGES, "is_joinable")
