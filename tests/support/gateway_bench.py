"""What the contract suite needs of a gateway under test: its client, and on loopback a server that behaves as its provider documents.

To put a gateway to the suite, write a bench in `tests/support/benches/` and name it in `BENCHES` there. What the gateway's
capabilities do not offer is never asked of its bench, so a method that only serves that may raise LookupError.
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

Act = Literal["charge", "prompt", "page", "setup", "refund"]
"""What we order, by its reference."""

Card = Literal["good", "declined", "poor", "expired", "careful", "unknown"]
"""A saved method by what its charge comes to: taken, card_declined, insufficient_funds, expired_card, 3-D Secure asks, and a
token that the provider does not know."""

Telephone = Literal["good", "poor", "failing", "silent", "canceling"]
"""A payer by what comes of asking: approves, insufficient_funds, processing_error, nothing ever, payer_canceled."""


@dataclass(frozen=True)
class Taken:
    """A line of the provider's own ledger. `reference` is ours, `amount` in the units in which it was told the amount."""

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
    """One account at one provider, fresh for each test. Inherit, so that a question with a usual answer need not be answered."""

    capabilities: Capabilities
    """Those of the gateway: known before a bench is made, so that only what is offered becomes a test."""

    server: ProviderServer
    gateway: Gateway
    """With a timeout that an honest answer never meets, however busy the machine."""

    hasty_gateway: Gateway
    """The same with a timeout of a third of a second."""

    money: Money
    """What the suite pays with: something that every method here takes, and that may be refunded in parts."""

    refused_money: Money
    """An amount or currency that this provider does not take, and says so at once with a 4xx."""

    calls: Mapping[Act, str]
    """The request that carries out each act, as a pattern of `METHOD /path`: what the line does to it decides."""

    duplicate: tuple[int, bytes]
    """Status and body with which the provider refuses an order that it has already, or is carrying out right now."""

    amounts: tuple[tuple[Money, int | str], ...] = ()
    """The table of exponents: our minor units, and the amount that the provider is to be told for them."""

    cards: tuple[Card, ...] = ("good", "declined", "poor", "expired", "careful", "unknown")
    telephones: tuple[Telephone, ...] = ("good", "poor", "failing", "silent", "canceling")
    setup_cards: tuple[Card, ...] = ("good", "declined", "careful")

    is_unique_by_reference: bool = True
    """The provider itself refuses a second charge of a reference, however late. Where it does not, only its idempotency keys do,
    and once they are forgotten nobody but a caller that looks up first."""

    tells_pages_again: bool = True
    """An order for a page that is there already, and a question by our reference alone, tell its address once more. Where not,
    only whoever was told it first can lead a customer there."""

    calls_off_prompts: bool = True
    """A prompt that is with the telephone already can be called off."""

    approves_late: bool = True
    """A prompt that was called off may still be approved."""

    fails_refunds_later: bool = True
    """A refund that was taken may fail afterwards."""

    dates_events: bool = True
    """The signature covers a time, so that an old event can be refused."""

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
        """A method that the customer saved earlier; `unknown` is shaped like one."""
        ...

    def telephone(self, kind: Telephone) -> tuple[str, str]:
        """The id of a prompt channel, and a number in E.164."""
        ...

    # --- what a customer does ---

    def pay_page(self, action_url: str, card: Card) -> None:
        """Enter a method on the provider's page and pay; where 3-D Secure asks, one is recognised."""
        ...

    def leave_page(self, action_url: str) -> None:
        """Press the page's own way back."""
        ...

    def finish_setup(self, action_url: str, card: Card) -> None:
        """Enter a method on the page that keeps it; where 3-D Secure asks, one is recognised."""
        ...

    def leave_setup(self, action_url: str) -> None: ...

    def answer_challenge(self, action_url: str, *, recognised: bool) -> None:
        """Answer 3-D Secure."""
        ...

    # --- what time and the provider do ---

    def settle(self, reference: str) -> None:
        """Let the telephone that was asked for this charge answer as its kind does."""
        ...

    def approve_late(self, reference: str) -> None:
        """Have a charge that was called off succeed all the same."""
        ...

    def fail_refund(self, reference: str) -> None:
        """Have a refund that was taken fail now."""
        ...

    def forget_keys(self) -> None:
        """Let the provider forget every idempotency key, as after a day."""
        ...

    # --- the truth ---

    def ledger(self) -> list[Taken]:
        """Every charge there is, whether or not it came to money, oldest first. A page that nobody paid on is none."""
        ...

    def refunded(self) -> int | str:
        """How much was given back of the one charge that there is, in the units in which the provider was told."""
        ...

    def event(self, reference: str) -> SignedEvent:
        """A signed event of the charge of this reference, dated by `now`."""
        ...
