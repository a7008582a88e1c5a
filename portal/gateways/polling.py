"""When a pending charge, refund or setup is polled again at its gateway; one schedule for all three."""

from __future__ import annotations

from datetime import datetime, timedelta

_INTERVALS = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(days=1),
)
RESEND_AFTER = timedelta(seconds=10)
"""How long a request may still be in flight. Earlier, a lookup that finds nothing proves nothing, and nothing is resent."""


def next_check(check_count: int, at: datetime) -> datetime:
    """Return when to poll again after `check_count` polls: 10 s, 30 s, 1 min, 5 min, 15 min, 1 h … then daily."""
    return at + _INTERVALS[min(check_count, len(_INTERVALS) - 1)]
