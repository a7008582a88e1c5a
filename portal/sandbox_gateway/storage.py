"""The gateway's SQLite database: its schema and its transactions; no payment rules.

A crash at any point leaves no half-written charge: what belongs together is written in one transaction, WAL with
`synchronous=FULL` makes a committed one durable, and unique constraints decide between two concurrent writers.
"""

from __future__ import annotations

import queue
import secrets
import sqlite3
import string
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

ALPHABET = string.digits + string.ascii_letters
SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
SCHEMA_VERSION = 2
_UPGRADES = {
    1: "ALTER TABLE tokens ADD COLUMN detached_at INTEGER;"
    "ALTER TABLE refunds ADD COLUMN due_failure_code TEXT;"
    "ALTER TABLE refunds ADD COLUMN webhooks TEXT NOT NULL DEFAULT 'normal';"
    "ALTER TABLE refunds ADD COLUMN webhook_delay_seconds INTEGER NOT NULL DEFAULT 0;",
}
"""Migrations of the tables of older databases, by version; the schema then creates the tables that are missing."""


class NewerSchema(Exception):
    """The database was created by a newer version of the gateway."""


class SandboxDatabase:
    """A pool of connections to one SQLite file, shared by the threads of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            _prepare(connection, path)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading; each statement sees what is committed when it runs."""
        with self._connection() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction, exclusive from its start; committed at the end, rolled back by an exception."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself when the disk was full.
                with suppress(sqlite3.OperationalError):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = _connect(self._path)
        try:
            yield connection
        finally:
            self._idle.put(connection)


def new_id(prefix: str) -> str:
    """Return an unguessable id: the prefix, an underscore, and 24 letters and digits."""
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(24))


def find_setting(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["value"])


def record_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _connect(path: Path) -> sqlite3.Connection:
    # The pool gives a connection to one thread at a time, but not always to the same one.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        with closing(connection.execute(f"PRAGMA {pragma}")):
            pass
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise NewerSchema(f"{path} was written by a newer version of the sandbox gateway; remove it to begin anew")
    if version == SCHEMA_VERSION:
        return
    changes = "\n".join(_UPGRADES[step] for step in range(version, SCHEMA_VERSION)) if version else ""
    # One script in one transaction: a crash leaves the database as it was.
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{changes}\n{SCHEMA}\n"
        f"INSERT OR IGNORE INTO settings (name, value) VALUES ('fingerprint_key', '{secrets.token_hex(32)}');\n"
        f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )
