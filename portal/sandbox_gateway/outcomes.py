"""What each test number makes happen; pure rules, no storage.

Source: contract, section 6; the further card numbers are the usual ones of payment documentation. A number that is
not listed is refused before anything is stored: a real card has no business here.
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
class Outcome:
    """How a charge begins; a pending one with `due_after` (milliseconds) ends in `due_status` by itself."""

    status: ChargeStatus
    failure_code: FailureCode | None = None
    due_after: int | None = None
    due_status: Literal["succeeded", "failed"] | None = None
    due_failure_code: FailureCode | None = None
    answers_500: bool = False


PROMPT = 3 * SECOND
CLEARING = 2 * DAY

OUTCOMES: dict[str, Outcome] = {
    "succeeds": Outcome("succeeded"),
    "declined": Outcome("failed", "card_declined"),
    "insufficient_funds": Outcome("failed", "insufficient_funds"),
    "expired_card": Outcome("failed", "expired_card"),
    "asks_3d_secure": Outcome("requires_action"),
    "errs": Outcome("pending", due_after=PROMPT, due_status="succeeded", answers_500=True),
    "prompt_succeeds": Outcome("pending", due_after=PROMPT, due_status="succeeded"),
    "prompt_insufficient_funds": Outcome(
        "pending", due_after=PROMPT, due_status="failed", due_failure_code="insufficient_funds"
    ),
    "prompt_fails": Outcome("pending", due_after=PROMPT, due_status="failed", due_failure_code="processing_error"),
    "prompt_cancelled": Outcome("pending", due_after=PROMPT, due_status="failed", due_failure_code="payer_cancelled"),
    "prompt_unanswered": Outcome("pending"),
    "clears": Outcome("pending", due_after=CLEARING, due_status="succeeded"),
    "returned": Outcome("pending", due_after=CLEARING, due_status="failed", due_failure_code="returned_unpaid"),
}


REFUSED_FOR_KEEPING = frozenset({"declined", "expired_card"})
"""Outcomes of cards whose bank does not let them be kept; an empty account is no reason, as nothing is taken."""


@dataclass(frozen=True, slots=True)
class SandboxCard:
    """One card number of the sandbox: its brand and the name of its outcome."""

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
    """By the last six digits; any other number is answered as `000000` is."""
    return _PHONES.get(digits[-6:], "prompt_succeeds")


def outcome_of_bank_account(number: str) -> str:
    """By the last four characters; any other account clears."""
    return _BANK_ACCOUNTS.get(number[-4:], "clears")


def is_luhn_valid(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
