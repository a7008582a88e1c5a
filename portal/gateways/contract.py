"""What the portal asks of a payment provider, in values of its own; no provider's words leave its module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portal.money import Money


class State(StrEnum):
    """What is known of a charge.

    A timeout, a 5xx or an answer that cannot be read is UNKNOWN, never FAILED (rule 19). ABSENT is the provider's own
    word, on an authenticated look-up, that it has never heard of the reference.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """A payment method as a provider tells it. `token` is set when it may be used again; `phone` is masked."""

    type: str
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    holder: str | None = None
    phone: str | None = None
    bank_name: str | None = None
    fingerprint: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider says of one charge, told by our `reference`.

    `money` is what it took or will take, None where it did not say. `failure_code` is one of `FAILURE_CODES`.
    `action_url` is where the customer goes on, for REQUIRES_ACTION. `evidence` is a short word on how it is known.
    """

    state: State
    reference: str
    gateway_reference: str | None = None
    money: Money | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    action_url: str | None = None
    method: MethodFacts | None = None
    completed_at: datetime | None = None
    evidence: str = ""


FAILURE_CODES = frozenset(
    {
        "card_declined",
        "insufficient_funds",
        "authentication_failed",
        "expired_card",
        "payer_canceled",
        "timeout",
        "returned_unpaid",
        "method_invalid",
        "page_canceled",
        "page_expired",
        "processing_error",
    }
)


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """Charge a saved method. `reference` is our payment's id and the idempotency key: the same one means the same charge."""

    reference: str
    money: Money
    token: str
    description: str
    return_url: str


@dataclass(frozen=True, slots=True)
class PageOrder:
    """Open a page of the provider on which the customer enters a method and pays; `save` asks for a reusable token."""

    reference: str
    money: Money
    payee: str
    description: str
    return_url: str
    cancel_url: str
    locale: str
    save: bool


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Give back a part of a charge. `reference` is our refund's id, `charge` the provider's own id of the charge."""

    reference: str
    charge: str
    money: Money


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What a provider says of one refund; the states mean what they mean for a charge."""

    state: State
    reference: str
    gateway_reference: str | None = None
    money: Money | None = None
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified event: a hint that something happened to `reference`. What happened is asked for."""

    event_id: str
    type: str
    reference: str | None


class EventRefused(Exception):
    """An event's signature, age or shape is not right; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; pages obey these flags."""

    hosted_page: bool
    saved_methods: bool
    cancel: bool
    refunds: bool


class Gateway(Protocol):
    """One merchant's account at a provider. No call raises for what the provider or the network does: that is an Outcome."""

    name: str
    title: str
    capabilities: Capabilities
    form_action_origins: tuple[str, ...]
    """Where a page of ours may lead by form, for the content security policy."""

    def charge(self, order: ChargeOrder) -> Outcome: ...

    def open_page(self, order: PageOrder) -> Outcome: ...

    def look_up(self, reference: str) -> Outcome: ...

    def cancel(self, reference: str) -> Outcome:
        """Ask that nothing be taken any more, and tell what is true afterwards."""
        ...

    def refund(self, order: RefundOrder) -> RefundOutcome: ...

    def look_up_refund(self, reference: str) -> RefundOutcome: ...

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Verify the raw bytes of an event, then read it. Raises EventRefused."""
        ...

    def is_reachable(self) -> bool:
        """Whether the provider answers at all, for `portal doctor`."""
        ...
