"""Access to the database: engines for SQLite and PostgreSQL, reads without a transaction, units of work in one transaction,
and column types with the same meaning on both."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect, Engine, MetaData, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator, TypeEngine

T = TypeVar("T")
Reader = Connection | Session
"""What a query reads through: a connection outside a transaction, or the session of a unit of work."""

STRICT: dict[str, Any] = {"sqlite_strict": True}
"""Table options of every table: SQLite refuses a text in a column of numbers."""

# One encoder for all: `json.dumps` makes one each time.
_write_json = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_log = logging.getLogger(__name__)
_BEFORE_COMMIT, _AFTER_COMMIT = "portal.before_commit", "portal.after_commit"
_RETRIED = {"40001", "40P01"}  # Serialization failure and deadlock: the whole unit of work is retried.


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: `timestamptz` on PostgreSQL, microseconds since 1970 in an INTEGER on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Integer() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a timezone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], datetime | None]:
        # The function itself and not `process_result_value`, which costs two more calls for each value.
        return _instant_of_sqlite if dialect.name == "sqlite" else _instant_of_server


class Day(TypeDecorator[date]):
    """A calendar date: `date` on PostgreSQL, `YYYY-MM-DD` on SQLite."""

    impl = sa.Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], date | None] | None:
        return _day_of_sqlite if dialect.name == "sqlite" else None


class Flag(TypeDecorator[bool]):
    """Yes or no: `boolean` on PostgreSQL, 0 or 1 on SQLite."""

    impl = sa.Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Integer() if dialect.name == "sqlite" else sa.Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return int(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Json(TypeDecorator[Any]):
    """A small document: `jsonb` on PostgreSQL, text on SQLite."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return _write_json(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) and dialect.name == "sqlite" else value


Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""An id or a key word: sorts by bytes on both databases, whatever the server's locale."""
Text = sa.Text()
Minor = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Money in minor units; the currency stands beside it."""
Count = sa.Integer()
Digest = sa.LargeBinary()


class Base(DeclarativeBase):
    """The root of all tables; constraints are named, so that domain errors are recognised by name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> sa.Table:
    """Return the table of a model, whose columns stand in statements of plain rows.

    The same statement of the model's attributes costs twice as much in a session, which then sets up the ORM for it.
    """
    return cast(sa.Table, model.__table__)


