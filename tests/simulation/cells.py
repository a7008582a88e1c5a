"""Which deaths there are: a crash point, the state it left, the gateway's answer, who comes next. What cannot be says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from portal.payments.rules.statuses import CAPTURED, PAYMENT_STATUSES, UNSETTLED

ROOT = Path(__file__).resolve().parents[2]
RETRIERS = ("customer", "worker", "webhook")
ANSWERS = (
    "none",
    "succeeded",
    "declined",
    "insufficient_funds",
    "canceled",
    "pending",
    "requires_action",
    "other_amount",
    "lost_before",
    "server_error",
    "lost_after",
    "garbage",
    "late",
    "absent",
    "duplicate",
)
NOT_EXECUTED = frozenset({"lost_before", "server_error", "absent"})
"""After these the provider has done nothing, and never will."""
NOT_HEARD = frozenset({"lost_before", "server_error", "lost_after", "garbage", "late"})
"""Of these we understand nothing."""
_LATE = {
    "failed": frozenset({"declined", "insufficient_funds", "other_amount"}),
    "canceled": frozenset({"canceled", "succeeded", "other_amount"}),
    "expired": frozenset({"canceled", "succeeded", "other_amount"}),
    "abandoned": frozenset({"canceled", "succeeded", "other_amount"}),
}
"""What the provider answers about a payment that ended so."""

NOT_OF_PAYMENTS = {
    **dict.fromkeys(
        ("reminder.recorded", "reminder.committed"),
        "a reminder moves no money: it is killed in tests/integration and tests/crash",
    ),
    **dict.fromkeys(
        ("statements.announced", "statements.committed"),
        "an announcement moves no money: it is killed in tests/integration and tests/crash",
    ),
    "comparison.claimed": "it speaks of no payment: the comparison begins anew when its hour has come",
    **dict.fromkeys(
        ("setup.intent_committed", "setup.gateway_answered", "setup.looked_up"),
        "no money moves, and the simulated provider has no page for keeping a method: real processes are killed there",
    ),
}
"""Crash points without cells; runs die at the first of them all the same."""

_STATUS_OF_ANSWER = {
    "succeeded": "complete",
    "declined": "failed",
    "insufficient_funds": "failed",
    "canceled": "canceled",
    "pending": "pending",
    "requires_action": "requires_action",
}
"""What a payment becomes by an answer; by all others it stays in processing."""


@dataclass(frozen=True, order=True)
class Cell:
    """A death and its sequel: where, what was committed of the payment then, which answer it lost (where there had been no call
    yet, the one that the retry met last), and who came next: the customer, the worker by its schedule, or an event."""

    label: str
    state: str
    answer: str
    retrier: str

    def __str__(self) -> str:
        return f"{self.label} / {self.state} / {self.answer} / {self.retrier}"


def labels() -> tuple[str, ...]:
    """Every crash point that the portal's source names."""
    sources = sorted((ROOT / "portal").rglob("*.py"))
    return tuple(
        sorted({label for path in sources for label in re.findall(r'crash_point\("([^"]+)"\)', path.read_text())})
    )


def all_cells() -> Iterator[Cell]:
    """Every label with every state, answer and retrier, whether it can be or not."""
    for parts in product(labels(), PAYMENT_STATUSES, ANSWERS, RETRIERS):
        yield Cell(*parts)


def reachable_cells() -> list[Cell]:
    return [cell for cell in all_cells() if why_unreachable(cell) is None]


def why_unreachable(cell: Cell) -> str | None:
    """Why there is no such cell; None where there is. Raises LookupError for a label that nobody has thought about."""
    reasons = _REASONS.get(cell.label)
    if cell.label in NOT_OF_PAYMENTS:
        return NOT_OF_PAYMENTS[cell.label]
    if reasons is None:
        raise LookupError(f"no cells are written down for the crash point {cell.label}")
    if cell.answer == "duplicate":
        return (
            "an order is resent only after the provider said that it does not know it, in the same process and instant"
        )
    return reasons(cell)


def _intent_written(cell: Cell) -> str | None:
    if cell.state != "incomplete":
        return "the transaction was rolled back: the payment is what it was before"
    if cell.retrier != "customer":
        return "an unconfirmed payment is the customer's alone, and the provider has never heard of it"
    return _not_an_order(cell, "was never sent")


def _intent_committed(cell: Cell) -> str | None:
    if cell.state != "processing":
        return "the intent was committed, and nothing after it"
    if cell.retrier == "webhook":
        return "the provider has never heard of the payment"
    if cell.answer == "absent":
        return "nobody has set out to send it: it is sent without a question"
    return None  # Without an answer, it was too late to send it, or it was called off here.


def _send_claimed(cell: Cell) -> str | None:
    if cell.state != "processing":
        return "the claim was committed, and nothing after it"
    if cell.answer == "none":
        return "somebody has set out to send it: it is asked for first"
    if cell.retrier == "webhook" and cell.answer != "absent":
        return "the provider has never heard of the payment, unless an earlier order of it was late"
    return None


