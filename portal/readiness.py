"""Whether the database takes writes, proved by one, seldom: a full disk or a read-only one answers every read."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.database import Database
from portal.migrations import VERSION_TABLE

PROOF_SECONDS = 15
"""How long a write that succeeded is taken as proof of the next ones; one that failed is none, and is tried again each time."""
LEAST_FREE_BYTES = 2**20
"""On SQLite: with less free on its disk a small write may still find room where a payment does not."""


class WriteProof:
    """One process's knowledge of whether its database takes writes; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._proven_at = float("-inf")

    def holds(self) -> bool:
        """Return whether a write would succeed."""
        with self._lock:
            if not self._has_room():
                return False
            if time.monotonic() - self._proven_at >= PROOF_SECONDS:
                try:
                    self._write()
                except (SQLAlchemyError, OSError):
                    return False
                self._proven_at = time.monotonic()
            return True

    def _has_room(self) -> bool:
        path = self._database.url.database
        if not self._database.is_sqlite or not path or path == ":memory:":
            return True
        try:
            disk = os.statvfs(Path(path).parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize >= LEAST_FREE_BYTES

    def _write(self) -> None:
        """Commit a change that nothing reads: on SQLite to a number in the file's header, which has to differ to be written."""
        with self._database.unit_of_work() as session:
            if self._database.is_sqlite:
                session.execute(sa.text(f"PRAGMA user_version = {time.time_ns() % 2**31}"))
            else:
                session.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
                session.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = version_num"))  # noqa: S608 - a constant
