"""Requests and lookups as the contract suite sends them to any gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from portal.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    ChargeRequest,
    Gateway,
    Lookup,
    PageRequest,
    Payer,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    State,
)
from portal.money import Money
from tests.support.gateway_bench import Card, GatewayBench, Operation, Telephone

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
PAYER = Payer("cus_032kbShSLbF8iRm1FXK4Ro", "Maya Laurent", "maya@customer.example", "+237677123456")
PAYMENT, OTHER_PAYMENT = "pay_032kbShSLbF8iRm1FXK4Ro", "pay_032kbShSLbF8iRm1FXK4Rp"
SETUP, REFUND = "stp_032kbShSLbF8iRm1FXK4Ro", "re_032kbShSLbF8iRm1FXK4Ro"
_BACK, _STOPPED = "http://127.0.0.1:5000/acme/back", "http://127.0.0.1:5000/acme/stopped"

AnyOutcome = ChargeOutcome | SetupOutcome | RefundOutcome


def is_offered(operation: Operation, able: Capabilities) -> bool:
    return {
        "charge": able.saved_methods,
        "prompt": bool(able.prompt_channels),
        "page": able.hosted_page,
        "setup": able.setup_page,
        "refund": able.refunds,
    }[operation]


@dataclass
class GatewayCaller:
    """The portal's side of a test: sends requests to the bench's gateway and looks them up."""

    bench: GatewayBench
    gateway: Gateway
    description: str = "Invoice ACME-0001"
    payee: str = "Acme Software Inc."
    first_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.first_at = self.bench.now()

    def hasty(self) -> GatewayCaller:
        """The same with a gateway with a short timeout."""
        return GatewayCaller(self.bench, self.bench.hasty_gateway)

    def charge(
        self, reference: str = PAYMENT, *, card: Card = "good", token: str = "", money: Money | None = None
    ) -> ChargeOutcome:
        return self.gateway.charge(
            ChargeRequest(
                reference, money or self.bench.money, token or self.bench.token(card), self.description, _BACK
            )
        )

    def prompt(
        self, reference: str = PAYMENT, *, kind: Telephone = "good", money: Money | None = None, save: bool = False
    ) -> ChargeOutcome:
        channel, phone = self.bench.telephone(kind)
        return self.gateway.prompt(
            PromptRequest(
                reference, money or self.bench.money, channel, phone, PAYER, self.description, _BACK, save=save
            )
        )

    def page(self, reference: str = PAYMENT, *, money: Money | None = None, save: bool = False) -> ChargeOutcome:
        return self.gateway.open_page(
            PageRequest(
                reference,
                money or self.bench.money,
                self.payee,
                PAYER,
                self.description,
                _BACK,
                _STOPPED,
                "en",
                save,
            )
        )

    def setup(self, reference: str = SETUP) -> SetupOutcome:
        request = SetupRequest(reference, self.payee, PAYER, self.bench.money.currency, _BACK, _STOPPED, "en")
        return self.gateway.open_setup(request)

    def take(self, reference: str = PAYMENT, *, money: Money | None = None) -> ChargeOutcome:
        """Make a charge succeed, in the simplest way that the gateway offers."""
        able = self.bench.capabilities
        if able.saved_methods:
            self.charge(reference, money=money)
        elif able.prompt_channels:
            self.prompt(reference, money=money)
            self.bench.settle(reference)
        else:
            self.bench.pay_page(address_of(self.page(reference, money=money)), "good")
        charged = self.look_up(reference)
        assert charged.state is State.SUCCEEDED, charged
        return charged

    def refund_request(self, amount: int | None = None, reference: str = REFUND) -> RefundRequest:
        """For the charge that `take` made, in full by default."""
        charge = self.look_up().gateway_reference
        assert charge
        money = self.bench.money if amount is None else Money(amount, self.bench.money.currency)
        return RefundRequest(reference, charge, money)

    def look_up(self, reference: str = PAYMENT, *, known: ChargeOutcome | None = None) -> ChargeOutcome:
        """Look up by our reference alone, as after a lost response, or with the ids of a `known` outcome."""
        if known is None:
            return self.gateway.look_up(Lookup(reference, self.first_at))
        return self.gateway.look_up(Lookup(reference, self.first_at, known.gateway_reference, known.page_reference))

    def look_up_setup(self, reference: str = SETUP) -> SetupOutcome:
        return self.gateway.look_up_setup(Lookup(reference, self.first_at))

    def cancel(self, reference: str = PAYMENT) -> ChargeOutcome:
        return self.gateway.cancel(Lookup(reference, self.first_at))


@dataclass
class PreparedRequest:
    """One request that can be sent any number of times under one reference, and its lookup."""

    operation: Operation
    caller: GatewayCaller
    refund_request: RefundRequest | None = None
    token: str = ""

    @classmethod
    def prepare(cls, operation: Operation, caller: GatewayCaller) -> PreparedRequest:
        """Do what it requires first: save a method, or make a charge to refund."""
        if operation == "refund":
            caller.take()
            return cls(operation, caller, refund_request=caller.refund_request())
        return cls(operation, caller, token=caller.bench.token("good") if operation == "charge" else "")

    @property
    def call(self) -> str:
        return self.caller.bench.calls[self.operation]

    def send(self, caller: GatewayCaller | None = None) -> AnyOutcome:
        caller = caller or self.caller
        match self.operation:
            case "charge":
                return caller.charge(token=self.token)
            case "prompt":
                return caller.prompt()
            case "page":
                return caller.page()
            case "setup":
                return caller.setup()
        assert self.refund_request
        return caller.gateway.refund(self.refund_request)

    def look_up(self, caller: GatewayCaller | None = None) -> AnyOutcome:
        caller = caller or self.caller
        if self.refund_request:
            return caller.gateway.look_up_refund(self.refund_request)
        return caller.look_up_setup() if self.operation == "setup" else caller.look_up()


def address_of(outcome: ChargeOutcome | SetupOutcome) -> str:
    """Where the customer is sent."""
    assert outcome.state is State.REQUIRES_ACTION, outcome
    assert outcome.action_url
    return outcome.action_url
