"""When a message is tried again, and when it is given up; pure."""

from __future__ import annotations

from datetime import timedelta

MAX_ATTEMPTS = 12
LEASE = timedelta(seconds=45)
"""How long a worker holds a message; another takes it over after that. Every handler has to be done well before."""

_FIRST_PAUSE_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 3600


def is_last_try(attempts: int) -> bool:
    """Whether a failure after so many tries makes a dead letter."""
    return attempts >= MAX_ATTEMPTS


def retry_delay(attempts: int, chance: float) -> timedelta:
    """The pause after the n-th failed try: 5 s, doubled each time up to an hour, spread by a fifth either way.

    `chance` is between 0 and 1. All twelve tries take about two and a half hours.
    """
    seconds = min(_FIRST_PAUSE_SECONDS * 2 ** (max(1, attempts) - 1), _LONGEST_PAUSE_SECONDS)
    return timedelta(seconds=seconds * (0.8 + 0.4 * chance))
