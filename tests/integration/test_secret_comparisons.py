"""Secrets are compared in constant time: whatever somebody sends to be compared goes through the one function that does."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.gateways.contract import EventRefused
from portal.gateways.notchpay import events as notchpay_events
from portal.gateways.sandbox import SandboxGateway
from portal.gateways.stripe import events as stripe_events
from portal.sign_in.rules.tokens import challenge_of, is_code_of, link_token
from portal.web.csrf import CsrfTokens
from portal.web.probes import _may_read_metrics

KEYS = (b"a secret for tests alone of more than thirty-two characters",)
CHALLENGE = "sic_0123456789abcdefghijkl"
NOW = datetime(2026, 3, 19, tzinfo=UTC)


def guess_code(guess: str) -> bool:
    return is_code_of(KEYS, "mer_1", CHALLENGE, code=guess[:8])


def guess_link(guess: str) -> bool:
    token = link_token(KEYS, "mer_1", CHALLENGE)
    return challenge_of(KEYS, "mer_1", token[: -len(guess[:43])] + guess[:43]) is not None


def guess_csrf_token(guess: str) -> bool:
    return CsrfTokens(KEYS).accepts(guess, "a session")


def guess_signature(guess: str) -> bool:
    gateway = SandboxGateway(
        "http://localhost:9", secret_key="sk_sandbox_test", event_secret="secret", timeout_seconds=1
    )
    return is_taken(lambda: gateway.read_event({"Sandbox-Signature": f"t=1,v1={guess}"}, b"{}", NOW))


def guess_signature_of_stripe(guess: str) -> bool:
    return is_taken(lambda: stripe_events.verify({"Stripe-Signature": f"t=1,v1={guess}"}, b"{}", ["secret"], NOW))


def guess_signature_of_notchpay(guess: str) -> bool:
    return is_taken(lambda: notchpay_events.read_verified_event({"x-notch-signature": guess}, b"{}", ["secret"]))


def is_taken(read: Callable[[], object]) -> bool:
    try:
        read()
    except EventRefused:
        return False
    return True


GUESSES = (
    guess_code,
    guess_link,
    guess_csrf_token,
    guess_signature,
    guess_signature_of_stripe,
    guess_signature_of_notchpay,
)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compared in constant time, as text."""
    seen: list[str] = []
    compare = hmac.compare_digest

    def compare_and_tell(one: Any, other: Any) -> bool:
        seen.extend(value.decode() if isinstance(value, bytes) else value for value in (one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare_and_tell)
    return seen


@pytest.mark.parametrize("guess_at", GUESSES)
def test_guess_at_a_secret_is_compared_in_constant_time(guess_at: Callable[[str], bool], compared: list[str]) -> None:
    guess = "0123456789abcdef" * 4

    assert guess_at(guess) is False

    assert any(value and guess.startswith(value) for value in compared)


def test_guess_at_the_metrics_token_is_compared_in_constant_time(app, compared: list[str]) -> None:
    with app.test_request_context(headers={"Authorization": "Bearer a guess"}):
        assert _may_read_metrics("the token") is False

    assert "Bearer a guess" in compared
