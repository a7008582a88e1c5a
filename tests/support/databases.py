"""Fresh, migrated databases for tests, cheaply: SQLite by copying a file, PostgreSQL by emptying one database a worker."""

from __future__ import annotations

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from portal.database import Database
from portal.migrations import VERSION_TABLE, upgrade
from tests.support.postgresql import locked, server_url

KINDS = ("sqlite", "postgresql")
FORK = "TESTS_FORK"
_MEMORY, _ENOUGH_BYTES = Path("/dev/shm"), 4 * 2**30


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the tests as its workers share it: a folder, the process that ends last, and this worker's name."""

    shared: Path
    owner_pid: int
    worker: str


def keep_in_memory() -> None:
    """Let pytest make its temporary folders in memory where there is room: SQLite waits for the disk at each commit.

    What a crash leaves on a disk is no matter of these; `tests/crash/powered_disk.py` is about that.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def migrated_sqlite_file(run: Run) -> Path:
    """A migrated, empty SQLite file to copy from; made by the first worker that needs it."""
    with locked(run.shared, "sqlite"):
        template = run.shared / "template.db"
        if not template.exists():
            draft = run.shared / "draft.db"
            database = Database(f"sqlite:///{draft}")
            upgrade(database)
            database.dispose()  # The last connection to go writes the log back into the file.
            draft.rename(template)
        return template


def copy_sqlite(template: Path, folder: Path) -> str:
    """The address of a copy of `template` in `folder`."""
    path = folder / f"portal-{uuid.uuid4().hex[:8]}.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


class RenewedSqlite:
    """One address of a SQLite database for all tests of a worker: an engine that is made anew compiles every statement anew.

    A fork of the worker that names itself in `FORK` has an address of its own: it would take the file away from its siblings,
    whose tests then fail of that.
    """

    def __init__(self, template: Path, folder: Path) -> None:
        self._template, self._folder = template, folder
        self._open("")

    def _open(self, fork: str) -> None:
        self._fork = fork
        self._path = self._folder / f"portal{fork}.db"
        self.database = Database(f"sqlite:///{self._path}")

    def renew(self) -> Database:
        """The database with a fresh copy of the file; whoever still has the one before open goes on with that one."""
        fork = os.environ.get(FORK, "")
        if fork != self._fork:
            self._open(fork)
        self.database.dispose()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()
        shutil.copyfile(self._template, self._path)
        self.database._file = None  # It would miss the file that it opened.
        return self.database


@contextmanager
def worker_postgresql(run: Run) -> Iterator[Database]:
    """A migrated PostgreSQL database of this worker alone, for the whole session; `empty` it before each test."""
    with empty_postgresql(run) as url:
        database = Database(url)
        upgrade(database)
        _create_emptying(database)
        try:
            yield database
        finally:
            gc.collect()  # A connection that a failure's traceback still holds goes back to the pool, and is closed with it.
            database.dispose()


@contextmanager
def empty_postgresql(run: Run) -> Iterator[str]:
    """The address of a new PostgreSQL database without any table, dropped at the end."""
    server = sa.make_url(server_url(run.shared, run.owner_pid))
    name = f"portal_test_{run.worker}_{uuid.uuid4().hex[:8]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


# Deleting the few rows of a test takes 1 ms, truncating 25 tables 20 ms. A server of our own lets us pass over triggers
# and foreign keys, which would refuse it; on one that is named by a setting we may not be allowed to. A function, whose statements
# each connection plans once: planned anew they cost as much again.
_FUNCTION = """
CREATE SCHEMA tests;
CREATE FUNCTION tests.empty_tables() RETURNS void LANGUAGE plpgsql SET lock_timeout = '5s'{passing_over_triggers} AS $$
BEGIN
{statements}
END $$
"""


def _create_emptying(database: Database) -> None:
    """Give a migrated PostgreSQL database the function that `empty` calls."""
    with database.reader.connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT quote_ident(tablename) FROM pg_tables"
            f" WHERE schemaname = 'public' AND tablename <> '{VERSION_TABLE}'"
        ).scalars()
        tables = list(names)
        if connection.exec_driver_sql("SELECT current_setting('is_superuser')").scalar() == "on":
            statements = "\n".join(f"DELETE FROM {table};" for table in tables)
            passing_over_triggers = " SET session_replication_role = replica"
        else:
            statements = f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE;"
            passing_over_triggers = ""
        connection.exec_driver_sql(_FUNCTION.format(statements=statements, passing_over_triggers=passing_over_triggers))


def empty(database: Database) -> None:
    """Take every row out of a worker's PostgreSQL database, whatever its triggers say, and keep the schema.

    Fails within seconds when an earlier test left a transaction open.
    """
    with database.reader.connect() as connection:
        connection.exec_driver_sql("SELECT tests.empty_tables()")


def controller_pid() -> int:
    """The process that starts and ends the run: a worker's parent, or this process where there are no workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
