"""Links of notices that sign in, and the sessions that begin with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Digest, Id, Instant, Text

revision = "2026_12_01_mailed_links"
down_revision = "2026_12_01_promise_limits"
branch_labels = None
depends_on = None

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
    _replace_check(_BEFORE, _AFTER)


def downgrade() -> None:
    # They end: the version before knows no such kind.
    op.execute("delete from sign_in_sessions where kind = 'mailed'")
    _replace_check(_AFTER, _BEFORE)
    op.drop_table("mailed_links")


def _replace_check(before: str, after: str) -> None:
    table, constraint = "sign_in_sessions", op.f("ck_sign_in_sessions_kind_known")
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(constraint, table, type_="check")
        op.create_check_constraint(constraint, table, after)
        return
    # SQLite cannot change a check: the table is created again from its own definition, with its indexes.
    definition = connection.execute(sa.text(f"select sql from sqlite_master where name = '{table}'")).scalar_one()  # noqa: S608 - a constant
    indexes = list(
        connection.execute(
            sa.text(f"select sql from sqlite_master where type = 'index' and tbl_name = '{table}' and sql is not null")  # noqa: S608 - a constant
        ).scalars()
    )
    assert before in definition, "the definition has another check than this migration knows"
    names = ", ".join(connection.execute(sa.text(f"select name from pragma_table_info('{table}')")).scalars())  # noqa: S608 - a constant
    op.execute(definition.replace(table, f"{table}_renewed", 1).replace(before, after))
    op.execute(f"insert into {table}_renewed ({names}) select {names} from {table}")  # noqa: S608 - our own names
    op.execute(f"drop table {table}")
    op.execute(f"alter table {table}_renewed rename to {table}")
    for statement in indexes:
        op.execute(statement)
