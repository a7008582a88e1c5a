"""The schema's history: up, down and up again, without drift from the models, and the same tables on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal import migrations
from portal.database import Database
from portal.migrations import (
    VERSION_TABLE,
    NoOneHead,
    all_tables,
    current_revision,
    downgrade,
    head_revision,
    is_current,
    upgrade,
)
from portal.sign_in.models import SignInSession
from portal.tenancy import Scope
from tests.support import customers

AT = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)


def test_newest_revision_is_that_of_alembic():
    config = Config()
    config.set_main_option("script_location", str(migrations._FOLDER))

    assert head_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_two_newest_revisions_are_a_fault(tmp_path):
    for name, before in (("a", "None"), ("b", '"a"'), ("c", '"a"')):
        (tmp_path / f"{name}.py").write_text(f'revision = "{name}"\ndown_revision = {before}\n')

    with pytest.raises(NoOneHead, match="2 revisions: b, c"):
        migrations._newest_in(tmp_path)


def test_new_database_has_no_schema(bare_database: Database):
    assert current_revision(bare_database) is None
    assert not is_current(bare_database)


def test_upgrade_down_and_up_again_gives_the_same_schema(bare_database: Database):
    upgrade(bare_database)
    first = _schema(bare_database)

    downgrade(bare_database, "base")
    emptied = _schema(bare_database)
    upgrade(bare_database)

    assert set(emptied) <= {VERSION_TABLE}
    assert _schema(bare_database) == first
    assert current_revision(bare_database) == head_revision()


def test_upgrade_of_current_schema_changes_nothing(bare_database: Database):
    upgrade(bare_database)
    before = _schema(bare_database)

    upgrade(bare_database)

    assert _schema(bare_database) == before
    assert is_current(bare_database)


def test_migrated_schema_is_that_of_the_models(bare_database: Database):
    upgrade(bare_database)

    with bare_database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": False})
        drift = compare_metadata(context, all_tables())

    assert drift == []


def test_fresh_tables_equal_migrated_ones(bare_database: Database):
    all_tables().create_all(bare_database.writer)
    fresh = _schema(bare_database)
    all_tables().drop_all(bare_database.writer)

    upgrade(bare_database)

    migrated = _schema(bare_database)
    migrated.pop(VERSION_TABLE)
    assert migrated == fresh


def test_sessions_of_hosts_come_and_go_with_their_kinds(bare_database: Database):
    upgrade(bare_database)
    with bare_database.unit_of_work() as session:
        scope = customers.add_customer(session, customers.add_merchant(session, at=AT), at=AT)
        for kind in ("mail", "host", "identified"):
            session.add(_session(scope, kind))

    downgrade(bare_database, "2026_11_29_choices_contracted")
    upgrade(bare_database)

    with bare_database.unit_of_work() as session:
        left = session.execute(sa.select(SignInSession.kind, SignInSession.expires_at)).all()
        session.add(_session(scope, "host"))
    assert left == [("mail", AT)]


def _session(scope: Scope, kind: str) -> SignInSession:
    return SignInSession(
        merchant_id=scope.merchant_id, id=f"ses_{kind}", customer_id=scope.customer_id, token_digest=kind.encode(), kind=kind,
        idle_seconds=1, user_agent="", created_at=AT, last_used_at=AT, expires_at=AT,
    )  # fmt: skip


def test_every_sqlite_table_is_strict(bare_database: Database):
    upgrade(bare_database)
    if not bare_database.is_sqlite:
        return  # PostgreSQL is strict by nature.

    with bare_database.read() as connection:
        loose = connection.exec_driver_sql(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0"
        ).scalars()

        assert {name for name in loose if not name.startswith("sqlite_")} <= {VERSION_TABLE}


def test_every_foreign_key_has_an_index():
    bare = [
        f"{table.name}: {', '.join(column.name for column in key.columns)}"
        for table in all_tables().sorted_tables
        for key in table.foreign_key_constraints
        if not _is_indexed(table, [column.name for column in key.columns])
    ]

    assert bare == []


def test_merchant_stands_first_in_keys_and_foreign_keys_carry_it():
    for table in all_tables().sorted_tables:
        if "merchant_id" not in table.c:
            continue
        assert next(iter(table.primary_key.columns)).name == "merchant_id", table.name
        for key in table.foreign_key_constraints:
            assert key.column_keys[0] == "merchant_id", f"{table.name}: {key.column_keys}"


def _is_indexed(table: sa.Table, columns: list[str]) -> bool:
    """Whether an index, a unique constraint or the primary key begins with the columns, in any order."""
    keys = [[column.name for column in table.primary_key.columns]]
    keys += [[column.name for column in index.columns] for index in table.indexes]
    keys += [
        [column.name for column in each.columns] for each in table.constraints if isinstance(each, sa.UniqueConstraint)
    ]
    return any(set(key[: len(columns)]) == set(columns) for key in keys)


def _schema(database: Database) -> dict[str, object]:
    """Tables with their columns and constraints, as the database itself lists them."""
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return {
            table: {
                # By name: a column that a migration adds stands last, wherever the model has it.
                "columns": sorted(
                    (each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)
                ),
                "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
                "foreign keys": sorted(
                    str(sorted(map(str, each.items()))) for each in inspector.get_foreign_keys(table)
                ),
                "indexes": sorted(
                    (str(each["name"]), str(each["column_names"]), each["unique"])
                    for each in inspector.get_indexes(table)
                ),
                "unique": sorted(
                    (str(each["name"]), str(each["column_names"])) for each in inspector.get_unique_constraints(table)
                ),
                "checks": sorted(
                    (str(each["name"]), str(each["sqltext"])) for each in inspector.get_check_constraints(table)
                ),
            }
            for table in inspector.get_table_names()
        }
