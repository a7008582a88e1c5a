"""What the portal asks of a payment provider, in values of its own; no provider's words leave its module.

Whatever a value takes over of a provider's own texts it keeps in a form that can be shown and stored (`words`), so that no
provider need see to it, and no outcome fails to be recorded for a sign in it. Our own references are left as they were told:
they are compared and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portal.gateways.sanitizing import LONGEST_ADDRESS, plausible, readable, usable, whole_number
from portal.money import Money


class State(StrEnum):
    """What is known of a charge.

    A timeout, a 5xx or an answer that cannot be read is UNKNOWN, never FAILED (threats, rule 19). ABSENT is the provider's own
    word, on an authenticated look-up, that it has never heard of the reference.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    ABSENT = "absent"


METHOD_TYPES = ("card", "mobile_money", "bank_account", "other")
_MONTHS, _YEARS = range(1, 13), range(1970, 10_000)


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """A payment method as a provider tells it. `type` is one of `METHOD_TYPES`, "other" for one that we do not know; `token`
    is set when it may be used again; `phone` is masked."""

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

    def __post_init__(self) -> None:
        _keep(
            self,
            type=self.type if self.type in METHOD_TYPES else "other",
            brand=readable(self.brand),
            last4=readable(self.last4),
            exp_month=whole_number(self.exp_month, _MONTHS),
            exp_year=whole_number(self.exp_year, _YEARS),
            holder=readable(self.holder),
            phone=readable(self.phone),
            bank_name=readable(self.bank_name),
            fingerprint=usable(self.fingerprint),
            token=usable(self.token),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider says of one charge, told by our `reference`.

    `money` is what it took or will take, None where it did not say. `failure_code` is one of `FAILURE_CODES`.
    `action_url` is where the customer goes on, for REQUIRES_ACTION. `gateway_reference` is the provider's own id of the
    charge, `page_reference` that of its page, where it has one of its own. `evidence` is a short word on how it is known.
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
    page_reference: str | None = None

    def __post_init__(self) -> None:
        _keep(
            self,
            gateway_reference=usable(self.gateway_reference),
            failure_code=readable(self.failure_code),
            failure_message=readable(self.failure_message),
            action_url=usable(self.action_url, LONGEST_ADDRESS),
            completed_at=plausible(self.completed_at),
            evidence=readable(self.evidence) or "",
            page_reference=usable(self.page_reference, LONGEST_ADDRESS),
        )


FAILURE_CODES = frozenset(
    {
        "card_declined",
        "insufficient_funds",
        "authentication_failed",
        "expired_card",
        "wrong_pin",
        "limit_exceeded",
        "payer_canceled",
        "timeout",
        "returned_unpaid",
        "method_invalid",
        "amount_unsupported",
        "page_canceled",
        "page_expired",
        "processing_error",
    }
)
"""Why a charge, or the saving of a method, ended without success. `method_invalid` and `amount_unsupported` (an amount or a
currency that the provider does not take): nobody's bank was asked."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, for providers that want to know. `id` is our customer's id, `phone` in E.164.

    `known_token` is the token of a method that the same customer has at the provider already, so that one customer of ours
    stays one customer there; None where there is none yet.
    """

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    known_token: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """Charge a saved method. `reference` is our payment's id and the idempotency key: the same one means the same charge."""

    reference: str
    money: Money
    token: str
    description: str
    return_url: str


@dataclass(frozen=True, slots=True)
class PromptOrder:
    """Ask a telephone to approve a payment by mobile money. `channel` is the id of one of the provider's `prompt_channels`,
    `phone` in E.164; `save` asks for a token with which the same telephone may be asked again."""

    reference: str
    money: Money
    channel: str
    phone: str
    payer: Payer
    description: str
    return_url: str
    save: bool


@dataclass(frozen=True, slots=True)
class PageOrder:
    """Open a page of the provider on which the customer enters a method and pays; `save` asks for a reusable token."""

    reference: str
    money: Money
    payee: str
    payer: Payer
    description: str
    return_url: str
    cancel_url: str
    locale: str
    save: bool


@dataclass(frozen=True, slots=True)
class SetupOrder:
    """Open a page of the provider on which the customer enters a method to be kept; nothing is charged.

    `reference` is our setup's id: the same one means the same page.
    """

    reference: str
    payee: str
    payer: Payer
    currency: str
    return_url: str
    cancel_url: str
    locale: str


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """What a provider says of one setup. SUCCEEDED comes with `method` and its token, REQUIRES_ACTION with `action_url`;
    the states and `failure_code` mean what they mean for a charge."""

    state: State
    reference: str
    page_reference: str | None = None
    method: MethodFacts | None = None
    action_url: str | None = None
    failure_code: str | None = None
    evidence: str = ""

    def __post_init__(self) -> None:
        _keep(
            self,
            page_reference=usable(self.page_reference, LONGEST_ADDRESS),
            action_url=usable(self.action_url, LONGEST_ADDRESS),
            failure_code=readable(self.failure_code),
            evidence=readable(self.evidence) or "",
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What we ask a provider about: our reference, when it was sent first, and the provider's own ids as far as we know them.

    A provider that can be asked by our reference alone needs nothing else; `sent_at` bounds the search at one that cannot.
    """

    reference: str
    sent_at: datetime
    gateway_reference: str | None = None
    page_reference: str | None = None


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

    def __post_init__(self) -> None:
        _keep(self, gateway_reference=usable(self.gateway_reference), failure_code=readable(self.failure_code))


@dataclass(frozen=True, slots=True)
class ListedCharge:
    """A charge in the provider's own list. `reference` is ours, None for a charge that was not made by us."""

    gateway_reference: str
    reference: str | None
    state: State
    money: Money
    created_at: datetime

    def __post_init__(self) -> None:
        _keep(self, gateway_reference=readable(self.gateway_reference) or "-", reference=usable(self.reference))


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified event: a hint that something happened to `reference`, our id of a payment, refund or setup. What happened is
    asked for. `gateway_reference` is the provider's own id, for an event that does not tell ours.

    Raises EventRefused for an `event_id` that cannot be kept: by no other would it be known again.
    """

    event_id: str
    type: str
    reference: str | None
    gateway_reference: str | None = None

    def __post_init__(self) -> None:
        if usable(self.event_id) is None:
            raise EventRefused("unreadable")
        _keep(
            self,
            type=readable(self.type) or "-",
            reference=usable(self.reference),
            gateway_reference=usable(self.gateway_reference),
        )


class EventRefused(Exception):
    """An event's signature, age or shape is not right; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class PromptChannel:
    """A way to ask a telephone for money: `id` as the provider calls it ("cm.mtn"), `brand` as pages name it ("mtn_momo"),
    the two letters of its country, and the number to dial when nothing shows on the telephone."""

    id: str
    brand: str
    country: str
    dial_code: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; pages obey these flags.

    `hosted_page`: a page of its own takes the payment. `saved_methods`: a token of it may be charged later, so that methods
    can be kept. `setup_page`: a method can be kept without paying. `prompt_channels`: telephones that we may ask directly.
    `cancel`: what is pending can be called off. `refunds`: whole or in part. `lists_charges`: it can be compared with.
    `currencies`: those that it takes; None for all.
    """

    hosted_page: bool = False
    saved_methods: bool = False
    setup_page: bool = False
    prompt_channels: tuple[PromptChannel, ...] = ()
    cancel: bool = False
    refunds: bool = False
    lists_charges: bool = False
    currencies: frozenset[str] | None = None
    page_types: tuple[str, ...] = field(default=("card",))
    """What its page takes, of card, mobile_money, bank_account, other."""

    def takes(self, currency: str) -> bool:
        return self.currencies is None or currency in self.currencies


class Gateway(Protocol):
    """One merchant's account at a provider. No call raises for what the provider or the network does: that is an Outcome.

    A method whose capability is missing is never called.
    """

    name: str
    title: str
    capabilities: Capabilities
    form_action_origins: tuple[str, ...]
    """Where a page of ours may lead by form, for the content security policy."""

    def charge(self, order: ChargeOrder) -> Outcome: ...

    def prompt(self, order: PromptOrder) -> Outcome: ...

    def open_page(self, order: PageOrder) -> Outcome: ...

    def look_up(self, question: Question) -> Outcome: ...

    def cancel(self, question: Question) -> Outcome:
        """Ask that nothing be taken any more, and tell what is true afterwards."""
        ...

    def open_setup(self, order: SetupOrder) -> SetupOutcome: ...

    def look_up_setup(self, question: Question) -> SetupOutcome: ...

    def detach(self, token: str) -> bool:
        """Have the provider forget a method; True when it has, or never knew it. False: ask again later."""
        ...

    def refund(self, order: RefundOrder) -> RefundOutcome: ...

    def look_up_refund(self, order: RefundOrder) -> RefundOutcome:
        """What became of a refund; ABSENT when the provider has never heard of it."""
        ...

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """Every charge made in that time, oldest first; None when the provider could not tell all of them now."""
        ...

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Verify the raw bytes of an event, then read it. Raises EventRefused."""
        ...

    def is_reachable(self) -> bool:
        """Whether the provider answers at all and takes our key, for `portal doctor`."""
        ...


def _keep(value: object, **fields: object) -> None:
    """Set fields of a frozen value that is being made."""
    for name, field_value in fields.items():
        object.__setattr__(value, name, field_value)
