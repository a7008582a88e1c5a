"""When a message is retried, and when it becomes a dead letter; pure."""

from __future__ import annotations

from datetime import timedelta

MAX_ATTEMPTS = 12
LEASE = timedelta(seconds=45)
"""How long a worker holds a message; another takes it over after that. Every handler must finish well before."""

_FIRST_DELAY_SECONDS = 5
_MAX_DELAY_SECONDS = 3600


def is_last_try(attempts: int) -> bool:
    """Return whether a failure after so many attempts makes a dead letter."""
    return attempts >= MAX_ATTEMPTS


def retry_delay(attempts: int, chance: float) -> timedelta:
    """Return the delay after the n-th failed attempt: 5 s, doubled each time up to an hour, with a fifth of jitter.

    `chance` is a random number between 0 and 1. All twelve attempts take about two and a half hours.
    """
    seconds = min(_FIRST_DELAY_SECONDS * 2 ** (max(1, attempts) - 1), _MAX_DELAY_SECONDS)
    return timedelta(seconds=seconds * (0.8 + 0.4 * chance))
