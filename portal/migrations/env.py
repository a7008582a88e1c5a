"""The connection of Alembic to the portal's database: one connection, one transaction, foreign keys off on SQLite."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeEngine

from portal.database import Database
from portal.migrations import VERSION_TABLE, all_tables


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our column types by their names in `portal.database`, so that a migration reads like a model."""
    if kind == "type" and isinstance(item, TypeEngine):
        from portal import database

        for name in ("Id", "Text", "Minor", "Count", "Digest", "Instant", "Day", "Flag", "Json"):
            ours = getattr(database, name)
            if item is ours or (isinstance(ours, type) and isinstance(item, ours)):
                autogen_context.imports.add(f"from portal.database import {name}")
                return f"{name}()" if isinstance(ours, type) else name
    return False


def migrate() -> None:
    database: Database = context.config.attributes["database"]
    with database.writer.connect() as connection:
        if database.is_sqlite:
            # Recreating a parent with foreign keys on would empty its children; the pragma works outside a transaction only.
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            context.configure(
                connection=connection,
                target_metadata=all_tables(),
                version_table=VERSION_TABLE,
                render_as_batch=True,
                render_item=render_item,
                compare_type=False,
            )
            with context.begin_transaction():
                context.run_migrations()
            if database.is_sqlite:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise RuntimeError(f"the migration left {len(broken)} rows without their parent")
        finally:
            if database.is_sqlite:
                connection.rollback()
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("PRAGMA foreign_keys=ON")


migrate()
