"""A database in memory, made once a process and brought back to its beginning for every run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from portal.database import Database
from tests.simulation.statements import Statements

_PREPARED = 1000
"""How many statements stay prepared: more than there are. To prepare one costs more than to run it."""


class _Session(Session):
    """A unit of work whose prepared statements go straight to SQLite."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database.writing, expire_on_commit=False, autoflush=True)
        self._database = database

    def execute(self, statement: Any, params: Any = None, **options: Any) -> Any:
        run = None if options or self.in_nested_transaction() else self._database.statements.find(statement, params)
        if run is None:
            return super().execute(statement, params, **options)
        if not self._database.in_transaction:
            self.connection()  # It begins now.
        if self.autoflush:
            self.flush()
        return run()


@dataclass(frozen=True, slots=True)
class _Reader:
    """A connection whose prepared statements go straight to SQLite."""

    statements: Statements
    connection: Connection

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        run = self.statements.find(statement, parameters)
        return run() if run is not None else self.connection.execute(statement, parameters)


class MemoryDatabase(Database):
    """Both ways into the database share the one connection there is: what is not committed when a process dies is rolled back.

    One thread at a time. `connection` is for those who look on: the invariants read through it.

    A run is one transaction of SQLite's, and the portal's transactions are savepoints in it: to roll it back takes no time, and
    leaves all statements prepared, which a copy of the database does not. A deferred foreign key is checked at no savepoint: an
    invariant does instead.
    """

    def __init__(self) -> None:
        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=_PREPARED
        )
        self.connection.execute("PRAGMA foreign_keys=ON")
        self.in_transaction = False
        """Whether the portal is in a transaction."""
        self._is_run = False
        super().__init__("sqlite://")
        # The hooks by which SQLAlchemy lets a database begin and end transactions; who only reads has none to end.
        writer, reader = cast(Any, self.writer.dialect), cast(Any, self.reader.dialect)
        writer.do_begin, writer.do_commit, writer.do_rollback = self._begin, self._commit, self._rollback
        reader.do_commit = reader.do_rollback = lambda _connection: None
        # The first one sets the connection up, which commits whatever is under way.
        self.writing = self.writer.connect()
        self.statements = Statements(self.connection, self.writer.dialect)
        self._only_session = _Session(self)
        self._reader = _Reader(self.statements, self.reader.connect())

    def begin_run(self) -> None:
        """Bring the database to what it was when this was called first."""
        assert not self.in_transaction, "a run leaves no transaction open"
        if self._is_run:
            self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN")
        self._is_run = True

    def give_up(self) -> None:
        """Roll back the transaction that a run has left open, if it has."""
        self._rollback()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """The one connection for reads; none of them changes what the next one finds."""
        yield cast(Connection, self._reader)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Nobody else changes anything meanwhile."""
        yield cast(Connection, self._reader)

    def _session(self) -> Session:
        # One after the other: to make one costs as much as three statements.
        self._only_session.info.clear()
        self._only_session.info.update(self.session_info)
        return self._only_session

    def _begin(self, *_: Any) -> None:
        assert not self.in_transaction, "one transaction at a time"
        self.connection.execute("SAVEPOINT portal" if self._is_run else "BEGIN IMMEDIATE")
        self.in_transaction = True

    def _commit(self, *_: Any) -> None:
        self.connection.execute("RELEASE portal" if self._is_run else "COMMIT")
        self.in_transaction = False

    def _rollback(self, *_: Any) -> None:
        if not self.in_transaction:
            return
        if self._is_run:
            self.connection.execute("ROLLBACK TO portal")
            self.connection.execute("RELEASE portal")
        else:
            self.connection.execute("ROLLBACK")
        self.in_transaction = False

    def _engine(self, pool_size: int, busy_seconds: float, **options: Any) -> sa.Engine:
        return sa.create_engine(self.url, creator=lambda: self.connection, poolclass=sa.StaticPool, **options)
