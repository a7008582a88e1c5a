"""What is in the database, and what was sent to it: to compare before and after, and to count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from portal.database import Database
from portal.migrations import all_tables


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """Every statement that is sent to the database within the block, without its parameters."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in (database.reader, database.writer):
            event.remove(engine, "before_cursor_execute", note)


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with database.read() as reader:
        return {
            table.name: sorted(map(tuple, reader.execute(sa.select(table))), key=repr)
            for table in all_tables().sorted_tables
        }