def _gateway_answered(cell: Cell) -> str | None:
    if cell.state != "processing":
        return "the answer was not recorded"
    return _no_event(cell) or _not_an_order(cell, "was just sent")


def _outcome_recorded(cell: Cell) -> str | None:
    status = _STATUS_OF_ANSWER.get(cell.answer, "processing")
    if cell.state != status:
        return f"by this answer the payment became {status}"
    if cell.retrier == "worker" and cell.state not in UNSETTLED:
        return "what has come to its end is not looked up by schedule"
    return _no_event(cell) or _not_an_order(cell, "was just sent")


def _looked_up(cell: Cell) -> str | None:
    if cell.answer == "none":
        return "a question was just answered"
    if cell.state in _LATE:
        return _looked_up_late(cell)
    if cell.state not in UNSETTLED:
        return "only what is unsettled is looked up, and what ended without money"
    if cell.state == "pending" and cell.answer == "requires_action":
        return "a provider that has begun to collect does not send the payer back"
    if cell.state != "processing" and cell.answer == "absent":
        return "the provider knows what it has reported to us"
    return None


def _looked_up_late(cell: Cell) -> str | None:
    """A payment that ended without money is looked up when an event is about it: money may have come after all."""
    if cell.answer in NOT_HEARD:
        return None
    if cell.answer not in _LATE[cell.state]:
        return "the provider says what it said before, or that what was called off was paid"
    return None


def _cancel_answered(cell: Cell) -> str | None:
    if cell.state not in ("requires_action", "pending"):
        return "only what waits for the payer is called off"
    if cell.answer in ("none", "absent"):
        return "the provider knows what it has reported to us"
    if cell.answer == "requires_action":
        return "what waits for the payer's next step can always be called off"
    return None


def _refund_intent_committed(cell: Cell) -> str | None:
    if cell.retrier == "webhook":
        return "the provider has never heard of the refund"
    if cell.answer == "none":
        return "nothing was looked up"
    return _not_a_refund(cell)


def _refund_answered(cell: Cell) -> str | None:
    if cell.answer in ("none", "absent"):
        return "the refund was just sent"
    if cell.retrier == "webhook" and cell.answer in NOT_EXECUTED:
        return "the provider has done nothing that it could tell of"
    return _not_a_refund(cell)


def _refund_looked_up(cell: Cell) -> str | None:
    if cell.answer == "none":
        return "a question was just answered"
    if cell.retrier == "webhook" and cell.answer == "absent":
        return "the provider has never heard of the refund"
    if cell.state == "complete" and cell.answer in ("succeeded", "pending", "absent"):
        return "the refund had failed, which is its end at the provider"
    return _not_a_refund(cell, "complete")


def _event(cell: Cell) -> str | None:
    if cell.state in ("incomplete", "rejected"):
        return "the provider has never heard of the payment, and refuses no order"
    if cell.answer != "none":
        return "an event is a hint: what is looked up because of it stands in the payment's own cells"
    if cell.retrier == "customer":
        return "a customer knows of no event"
    return "it is stored already: to send it again moves nothing" if _is_after_storing(cell) else None


def _is_after_storing(cell: Cell) -> bool:
    return cell.retrier == "webhook" and cell.label != "event.stored"


def _delivery(cell: Cell) -> str | None:
    if cell.state not in CAPTURED:
        return "a receipt is for money that came"
    if cell.answer != "none":
        return "no gateway takes part in a receipt"
    return None if cell.retrier == "worker" else "only the worker delivers"


def _not_an_order(cell: Cell, why: str) -> str | None:
    """What a provider does not answer to an order, or to the question before it."""
    if cell.answer in ("none", "absent"):
        return f"the payment {why}"
    return None


def _not_a_refund(cell: Cell, *also: str) -> str | None:
    """`also` are states in which the refund in hand has failed before, so that its share was released."""
    if cell.state not in ("partially_refunded", "refunded", *also):
        return "the refund's share was set aside with its intent"
    if cell.retrier == "customer":
        return "a customer gives no refund"
    if cell.answer in ("requires_action", "insufficient_funds", "canceled"):
        return "no payer confirms a refund, and none can call it off"
    return None


def _no_event(cell: Cell) -> str | None:
    if cell.retrier == "webhook" and cell.answer in NOT_EXECUTED:
        return "the provider has done nothing that it could tell of"
    return None


_REASONS = {
    "payment.intent_written": _intent_written,
    "payment.intent_committed": _intent_committed,
    "payment.send_claimed": _send_claimed,
    "payment.gateway_answered": _gateway_answered,
    "payment.outcome_recorded": _outcome_recorded,
    "payment.looked_up": _looked_up,
    "payment.stop_requested": _cancel_answered,
    "payment.cancel_answered": _cancel_answered,
    "refund.intent_committed": _refund_intent_committed,
    "refund.gateway_answered": _refund_answered,
    "refund.looked_up": _refund_looked_up,
    "event.stored": _event,
    "event.claimed": _event,
    "event.handled": _event,
    "outbox.leased": _delivery,
    "outbox.delivered": _delivery,
}
