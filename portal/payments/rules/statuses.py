"""Decisions about a payment, as pure functions: which status follows which, when to poll again, what an outcome means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from portal.gateways.contract import ChargeOutcome, State
from portal.gateways.polling import next_check as next_check
from portal.money import Money


class PaymentStatus(StrEnum):
    """Every status of a payment, from the checkout on."""

    INCOMPLETE = "incomplete"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    EXPIRED = "expired"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


PAYMENT_STATUSES = tuple(status.value for status in PaymentStatus)
UNSETTLED = frozenset({"processing", "requires_action", "pending"})
"""Confirmed and without a proven outcome: it holds its share of the invoices, and is polled until the outcome is known."""
WAITING = frozenset({"requires_action", "pending"})
"""Known to the gateway, and waiting for the customer, a telephone or a bank: some gateways can cancel it."""
CAPTURED = frozenset({"complete", "partially_refunded", "refunded"})
ENDED_WITHOUT_MONEY = frozenset({"failed", "canceled", "rejected", "abandoned", "expired"})

# What may follow what. Money that arrives after a payment has ended is booked all the same (threats, rules 22 and 23): each end
# without money may still become `complete`, by evidence of the gateway only.
TRANSITIONS = MappingProxyType(
    {
        "incomplete": frozenset({"processing", "canceled", "abandoned", "expired"}),
        "processing": frozenset(
            {"requires_action", "pending", "complete", "failed", "canceled", "rejected", "abandoned", "expired"}
        ),
        "requires_action": frozenset(
            {"processing", "pending", "complete", "failed", "canceled", "rejected", "abandoned", "expired"}
        ),
        "pending": frozenset({"requires_action", "complete", "failed", "canceled", "rejected", "expired"}),
        "complete": frozenset({"partially_refunded", "refunded"}),
        "partially_refunded": frozenset({"complete", "refunded"}),
        "refunded": frozenset({"complete", "partially_refunded"}),
        **{status: frozenset({"complete"}) for status in ENDED_WITHOUT_MONEY},
    }
)


SENDING = "sending"
"""What the customer's pages show in place of `processing` while the request is not at the gateway yet."""


def shown_status(status: str, *, nobody_is_asked: bool, is_being_sent: bool) -> str:
    """Return the status that the customer's pages show (`queries.standing` is the same in SQL).

    `nobody_is_asked`: the response with the address of the page on which the customer was to act was lost, or the customer wants it
    stopped, so that all there is to do is to ask the gateway. `is_being_sent`: see `sending.is_being_sent`.
    """
    if is_being_sent:
        return SENDING
    return "processing" if status in UNSETTLED and nobody_is_asked else status


STUCK_AFTER = timedelta(days=7)
"""An outcome that is unknown for longer needs the operator: `portal doctor` and `/metrics` report it."""
LATE_MONEY_WITHIN = timedelta(days=30)
"""For so long after a payment ended without money, an event about it causes a lookup of whether it was paid after all."""

# `expired`: nobody answered in time; `rejected`: the gateway did not accept the request, which never reached a bank.
_STATUS_OF_FAILURE = MappingProxyType(
    {
        "payer_canceled": "canceled",
        "page_canceled": "canceled",
        "page_expired": "expired",
        "timeout": "expired",
        "method_invalid": "rejected",
        "amount_unsupported": "rejected",
    }
)


def may_follow(status: str, following: str) -> bool:
    """Whether a payment in `status` may become `following`."""
    return following in TRANSITIONS[status]


@dataclass(frozen=True, slots=True)
class StatusDecision:
    """What an outcome means for a payment: its next status (its own when nothing changes), and whether it is a
    contradiction that the operator has to examine."""

    status: str
    is_contradiction: bool = False


def decide_status(
    status: str, requested: Money, reference: str, outcome: ChargeOutcome, *, was_opened: bool = False
) -> StatusDecision:
    """Return what an outcome means for a payment of which `requested` was charged under `reference`.

    Money of another amount, currency or reference is never booked as this payment (threats 94); a success after an end
    without money is booked; a failure after a success changes nothing and is a contradiction.
    """
    is_other_money = (
        outcome.money != requested if outcome.state is State.SUCCEEDED else outcome.money not in (None, requested)
    )
    if outcome.reference != reference or is_other_money:
        return StatusDecision(status, is_contradiction=True)
    match outcome.state:
        case State.SUCCEEDED:
            following = status if status in CAPTURED else "complete"
        case State.FAILED:
            if status in CAPTURED:
                return StatusDecision(status, is_contradiction=True)
            following = _STATUS_OF_FAILURE.get(outcome.failure_code or "", "failed")
            if outcome.failure_code == "page_expired" and was_opened:
                following = "abandoned"
            if not may_follow(status, following):
                following = status if status in ENDED_WITHOUT_MONEY else "failed"
        case State.PENDING:
            following = "pending"
        case State.REQUIRES_ACTION:
            following = "requires_action"
        case _:
            return StatusDecision(status)
    return StatusDecision(following if following != status and may_follow(status, following) else status)
