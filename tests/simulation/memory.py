"""A database in memory, made once a process and set back to a copy of its beginning for every run."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa

from portal.database import Database


class MemoryDatabase(Database):
    """Both ways into the database share the one connection there is: what is not committed when a process dies is rolled back.

    One thread at a time. `connection` is for those who look on: the invariants read through it.
    """

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA foreign_keys=ON")
        super().__init__("sqlite://")

    def keep(self) -> sqlite3.Connection:
        """A copy of the whole database as it is now."""
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        self.connection.backup(kept)
        return kept

    def set_back(self, kept: sqlite3.Connection) -> None:
        """Bring the database to what `keep` gave. (`deserialize` would leave prepared statements that point into the old one.)"""
        assert not self.connection.in_transaction, "a run leaves no transaction open"
        kept.backup(self.connection)

    def _engine(self, pool_size: int, busy_seconds: float, **options: Any) -> sa.Engine:
        return sa.create_engine(self.url, creator=lambda: self.connection, poolclass=sa.StaticPool, **options)