class Database:
    """Reads and transactions of one database; thread-safe, created once for each process."""

    def __init__(self, url: str, *, pool_size: int = 8, busy_seconds: float = 15) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            with suppress(OSError):  # If the folder cannot be created, the first connection raises.
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.writer = self._engine(pool_size, busy_seconds)
        # Reads need no BEGIN and no ROLLBACK: a page is 25 % cheaper without (measured), and sees each statement's own snapshot.
        self.reader = self._engine(pool_size, busy_seconds, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        self._file: tuple[int, int] | None = None
        if self.is_sqlite:
            # A hook of the dialect, since an event of the engine makes every statement dearer.
            self.writer.dialect.do_begin = _begin_immediate  # type: ignore[method-assign, assignment]  # the dialect is this engine's own
        self._local = threading.local()
        self.session_info: dict[str, Any] = {}
        """What composition roots put into each session's `info`: what operations need of the process and no row has."""
        self.application_context: Callable[[], AbstractContextManager[Any]] = nullcontext
        """The context of the callbacks after a commit: in a host application, its application context."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that reads outside any transaction; never write through it."""
        with self.reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection whose statements all see the same snapshot of the database; for checks that compare tables."""
        with self.reader.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    connection.exec_driver_sql("ROLLBACK")
            else:
                with connection.execution_options(isolation_level="REPEATABLE READ").begin():
                    yield connection

    def reading(self) -> Reading:
        """Return a `read` through a connection that this thread holds, for the threads of a server, which read again and again.

        Taking a connection from the pool and returning it costs as much as a statement. A database error releases it.
        """
        return Reading(self.reader, self._local)

    @contextmanager
    def unit_of_work(self) -> Iterator[Session]:
        """Yield one write transaction: committed at the end of the block, rolled back when it raises.

        On SQLite it takes the write lock at once, so that what it reads cannot change under it. Never held over a call
        to a gateway or a mail server.
        """
        with self._session() as session, session.begin():
            yield session
            session.flush()
            for callback in session.info.pop(_BEFORE_COMMIT, ()):
                callback(session)
        self._call_after_commit(session.info.pop(_AFTER_COMMIT, ()))

    def run(self, work: Callable[[Session], T], *, retries: int = 5) -> T:
        """Return the result of `work` in a unit of work, which is retried as a whole after a deadlock or serialization failure."""
        for attempt in range(retries + 1):
            try:
                with self.unit_of_work() as session:
                    return work(session)
            except DBAPIError as fault:
                if attempt == retries or getattr(fault.orig, "sqlstate", None) not in _RETRIED:
                    raise
                time.sleep(secrets.randbelow(20 * 2**attempt) / 1000)
        raise AssertionError("a retry either returns or raises")

    def _call_after_commit(self, callbacks: Sequence[Callable[[], None]]) -> None:
        """Call what waited for the commit. What fails there, the host's context and its teardown included, must not look like a
        failure of the work, which is committed: it would be reported as failed, or done again."""
        if not callbacks:
            return
        try:
            with self.application_context():
                for callback in callbacks:
                    callback()
        except Exception:  # It is the host's code, which may fail in any way.
            _log.exception("after_commit.failed")

    def is_same_file(self) -> bool:
        """Return whether SQLite's file is still the one that this process opened. Open connections outlive a file that was moved
        or replaced, and work on without an error. True for a server, which reports by itself that it is gone."""
        if not self.is_sqlite or not self.url.database:
            return True
        found = _file_of(self.url.database)
        return found is not None and self._file in (None, found)

    def forget_old_pages(self) -> None:
        """Write SQLite's log back into its file and empty it, as far as no other connection reads from it: old pages are in it, with what
        was erased since. The next call does what this one could not. A server has its own ways (docs/privacy.md)."""
        if self.is_sqlite:
            with self.read() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    def dispose(self) -> None:
        """Close every pooled connection and the one that this thread holds; a forked worker calls it before its first query."""
        self.reading().release()
        self.reader.dispose()
        self.writer.dispose()

    def _session(self) -> Session:
        return Session(self.writer, expire_on_commit=False, autoflush=True, info=self.session_info)

    def _engine(self, pool_size: int, busy_seconds: float, **options: Any) -> Engine:
        # Parameters of a statement may be personal data, and the message of an error is logged.
        options["hide_parameters"] = True
        if self.is_sqlite:
            engine = sa.create_engine(self.url, pool_size=pool_size, max_overflow=50, poolclass=sa.QueuePool, **options)
            event.listen(engine, "connect", self._note_file)
            event.listen(engine, "connect", _configure_sqlite(int(busy_seconds * 1000)))
            return engine
        return sa.create_engine(self.url, pool_size=pool_size, max_overflow=10, pool_pre_ping=False, **options)

    def _note_file(self, *_: Any) -> None:
        path = self.url.database
        # Opening a database that does not exist creates an empty file, which does not count.
        if self._file is None and path and os.path.isfile(path) and os.path.getsize(path):
            self._file = _file_of(path)


class Reading:
    """The thread's own connection for reads, for the length of a block."""

    __slots__ = ("_engine", "_local")

    def __init__(self, engine: Engine, local: threading.local) -> None:
        self._engine = engine
        self._local = local

    def __enter__(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
        return connection

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        if isinstance(fault, SQLAlchemyError):
            self.release()

    def release(self) -> None:
        """Return the connection to the pool, which checks whether it still works."""
        connection: Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()


def run_before_commit(session: Session, callback: Callable[[Session], None]) -> None:
    """Call `callback` at the end of the unit of work of `session`, with all its changes flushed, and not at all when it is rolled back.

    For what is derived from the changes: its locks are taken last, and are held for the commit alone. What it changes itself through
    the session's objects calls nothing again.
    """
    session.info.setdefault(_BEFORE_COMMIT, []).append(callback)


def run_after_commit(session: Session, callback: Callable[[], None]) -> None:
    """Call `callback` after the unit of work of `session` is committed, and not at all when it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(callback)


def constraint_of(fault: DBAPIError) -> str:
    """Return the name of the constraint that an IntegrityError broke, or the database's message where it has no name.

    SQLite names a broken CHECK, and of a broken unique index the columns; PostgreSQL names both.
    """
    name = getattr(getattr(fault.orig, "diag", None), "constraint_name", None)
    return str(name) if name else str(fault.orig)


def _instant_of_sqlite(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(0, 0, value)


def _instant_of_server(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _day_of_sqlite(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _file_of(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file; None when it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configure_sqlite(busy_milliseconds: int) -> Callable[[Any, Any], None]:
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={busy_milliseconds}",
            "foreign_keys=ON",
            "secure_delete=ON",  # What is erased is overwritten in the file, and not only left out of it.
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return configure


def _begin_immediate(connection: Any) -> None:
    connection.execute("BEGIN IMMEDIATE")
