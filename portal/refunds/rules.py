"""When a refund is asked for; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

_LOOK_AGAIN_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14), timedelta(days=30))


def next_look(look_count: int, succeeded_at: datetime) -> datetime | None:
    """When a refund that the gateway called done is asked for again, after `look_count` times; None when it stays done.

    The customer's bank may send it back for up to 30 days (https://docs.stripe.com/refunds#failed-refunds), and the event
    that tells so may be lost.
    """
    return succeeded_at + _LOOK_AGAIN_AFTER[look_count] if look_count < len(_LOOK_AGAIN_AFTER) else None
