"""The interface to payment providers: the `Gateway` protocol, and the values that go in and out of it.

No provider's own types or names leave its package. Each value cleans what it takes from a provider's response (`sanitizing`),
so that it can be shown and stored, and no outcome fails to be recorded because of a character in it. Our own references are
left as the provider returned them: they are compared and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from portal.gateways.sanitizing import MAX_ADDRESS_LENGTH, number_within, printable, storable_id, storable_instant
from portal.money import Money


class State(StrEnum):
    """What is known of a charge, a refund or a setup.

    A timeout, a 5xx or a response that cannot be read is UNKNOWN, never FAILED (threats, rule 19). ABSENT: an authenticated lookup
    has shown that the provider has never received the reference.
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
class MethodDetails:
    """A payment method as a provider describes it. `type` is one of `METHOD_TYPES`, "other" for one that we do not know;
    `token` is set when the method can be charged again; `phone` is masked."""

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
        _set_fields(
            self,
            type=self.type if self.type in METHOD_TYPES else "other",
            brand=printable(self.brand),
            last4=printable(self.last4),
            exp_month=number_within(self.exp_month, _MONTHS),
            exp_year=number_within(self.exp_year, _YEARS),
            holder=printable(self.holder),
            phone=printable(self.phone),
            bank_name=printable(self.bank_name),
            fingerprint=storable_id(self.fingerprint),
            token=storable_id(self.token),
        )


@dataclass(frozen=True, slots=True)
class ChargeOutcome:
    """The state of one charge at a provider; `reference` is ours.

    `money` is what was or will be charged, None where the provider did not say. `failure_code` is one of `FAILURE_CODES`.
    `action_url` is where to send the customer, for REQUIRES_ACTION. `gateway_reference` is the provider's own id of the
    charge, `page_reference` that of its hosted page, where that has an id of its own. `evidence` says briefly, for logs,
    which response this was read from.
    """

    state: State
    reference: str
    gateway_reference: str | None = None
    money: Money | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    action_url: str | None = None
    method: MethodDetails | None = None
    completed_at: datetime | None = None
    evidence: str = ""
    page_reference: str | None = None

    def __post_init__(self) -> None:
        _set_fields(
            self,
            gateway_reference=storable_id(self.gateway_reference),
            failure_code=printable(self.failure_code),
            failure_message=printable(self.failure_message),
            action_url=storable_id(self.action_url, MAX_ADDRESS_LENGTH),
            completed_at=storable_instant(self.completed_at),
            evidence=printable(self.evidence) or "",
            page_reference=storable_id(self.page_reference, MAX_ADDRESS_LENGTH),
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
        "not_sent",
    }
)
"""Why a charge or a setup failed. With `method_invalid` and `amount_unsupported` (an amount or a currency that the provider
does not accept) the request never reached a bank; with `not_sent`, which is ours, it never reached the provider."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, for providers that need it. `id` is our customer's id, `phone` in E.164.

    `known_token` is the token of a method that this customer has saved at the provider before, so that one customer of ours
    stays one customer there; None where there is none yet.

    Of who pays by a pay link nothing is known: `id` is the link's, and `fallback_email`, the merchant's own, is for a provider that
    requires an address of every payer.
    """

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    known_token: str | None = None
    fallback_email: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """Charge a saved method. `reference` is our payment's id and the idempotency key: a resent request is the same charge."""

    reference: str
    money: Money
    token: str
    description: str
    return_url: str


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """Send a prompt to a telephone, on which the customer approves a mobile money payment. `channel` is the id of one of the
    provider's `prompt_channels`, `phone` in E.164; `save` requests a token with which the same telephone can be charged again."""

    reference: str
    money: Money
    channel: str
    phone: str
    payer: Payer
    description: str
    return_url: str
    save: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Open a hosted page on which the customer enters a method and pays; `save` requests a reusable token."""

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
class SetupRequest:
    """Open a hosted page on which the customer saves a method; nothing is charged.

    `reference` is our setup's id: a resent request leads to the same page.
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
    """The state of one setup at a provider. SUCCEEDED comes with `method` and its token, REQUIRES_ACTION with `action_url`;
    states and `failure_code` mean the same as for a charge."""

    state: State
    reference: str
    page_reference: str | None = None
    method: MethodDetails | None = None
    action_url: str | None = None
    failure_code: str | None = None
    evidence: str = ""

    def __post_init__(self) -> None:
        _set_fields(
            self,
            page_reference=storable_id(self.page_reference, MAX_ADDRESS_LENGTH),
            action_url=storable_id(self.action_url, MAX_ADDRESS_LENGTH),
            failure_code=printable(self.failure_code),
            evidence=printable(self.evidence) or "",
        )


