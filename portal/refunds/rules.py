"""Decisions about a refund, as pure functions: its statuses, what it takes of the customer's credit, when it is resent and rechecked."""

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
"""A refund ends once; a complete one may still fail days later, when the bank returns it."""


def may_follow(status: str, following: str) -> bool:
    """Whether a refund in `status` may become `following`."""
    return following in TRANSITIONS[status]


RESEND_REFUND_AFTER = timedelta(minutes=1)
"""How long a refund request may still be in flight, during which it is not resent: not every gateway identifies a request by its
reference and refuses a duplicate."""


def credit_to_take(amount: int, *, left: int, granted: int, free: int) -> int | None:
    """Return how much of a refund is taken from the customer's credit, in minor units; None when the refund is not possible.

    `left` of the payment is not refunded yet; `granted` of that became the customer's credit, of which `free` can be taken now.
    Credit is taken first, since no invoice needed it; credit that was spent cannot be refunded as well.
    """
    taken = min(amount, granted, free)
    return taken if amount - taken <= left - granted else None


_RECHECK_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14), timedelta(days=30))


def next_recheck(recheck_count: int, succeeded_at: datetime) -> datetime | None:
    """Return when a complete refund is rechecked at the gateway after `recheck_count` rechecks; None when it is final.

    The customer's bank may return it for up to 30 days (https://docs.stripe.com/refunds#failed-refunds), and the event about that
    may be lost.
    """
    return succeeded_at + _RECHECK_AFTER[recheck_count] if recheck_count < len(_RECHECK_AFTER) else None
