"""What several migrations do to a check: replace it, on a database that can and on one that cannot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def replace_check(table: str, constraint: str, before: str, after: str) -> None:
    """Replace the condition `before` of a table's check by `after`; names and conditions are constants of a migration.

    SQLite cannot change a check: the table is created again from its own definition, with its rows and indexes.
    """
    connection, name = op.get_bind(), op.f(constraint)
    if connection.dialect.name == "postgresql":
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, after)
        return
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
