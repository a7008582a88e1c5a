"""Sessions that the host application made are of kinds of their own, since its log-out ends them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id

revision = "2026_11_30_host_sessions"
down_revision = "2026_11_29_choices_contracted"
branch_labels = None
depends_on = None

_BEFORE = "kind in ('mail', 'api', 'frame')"
_AFTER = "kind in ('mail', 'api', 'frame', 'host', 'identified')"
_MINTED = "kind in ('api', 'host')"


def upgrade() -> None:
    if _is_postgresql():
        op.add_column("portal_sessions", sa.Column("kind", Id, nullable=False, server_default="api"))
        op.create_check_constraint(op.f("ck_portal_sessions_kind_known"), "portal_sessions", _MINTED)
    else:
        op.execute(
            "alter table portal_sessions add column kind text not null default 'api' "
            f"constraint ck_portal_sessions_kind_known check ({_MINTED})"
        )
    _replace_check(_BEFORE, _AFTER)


def downgrade() -> None:
    # They end: to the version before they would be sessions of the API, which no log-out of the host ends.
    op.execute("delete from sign_in_sessions where kind in ('host', 'identified')")
    op.execute("delete from portal_sessions where kind = 'host'")
    _replace_check(_AFTER, _BEFORE)
    if _is_postgresql():
        op.drop_constraint(op.f("ck_portal_sessions_kind_known"), "portal_sessions", type_="check")
    op.drop_column("portal_sessions", "kind")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _replace_check(before: str, after: str) -> None:
    table, constraint = "sign_in_sessions", op.f("ck_sign_in_sessions_kind_known")
    connection = op.get_bind()
    if _is_postgresql():
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
