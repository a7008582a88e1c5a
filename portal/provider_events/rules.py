"""The results of handling an event, and when it is retried; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

MAX_ATTEMPTS = 8
LATE_AFTER = timedelta(minutes=5)
"""An event that waits longer than this for its first try means that no worker is running."""

_RETRY_INTERVALS = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
)


class HandlingResult(StrEnum):
    """The result of one try. All but DONE are retried.

    UNKNOWN_HERE: it names an object of ours that does not exist, or not yet. NOT_OURS: no payment has the gateway's id that it
    names; retried because our commit may not be done yet, and finally no error, since a merchant may use its account
    elsewhere. NO_ANSWER: the gateway did not respond to the lookup, and nothing else will look it up.
    """

    DONE = "done"
    UNKNOWN_HERE = "unknown_here"
    NOT_OURS = "not_ours"
    NO_ANSWER = "no_answer"


def next_try(attempts: int, at: datetime) -> datetime:
    """Return when to retry an event after `attempts` tries: 10 s, 30 s, 1 min, 5 min, 15 min, 1 h, 3 h."""
    return at + _RETRY_INTERVALS[min(attempts, len(_RETRY_INTERVALS)) - 1]


def is_last_try(attempts: int) -> bool:
    """Return whether an event that failed so often is a dead letter; all tries together take four and a half hours."""
    return attempts >= MAX_ATTEMPTS
