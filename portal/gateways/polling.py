"""When a provider is asked again about what it has not told yet; the same schedule for charges, refunds and setups."""

from __future__ import annotations

from datetime import datetime, timedelta

_ASK_AFTER = (
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
SEND_AGAIN_AFTER = timedelta(seconds=10)
"""How long an order may still be on its way: before that a provider that has never heard of it proves nothing."""


def next_check(check_count: int, at: datetime) -> datetime:
    """When to ask the gateway again after `check_count` times: 10 s, 30 s, 1 min, 5 min, 15 min, 1 h … then daily."""
    return at + _ASK_AFTER[min(check_count, len(_ASK_AFTER) - 1)]
