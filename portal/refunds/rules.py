"""What a refund takes of the customer's credit, and when it is asked for and given again; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class RefundStatus(StrEnum):
    """Every status of a refund."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"


TRANSITIONS = MappingProxyType(
    {"pending": frozenset({"complete", "failed"}), "complete": frozenset({"failed"}), "failed": frozenset()}
)
"""A refund ends once; one that is complete may still come back, days later, because the bank did not take it."""


def may_follow(status: str, following: str) -> bool:
    """Whether a refund in `status` may become `following`."""
    return following in TRANSITIONS[status]


RESEND_REFUND_AFTER = timedelta(minutes=1)
"""How long an order may still be on its way. Until then nobody gives it again: not every gateway knows an order by its reference
and refuses the second."""


def credit_to_take(amount: int, *, left: int, granted: int, free: int) -> int | None:
    """How much of a refund is taken from the customer's credit, in minor units; None when it cannot be given.

    `left` of the payment is not given back yet, and `granted` of that stands to the customer's credit, of which `free` can be
    taken now. Credit goes first, since no invoice needed it; what was spent of it was given to the customer already.
    """
    taken = min(amount, granted, free)
    return taken if amount - taken <= left - granted else None


_RECHECK_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14), timedelta(days=30))


def next_recheck(recheck_count: int, succeeded_at: datetime) -> datetime | None:
    """When a refund that the gateway called done is asked for again, after `recheck_count` times; None when it stays done.

    The customer's bank may send it back for up to 30 days (https://docs.stripe.com/refunds#failed-refunds), and the event
    that tells so may be lost.
    """
    return succeeded_at + _RECHECK_AFTER[recheck_count] if recheck_count < len(_RECHECK_AFTER) else None