@dataclass(frozen=True, slots=True)
class Lookup:
    """How to find a charge or a setup at a provider: our reference, when it was first sent, and the provider's ids, if known.

    A provider with a lookup by our reference needs nothing else; `sent_at` limits the search of its lists at one without.
    """

    reference: str
    sent_at: datetime
    gateway_reference: str | None = None
    page_reference: str | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Refund a charge in whole or in part. `reference` is our refund's id, `charge` the provider's own id of the charge."""

    reference: str
    charge: str
    money: Money


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """The state of one refund at a provider; states mean the same as for a charge."""

    state: State
    reference: str
    gateway_reference: str | None = None
    money: Money | None = None
    failure_code: str | None = None

    def __post_init__(self) -> None:
        _set_fields(
            self, gateway_reference=storable_id(self.gateway_reference), failure_code=printable(self.failure_code)
        )


@dataclass(frozen=True, slots=True)
class ListedCharge:
    """A charge in the provider's list. `reference` is ours, None for a charge that the portal did not create."""

    gateway_reference: str
    reference: str | None
    state: State
    money: Money
    created_at: datetime

    def __post_init__(self) -> None:
        _set_fields(
            self, gateway_reference=printable(self.gateway_reference) or "-", reference=storable_id(self.reference)
        )


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """An event with a valid signature: a hint that something happened to `reference`, our id of a payment, refund or setup.
    What happened is then looked up. `gateway_reference` is the provider's own id, for an event that does not contain ours.

    Raises EventRefused for an `event_id` that cannot be stored, since a resent event could not be recognised without it.
    """

    event_id: str
    type: str
    reference: str | None
    gateway_reference: str | None = None

    def __post_init__(self) -> None:
        if storable_id(self.event_id) is None:
            raise EventRefused("unreadable")
        _set_fields(
            self,
            type=printable(self.type) or "-",
            reference=storable_id(self.reference),
            gateway_reference=storable_id(self.gateway_reference),
        )


class EventRefused(Exception):
    """An event's signature, timestamp or payload is invalid; nothing of it is stored."""


PROMPT_WINDOW = timedelta(minutes=3)
"""For how long operators usually leave a prompt on the telephone."""


@dataclass(frozen=True, slots=True)
class PromptChannel:
    """A mobile money operator that can be prompted: `id` at the provider ("cm.mtn"), `brand` on our pages ("mtn_momo"), the
    country code (ISO 3166), the number to dial when no prompt appears on the telephone, and for how long the operator leaves the prompt
    on it. An answer after that is rare, and counts all the same."""

    id: str
    brand: str
    country: str
    dial_code: str | None = None
    answer_within: timedelta = PROMPT_WINDOW


@dataclass(frozen=True, slots=True)
class ChargeLimits:
    """Which amounts of a currency a provider charges, in minor units: from `least` on, in multiples of `step`."""

    least: int = 1
    step: int = 1

    def allows(self, amount: int) -> bool:
        """Return whether the amount can be charged."""
        return amount >= self.least and amount % self.step == 0

    def round_up(self, amount: int) -> int:
        """Return the lowest amount that can be charged and is not below this one."""
        return -(-max(amount, self.least) // self.step) * self.step

    def round_down(self, amount: int) -> int:
        """Return the highest amount that can be charged and is not above this one; 0 where there is none."""
        rounded = amount // self.step * self.step
        return rounded if self.allows(rounded) else 0


ANY_AMOUNT = ChargeLimits()
NO_LIMITS: Mapping[str, ChargeLimits] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider supports; pages offer nothing else.

    `hosted_page`: customers can pay on a page of the provider. `saved_methods`: a saved method can be charged by its token.
    `setup_page`: a method can be saved without paying. `prompt_channels`: the mobile money operators that can be prompted.
    `cancel`: a pending charge can be cancelled. `refunds`: in whole or in part. `lists_charges`: its charges can be
    reconciled. `currencies`: those that it accepts; None for all. `charge_limits`: by currency, the amounts that it charges, where
    these are known; a currency that is not listed has no limits that we know of.
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
    """The method types that its hosted page accepts, of `METHOD_TYPES`."""
    charge_limits: Mapping[str, ChargeLimits] = field(default_factory=dict)

    def accepts(self, currency: str) -> bool:
        return self.currencies is None or currency in self.currencies


class Gateway(Protocol):
    """One merchant's account at a provider. No method raises for an error of the provider or the network: it returns an
    outcome that says so. A method whose capability is missing is never called.
    """

    name: str
    title: str
    capabilities: Capabilities
    form_action_origins: tuple[str, ...]
    """Origins that our forms may redirect to, for the content security policy."""

    def charge(self, request: ChargeRequest) -> ChargeOutcome: ...

    def prompt(self, request: PromptRequest) -> ChargeOutcome: ...

    def open_page(self, request: PageRequest) -> ChargeOutcome: ...

    def look_up(self, lookup: Lookup) -> ChargeOutcome: ...

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        """Cancel the charge if it can still be cancelled, and return its state afterwards."""
        ...

    def open_setup(self, request: SetupRequest) -> SetupOutcome: ...

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome: ...

    def detach(self, token: str) -> bool:
        """Delete a saved method at the provider; True when it is deleted or never existed, False when to try again later."""
        ...

    def refund(self, request: RefundRequest) -> RefundOutcome: ...

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        """Return the state of a refund; ABSENT when the provider has never received it."""
        ...

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """Return every charge created in that time, oldest first; None when the complete list could not be read."""
        ...

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """Verify the signature over an event's raw bytes, then read it. Raises EventRefused."""
        ...

    def is_reachable(self) -> bool:
        """Return whether the provider responds and accepts our key, for `portal doctor`."""
        ...


def _set_fields(value: object, **fields: object) -> None:
    """Set fields of a frozen dataclass from its `__post_init__`."""
    for name, field_value in fields.items():
        object.__setattr__(value, name, field_value)
