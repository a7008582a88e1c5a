"""Persons of a customer's account, and which of them a session, a challenge and a confirmation are of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import STRICT, Digest, Flag, Id, Instant, Text

revision = "2026_12_01_people"
down_revision = "2026_12_01_notices"
branch_labels = None
depends_on = None

_LIVE = sa.text("removed_at is null")


def upgrade() -> None:
    _create_persons()
    _create_browsers()
    op.add_column("sign_in_challenges", sa.Column("person_id", Id, nullable=True))
    op.add_column("sign_in_sessions", sa.Column("person_id", Id, nullable=True))
    op.add_column("sign_in_sessions", sa.Column("address_digest", Digest, nullable=True))
    op.add_column("sign_in_sessions", sa.Column("can_switch", Flag(), nullable=False, server_default=sa.false()))
    op.add_column("confirmations", sa.Column("person_id", Id, nullable=True))
    op.add_column("payment_method_consents", sa.Column("person_id", Id, nullable=True))
    op.drop_index("uq_confirmations_open", "confirmations")
    _create_open("uq_confirmations_open", "customer_id", "closed_at is null and person_id is null")
    _create_open("uq_confirmations_open_of_person", "person_id", "closed_at is null and person_id is not null")


def downgrade() -> None:
    op.execute("delete from confirmations where person_id is not null")
    op.drop_index("uq_confirmations_open_of_person", "confirmations")
    op.drop_index("uq_confirmations_open", "confirmations")
    _create_open("uq_confirmations_open", "customer_id", "closed_at is null")
    op.drop_column("confirmations", "person_id")
    op.drop_column("payment_method_consents", "person_id")
    # A session of a person would be the account's own without the column.
    op.execute("delete from sign_in_sessions where person_id is not null")
    for column in ("can_switch", "address_digest", "person_id"):
        op.drop_column("sign_in_sessions", column)
    op.drop_column("sign_in_challenges", "person_id")
    op.drop_table("sign_in_persons_browsers")
    op.drop_table("persons")


def _create_open(name: str, subject: str, condition: str) -> None:
    columns, where = ["merchant_id", subject, "purpose"], sa.text(condition)
    op.create_index(name, "confirmations", columns, unique=True, sqlite_where=where, postgresql_where=where)


def _create_persons() -> None:
    op.create_table(
        "persons",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("email", Text, nullable=False),
        sa.Column("email_key", Id, nullable=False),
        sa.Column("name", Text, nullable=True),
        sa.Column("role", Id, nullable=False),
        sa.Column("invited_by", Id, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("invited_at", Instant(), nullable=False),
        sa.Column("role_changed_at", Instant(), nullable=True),
        sa.Column("joined_at", Instant(), nullable=True),
        sa.Column("signed_in_at", Instant(), nullable=True),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_persons")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_persons_merchant_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_persons_merchant_id_customer_id"),
        ),
        sa.CheckConstraint("role in ('owner', 'payer', 'viewer')", name=op.f("ck_persons_role_known")),
        **STRICT,
    )
    op.create_index("ix_persons_merchant_id_customer_id", "persons", ["merchant_id", "customer_id"])
    for name, columns, unique in (
        ("uq_persons_live", ["merchant_id", "customer_id", "email_key"], True),
        ("ix_persons_email_key", ["merchant_id", "email_key"], False),
    ):
        op.create_index(name, "persons", columns, unique=unique, sqlite_where=_LIVE, postgresql_where=_LIVE)


def _create_browsers() -> None:
    op.create_table(
        "sign_in_persons_browsers",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("browser_digest", Digest, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("signed_in_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "browser_digest", "person_id", name=op.f("pk_sign_in_persons_browsers")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "person_id"],
            ["persons.merchant_id", "persons.id"],
            name=op.f("fk_sign_in_persons_browsers_merchant_id_person_id"),
        ),
        **STRICT,
    )
    op.create_index("ix_sign_in_persons_browsers_person", "sign_in_persons_browsers", ["merchant_id", "person_id"])
