"""The portal's database through apsw instead of the standard library's driver: as much of a DBAPI as SQLAlchemy asks of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw
from sqlalchemy import Engine, event

from portal.database import Database

_FAULTS = {apsw.ConstraintError: sqlite3.IntegrityError, apsw.BusyError: sqlite3.OperationalError}


class ApswDatabase(Database):
    """Writes through the VFS of this name. `more_pragmas` follow those that the portal sets on each connection."""

    def __init__(self, url: str, vfs: str, *more_pragmas: str) -> None:
        self._vfs, self._more_pragmas = vfs, more_pragmas
        super().__init__(url)

    def _engine(self, pool_size: int, busy_seconds: float, **options: Any) -> Engine:
        engine = super()._engine(pool_size, busy_seconds, creator=self._connect, **options)
        event.listen(engine, "connect", self._set_more)
        return engine

    def _connect(self) -> _Connection:
        assert self.url.database is not None
        return _Connection(self.url.database, self._vfs)

    def _set_more(self, connection: _Connection, _record: object) -> None:
        for pragma in self._more_pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()


class _Connection:
    """A connection as sqlite3 has it, in autocommit mode: the portal says BEGIN itself."""

    isolation_level: str | None = None

    def __init__(self, file: str, vfs: str) -> None:
        self._inner = apsw.Connection(file, vfs=vfs)

    def cursor(self) -> _Cursor:
        return _Cursor(self._inner)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        cursor = self.cursor()
        cursor.execute(statement, parameters)
        return cursor

    def commit(self) -> None:
        if self._inner.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self._inner.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        self._inner.close()

    def create_function(self, name: str, count: int, work: Callable[..., Any], *, deterministic: bool = False) -> None:
        self._inner.create_scalar_function(name, work, count, deterministic=deterministic)


class _Cursor:
    """A cursor that has read everything when `execute` comes back, so that nothing stays open."""

    arraysize = 1

    def __init__(self, inner: apsw.Connection) -> None:
        self._inner = inner
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        before = self._inner.total_changes()
        cursor = self._inner.cursor()
        cursor.exec_trace = self._note_description
        try:
            self._rows = list(cursor.execute(statement, tuple(parameters)))
        except apsw.Error as fault:
            raise _FAULTS.get(type(fault), sqlite3.DatabaseError)(str(fault)) from fault
        self.rowcount = self._inner.changes() if self._inner.total_changes() != before else 0
        self.lastrowid = self._inner.last_insert_rowid()
        return self

    def _note_description(self, cursor: apsw.Cursor, _statement: str, _parameters: object) -> bool:
        # Here, since apsw tells no columns any more of a statement that gave no row.
        columns = cursor.get_description()
        self.description = [(column[0], *[None] * 6) for column in columns] or None
        return True

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> _Cursor:
        count = 0
        for row in rows:
            self.execute(statement, row)
            count += self.rowcount
        self.rowcount = count
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = arraysize) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        self._rows = []
