"""The spool of an import: rows on disk, so that those of one object are read together however far apart they are in the file.

It is a nameless temporary SQLite database: it leaves nothing behind, even when the process is killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from types import TracebackType
from typing import Any, Self

from portal.importing.rules.groups import MAX_GROUP_ROWS, Group, SpooledRow

_BATCH = 1000
_SCHEMA = """
CREATE TABLE rows (
    line INTEGER PRIMARY KEY, owner TEXT, object TEXT, at INTEGER, payload TEXT, reason TEXT, spoils INTEGER NOT NULL, raw TEXT NOT NULL
) STRICT
"""
# The earliest instant of an owner's good rows is the owner's own, when it has to be created.
_GROUPS = """
SELECT line, owner, object, payload, reason, spoils, min(at) FILTER (WHERE reason IS NULL) OVER (PARTITION BY owner)
FROM rows WHERE owner IS NOT NULL ORDER BY owner, object, line
"""


class Spool:
    """Rows between the reading of the file and the writing to the database."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)
        self._connection.execute("BEGIN")
        self._waiting: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, line: int, owner: str, object_: str, at: datetime | None, payload: dict[str, Any], raw: str) -> None:
        micros = int(at.timestamp() * 1_000_000) if at else None
        self._put((line, owner, object_, micros, json.dumps(payload), None, 0, raw))

    def refuse(
        self,
        line: int,
        reason: str,
        raw: str,
        *,
        owner: str | None = None,
        object_: str | None = None,
        spoils: bool = False,
    ) -> None:
        """Store a row that cannot be imported; with owner and object it is read together with the others of its object."""
        self._put((line, owner, object_, None, None, reason, int(spoils), raw))

    def refuse_spooled(self, lines: list[int], reason: str) -> None:
        """Mark spooled rows that cannot be imported after all."""
        self._connection.executemany("UPDATE rows SET reason = ? WHERE line = ?", [(reason, line) for line in lines])

    def groups(self) -> Iterator[Group]:
        """All rows that name their object, object by object, sorted by owner. Of a group that is too large only the first rows are included."""
        self._flush()
        cursor = self._connection.execute(_GROUPS)
        for (owner, object_), rows in groupby(cursor, key=lambda row: (row[1], row[2])):
            rows_of_group: list[SpooledRow] = []
            beyond: list[int] = []
            owner_at = None
            for line, _, _, payload, reason, spoils, at in rows:
                owner_at = at
                if len(rows_of_group) <= MAX_GROUP_ROWS:
                    rows_of_group.append(SpooledRow(line, json.loads(payload) if payload else {}, reason, bool(spoils)))
                else:
                    beyond.append(line)
            if beyond:
                self.refuse_spooled(beyond, f"more than {MAX_GROUP_ROWS} rows are of one object")
            yield Group(owner, object_, owner_at, tuple(rows_of_group))

    def refusals(self) -> Iterator[tuple[int, str, str]]:
        """Line, reason and text of every row that was refused, by line."""
        self._flush()
        yield from self._connection.execute("SELECT line, reason, raw FROM rows WHERE reason IS NOT NULL ORDER BY line")

    def refusal_count(self) -> int:
        self._flush()
        return int(self._connection.execute("SELECT count(*) FROM rows WHERE reason IS NOT NULL").fetchone()[0])

    def row_count(self) -> int:
        self._flush()
        return int(self._connection.execute("SELECT count(*) FROM rows").fetchone()[0])

    def _put(self, row: tuple[Any, ...]) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._waiting)
            self._waiting.clear()
