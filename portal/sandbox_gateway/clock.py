"""The gateway's clock: system time plus an offset that the control API sets; stored, so that it survives a restart."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from portal.sandbox_gateway.storage import SandboxDatabase, find_setting, record_setting

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
"""Durations in milliseconds, the unit of all instants in the gateway."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_OFFSET_SECONDS = 20 * 365 * 86_400


class GatewayClock:
    """The gateway's time in milliseconds since 1970."""

    def __init__(self, database: SandboxDatabase) -> None:
        self._database = database
        with database.read() as connection:
            self._offset_seconds = int(find_setting(connection, "clock_offset_seconds") or 0)

    @property
    def offset_seconds(self) -> int:
        return self._offset_seconds

    def now(self) -> int:
        return system_now() + self._offset_seconds * SECOND

    def move_to_offset(self, seconds: int) -> None:
        """Set the clock to system time plus this many seconds. Raises ValueError beyond twenty years."""
        if abs(seconds) > MAX_OFFSET_SECONDS:
            raise ValueError("the clock moves by twenty years at most")
        with self._database.write() as connection:
            record_setting(connection, "clock_offset_seconds", str(seconds))
        self._offset_seconds = seconds


def system_now() -> int:
    return time.time_ns() // 1_000_000


def format_instant(milliseconds: int) -> str:
    """`2026-01-31T12:00:00Z`, truncated to the second."""
    return datetime.fromtimestamp(milliseconds // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> int:
    """Return the milliseconds of an ISO 8601 instant with a UTC offset. Raises ValueError for anything else."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant names its offset, as in 2026-01-31T12:00:00Z")
    return (instant - _EPOCH) // timedelta(milliseconds=1)
