"""The clock as an argument, so that all operations run under a clock that a test can move."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the current instant, aware and in UTC."""

    def now(self) -> datetime: ...


CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""How far the clocks of two processes may be apart (threats 220)."""


def has_begun(began_at: datetime, at: datetime) -> bool:
    """Return whether an instant that another process's clock gave has come, although the clock of `at` may be five minutes behind it."""
    return began_at <= at + CLOCKS_DIFFER_BY


def write_instant(at: datetime) -> str:
    """Return an instant as the API writes it: `2026-01-31T12:00:00Z`, to the second."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class MovableClock:
    """A clock that stands still until it is moved; for tests, the simulator and the demo's history."""

    at: datetime = field(default_factory=lambda: datetime(2026, 3, 19, 10, 42, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def advance(self, **amount: float) -> datetime:
        """Move on by `timedelta(**amount)` and return the new instant."""
        self.at += timedelta(**amount)
        return self.at

    def move_to(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock is moved to an aware instant")
        self.at = at.astimezone(UTC)
