"""The outcome that each test number simulates; rules only, no storage.

Source: contract, section 6; the other card numbers are those of common payment documentation. Any other number is
rejected before anything is stored, so that no real card ends up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portal.sandbox_gateway.clock import DAY, SECOND

ChargeStatus = Literal["succeeded", "failed", "pending", "requires_action", "canceled"]
FailureCode = Literal[
    "card_declined",
    "insufficient_funds",
    "authentication_failed",
    "expired_card",
    "payer_cancelled",
    "timeout",
    "returned_unpaid",
    "processing_error",
]

FAILURE_MESSAGES: dict[str, str] = {
    "card_declined": "The issuer declined the card and gave no reason.",
    "insufficient_funds": "There was not enough money.",
    "authentication_failed": "The payer was not confirmed by 3-D Secure.",
    "expired_card": "The card has expired.",
    "payer_cancelled": "The payer cancelled the request.",
    "timeout": "The payer did not answer in time.",
    "returned_unpaid": "The bank returned the debit unpaid.",
    "processing_error": "The operator could not carry the payment out.",
}


@dataclass(frozen=True, slots=True)
class SimulatedOutcome:
    """The first status of a charge; a pending one gets `due_status` after `due_after` milliseconds, if that is set."""

    status: ChargeStatus
    failure_code: FailureCode | None = None
    due_after: int | None = None
    due_status: Literal["succeeded", "failed"] | None = None
    due_failure_code: FailureCode | None = None
    answers_500: bool = False


PROMPT_DURATION = 3 * SECOND
"""From the prompt on the phone to the answer of its payer."""

CLEARING_DURATION = 2 * DAY
"""From a bank debit or refund to its completion."""

OUTCOMES: dict[str, SimulatedOutcome] = {
    "succeeds": SimulatedOutcome("succeeded"),
    "declined": SimulatedOutcome("failed", "card_declined"),
    "insufficient_funds": SimulatedOutcome("failed", "insufficient_funds"),
    "expired_card": SimulatedOutcome("failed", "expired_card"),
    "asks_3d_secure": SimulatedOutcome("requires_action"),
    "errs": SimulatedOutcome("pending", due_after=PROMPT_DURATION, due_status="succeeded", answers_500=True),
    "prompt_succeeds": SimulatedOutcome("pending", due_after=PROMPT_DURATION, due_status="succeeded"),
    "prompt_insufficient_funds": SimulatedOutcome(
        "pending", due_after=PROMPT_DURATION, due_status="failed", due_failure_code="insufficient_funds"
    ),
    "prompt_fails": SimulatedOutcome(
        "pending", due_after=PROMPT_DURATION, due_status="failed", due_failure_code="processing_error"
    ),
    "prompt_cancelled": SimulatedOutcome(
        "pending", due_after=PROMPT_DURATION, due_status="failed", due_failure_code="payer_cancelled"
    ),
    "prompt_unanswered": SimulatedOutcome("pending"),
    "clears": SimulatedOutcome("pending", due_after=CLEARING_DURATION, due_status="succeeded"),
    "returned": SimulatedOutcome(
        "pending", due_after=CLEARING_DURATION, due_status="failed", due_failure_code="returned_unpaid"
    ),
}


REFUSED_WHEN_SAVING = frozenset({"declined", "expired_card"})
"""Outcomes of cards that cannot be saved. Insufficient funds is not one of them, since saving charges nothing."""


@dataclass(frozen=True, slots=True)
class SandboxCard:
    """A test card: its brand and the name of its outcome."""

    brand: str
    outcome: str


SANDBOX_CARDS: dict[str, SandboxCard] = {
    "4242424242424242": SandboxCard("visa", "succeeds"),
    "4000056655665556": SandboxCard("visa", "succeeds"),
    "4111111111111111": SandboxCard("visa", "succeeds"),
    "5555555555554444": SandboxCard("mastercard", "succeeds"),
    "2223003122003222": SandboxCard("mastercard", "succeeds"),
    "5105105105105100": SandboxCard("mastercard", "succeeds"),
    "378282246310005": SandboxCard("amex", "succeeds"),
    "6011111111111117": SandboxCard("discover", "succeeds"),
    "4000000000000002": SandboxCard("visa", "declined"),
    "4000000000009995": SandboxCard("visa", "insufficient_funds"),
    "4000000000000069": SandboxCard("visa", "expired_card"),
    "4000000000003220": SandboxCard("visa", "asks_3d_secure"),
    "4000000000000119": SandboxCard("visa", "errs"),
}

_PHONES = {
    "000000": "prompt_succeeds",
    "000001": "prompt_insufficient_funds",
    "000002": "prompt_fails",
    "000003": "prompt_unanswered",
    "000004": "prompt_cancelled",
}
_BANK_ACCOUNTS = {"0001": "clears", "0002": "returned"}


def outcome_of_phone(digits: str) -> str:
    """By the last six digits; any other number succeeds as `000000` does."""
    return _PHONES.get(digits[-6:], "prompt_succeeds")


def outcome_of_bank_account(number: str) -> str:
    """By the last four characters; any other account clears."""
    return _BANK_ACCOUNTS.get(number[-4:], "clears")


def is_luhn_valid(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
