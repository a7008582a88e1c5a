"""What the contract suite needs of a gateway under test: its client, and on loopback a server that behaves as its provider documents.

To put a gateway to the suite, write a bench in `tests/support/benches/` and name it in `BENCHES` there. The suite
never uses what the gateway's capabilities do not offer, so a method of the bench that only serves that may raise LookupError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, Self

from portal.gateways.contract import Capabilities, Gateway
from portal.money import Money
from tests.support.provider_server import ProviderServer

Operation = Literal["charge", "prompt", "page", "setup", "refund"]
"""The requests of the contract that have a reference of ours."""

Card = Literal["good", "declined", "poor", "expired", "careful", "unknown"]
"""A saved method by the outcome of its charge: succeeded, card_declined, insufficient_funds, expired_card, 3-D Secure, and a
token that the provider does not have."""

Telephone = Literal["good", "poor", "failing", "silent", "canceling"]
"""A payer by the outcome of a prompt: approved, insufficient_funds, processing_error, none ever, payer_canceled."""


@dataclass(frozen=True)
class ProviderCharge:
    """A charge in the provider's database. `reference` is ours, `amount` is in the provider's units."""

    reference: str
    amount: int | str
    currency: str
    state: Literal["succeeded", "failed", "pending", "canceled"]


@dataclass(frozen=True)
class SignedEvent:
    """An event as the provider would send it now; `header` is the name of the one that carries the signature."""

    headers: Mapping[str, str]
    body: bytes
    header: str


class GatewayBench(Protocol):
    """One account at one provider, fresh for each test. Inherit from it for the usual values."""

    capabilities: Capabilities
    """Those of the gateway: known before a bench is made, so that only what is offered becomes a test."""

    server: ProviderServer
    gateway: Gateway
    """With a timeout that a normal response never reaches, however busy the machine."""

    hasty_gateway: Gateway
    """The same with a timeout of a third of a second."""

    money: Money
    """What the suite charges: an amount that every method here accepts, and that can be refunded in parts."""

    refused_money: Money
    """An amount or currency that this provider refuses at once with a 4xx."""

    calls: Mapping[Operation, str]
    """The HTTP request of each operation, as a pattern of `METHOD /path`: the one to which faults are applied."""

    duplicate: tuple[int, bytes]
    """Status and body with which the provider refuses a duplicate request, or one that is in progress."""

    amounts: tuple[tuple[Money, int | str], ...] = ()
    """Examples of exponents: our minor units, and the amount that the provider must receive."""

    cards: tuple[Card, ...] = ("good", "declined", "poor", "expired", "careful", "unknown")
    telephones: tuple[Telephone, ...] = ("good", "poor", "failing", "silent", "canceling")
    setup_cards: tuple[Card, ...] = ("good", "declined", "careful")

    is_unique_by_reference: bool = True
    """The provider refuses a second charge of a reference, however late. Where it does not, only its idempotency keys prevent one,
    and after they have expired only a caller that looks up first."""

    returns_pages_again: bool = True
    """A resent request for a page, and a lookup by our reference alone, return its address again. Where not, only the first
    response has it."""

    cancels_prompts: bool = True
    """A prompt that has reached the telephone can be cancelled."""

    approves_late: bool = True
    """A cancelled prompt can still be approved."""

    fails_refunds_later: bool = True
    """A refund that was accepted can fail afterwards."""

    dates_events: bool = True
    """The signature covers a timestamp, so that an old event can be refused."""

    @classmethod
    def start(cls, folder: Path) -> Self:
        """A provider without any charge, its files in `folder`."""
        ...

    def close(self) -> None: ...

    def now(self) -> datetime:
        """The provider's clock."""
        ...

    # --- how a customer pays ---

    def token(self, card: Card) -> str:
        """The token of a saved method; `unknown` has the form of one."""
        ...

    def telephone(self, kind: Telephone) -> tuple[str, str]:
        """The id of a prompt channel, and a number in E.164."""
        ...

    # --- what a customer does ---

    def pay_page(self, action_url: str, card: Card) -> None:
        """Enter a method on the provider's page and pay; 3-D Secure succeeds if it is required."""
        ...

    def leave_page(self, action_url: str) -> None:
        """Leave the page by its own cancel link."""
        ...

    def finish_setup(self, action_url: str, card: Card) -> None:
        """Enter a method on the setup page; 3-D Secure succeeds if it is required."""
        ...

    def leave_setup(self, action_url: str) -> None: ...

    def answer_challenge(self, action_url: str, *, recognised: bool) -> None:
        """Complete 3-D Secure, or fail it."""
        ...

    # --- what time and the provider do ---

    def settle(self, reference: str) -> None:
        """Let the payer approve or decline the prompt of this charge, by the kind of the telephone."""
        ...

    def approve_late(self, reference: str) -> None:
        """Approve a charge after it was cancelled."""
        ...

    def fail_refund(self, reference: str) -> None:
        """Let an accepted refund fail now."""
        ...

    def expire_keys(self) -> None:
        """Let every idempotency key of the provider expire, as after a day."""
        ...

    # --- what the provider has ---

    def ledger(self) -> list[ProviderCharge]:
        """Every charge, whatever its state, oldest first. A page that nobody paid on is none."""
        ...

    def refunded(self) -> int | str:
        """How much of the only charge was refunded, in the provider's units."""
        ...

    def event(self, reference: str) -> SignedEvent:
        """A signed event of the charge of this reference, dated by `now`."""
        ...
