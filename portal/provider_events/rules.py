"""What comes of handling an event, and when it is tried again; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

MOST_TRIES = 8
LATE_AFTER = timedelta(minutes=5)
"""An event that waits for longer than this on its first try means that no worker runs."""

_TRY_AGAIN_AFTER = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
)


class Handled(StrEnum):
    """What came of one try.

    UNKNOWN_HERE: it names something of ours that is not there, or not yet; it is parked. NOT_OURS: nothing of ours has the
    gateway's id that it names; parked as well, since our own commit may be on its way, and in the end no fault of anybody's:
    a merchant may use its account elsewhere. NO_ANSWER: the gateway was asked, and nothing else will ask it again.
    """

    DONE = "done"
    UNKNOWN_HERE = "unknown_here"
    NOT_OURS = "not_ours"
    NO_ANSWER = "no_answer"


def next_try(attempts: int, at: datetime) -> datetime:
    """When an event is tried again that was tried `attempts` times: 10 s, 30 s, 1 min, 5 min, 15 min, 1 h, 3 h."""
    return at + _TRY_AGAIN_AFTER[min(attempts, len(_TRY_AGAIN_AFTER)) - 1]


def is_last_try(attempts: int) -> bool:
    """Whether an event that came to nothing so often goes aside; the tries take four and a half hours together."""
    return attempts >= MOST_TRIES
