"""Decisions about a saved method, as pure functions: whether it has expired, which one is proposed, what a setup's outcome means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeVar

from portal.contacts import ContactRefused, normalise_name
from portal.gateways.contract import SetupOutcome, State
from portal.payment_methods.errors import NicknameTooLong, NicknameUnusable


class MethodStatus(StrEnum):
    """Every status of a saved method. `expired` is one at a gateway that the merchant has left; a card past its date stays
    active (`method_state`)."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REMOVED = "removed"


TRANSITIONS = MappingProxyType(
    {"active": frozenset({"expired", "removed"}), "expired": frozenset({"active", "removed"}), "removed": frozenset()}
)


def may_follow(status: str, following: str) -> bool:
    """Whether a saved method in `status` may become `following`."""
    return following in TRANSITIONS[status]


EXPIRES_SOON = timedelta(weeks=8)
MAX_NICKNAME_LENGTH = 40
_MAX_TYPED_LENGTH, _MAX_ECHOED_LENGTH = 1000, 200


class Expiring(Protocol):
    """A method with an expiry, as on the card; both None for what never expires."""

    @property
    def status(self) -> str: ...
    @property
    def exp_month(self) -> int | None: ...
    @property
    def exp_year(self) -> int | None: ...


Method = TypeVar("Method", bound=Expiring)


UNUSABLE = frozenset({"expired", "elsewhere"})
"""The states in which a method cannot be charged."""


def method_state(method: Expiring, today: date) -> str:
    """ "active", "expiring" (within eight weeks), "expired", or "elsewhere": at a gateway that the merchant has left, so
    that its status is "expired". A card is valid until the end of its month."""
    if method.status == "expired":
        return "elsewhere"
    if method.exp_month is None or method.exp_year is None:
        return "active"
    first_bad_day = date(method.exp_year + method.exp_month // 12, method.exp_month % 12 + 1, 1)
    if today >= first_bad_day:
        return "expired"
    return "expiring" if today > first_bad_day - EXPIRES_SOON else "active"


def preferred_method(methods: Sequence[Method], today: date) -> Method | None:
    """Return the method that a checkout proposes: the first that can be charged, of methods with the default first."""
    return next((method for method in methods if method_state(method, today) not in UNUSABLE), None)


def shown_brand(type: str, brand: str | None, bank_name: str | None) -> str | None:
    """Return the bank of an account, and the brand of any other method."""
    return bank_name or brand if type == "bank_account" else brand


def read_nickname(text: str) -> str | None:
    """Return a nickname as it is stored: one trimmed line, None for an empty one.

    Raises NicknameTooLong for more than 40 characters, NicknameUnusable for what is never stored (`normalise_name`).
    """
    try:
        name = normalise_name(text[:_MAX_TYPED_LENGTH], field="nickname")
    except ContactRefused as refusal:
        raise NicknameUnusable(str(refusal)) from None
    if len(name) > MAX_NICKNAME_LENGTH:
        raise NicknameTooLong
    return name or None


def echoed_nickname(text: str) -> str:
    """Return what of a refused nickname is shown in its field again: its printable characters, up to a limit."""
    return "".join(letter for letter in text[:_MAX_ECHOED_LENGTH] if letter.isprintable())


def expiry_key(method: Expiring) -> int | None:
    """202604 for April of 2026: the expiry about which a customer is mailed once; None for what never expires."""
    return method.exp_year * 100 + method.exp_month if method.exp_year and method.exp_month else None


def expiries_to_notify(today: date) -> tuple[int, int]:
    """Return the first and the last expiry (as `expiry_key`) about which customers are mailed: methods that are "expiring", and
    those that expired in the last eight weeks without a mail."""
    last_bad_day = today + EXPIRES_SOON - timedelta(days=1)
    last = last_bad_day.replace(day=1) - timedelta(days=1)
    first = today - EXPIRES_SOON
    return first.year * 100 + first.month, last.year * 100 + last.month


# --- setups: a method is entered on the gateway's page, to be saved ---

SETUP_UNSETTLED = frozenset({"processing", "requires_action", "pending"})
"""Without a proven outcome: polled until it is known, or its time is up."""
_STATUS_OF_FAILURE = MappingProxyType(
    {"payer_canceled": "canceled", "page_canceled": "canceled", "page_expired": "expired", "timeout": "expired"}
)


def decide_setup_status(status: str, reference: str, outcome: SetupOutcome) -> str:
    """Return the status that an outcome means for a setup; its own where nothing changes.

    A success counts however late it comes: the customer did enter the method. Nothing follows a success. An outcome of another
    reference, or a success without a token, changes nothing (the caller logs it: `is_contradiction`).
    """
    if status == "complete" or is_contradiction(reference, outcome):
        return status
    if outcome.state is State.SUCCEEDED:
        return "complete"
    if status not in SETUP_UNSETTLED:
        return status
    if outcome.state is State.FAILED:
        return _STATUS_OF_FAILURE.get(outcome.failure_code or "", "failed")
    return outcome.state.value if outcome.state in (State.REQUIRES_ACTION, State.PENDING) else status


def is_contradiction(reference: str, outcome: SetupOutcome) -> bool:
    """Return whether an outcome is about another setup, or has a method that cannot be used again."""
    has_token = outcome.method is not None and bool(outcome.method.token)
    return outcome.reference != reference or (outcome.state is State.SUCCEEDED and not has_token)


# --- what depends on a method ---


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that depends on the saved method `method_id`. `kind` is "checkout" (open, not confirmed) or "payment" (in progress: the
    request was sent, and cannot be moved). `id` is its public id, `amount` minor units of `currency`. `title` is "" for a top-up."""

    method_id: str
    kind: str
    id: str
    title: str
    amount: int
    currency: str
