"""Orders as the contract suite gives them to any gateway: what each act sends, and how it is asked about afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from portal.gateways.contract import (
    Capabilities,
    ChargeOrder,
    Gateway,
    Outcome,
    PageOrder,
    Payer,
    PromptOrder,
    Question,
    RefundOrder,
    RefundOutcome,
    SetupOrder,
    SetupOutcome,
    State,
)
from portal.money import Money
from tests.support.gateway_bench import Act, Card, GatewayBench, Telephone

ACTS: tuple[Act, ...] = get_args(Act)
PAYER = Payer("cus_032kbShSLbF8iRm1FXK4Ro", "Maya Laurent", "maya@customer.example", "+237677123456")
PAYMENT, OTHER_PAYMENT = "pay_032kbShSLbF8iRm1FXK4Ro", "pay_032kbShSLbF8iRm1FXK4Rp"
SETUP, REFUND = "stp_032kbShSLbF8iRm1FXK4Ro", "re_032kbShSLbF8iRm1FXK4Ro"
_BACK, _STOPPED = "http://127.0.0.1:5000/acme/back", "http://127.0.0.1:5000/acme/stopped"

AnyOutcome = Outcome | SetupOutcome | RefundOutcome


def is_offered(act: Act, able: Capabilities) -> bool:
    return {
        "charge": able.saved_methods,
        "prompt": bool(able.prompt_channels),
        "page": able.hosted_page,
        "setup": able.setup_page,
        "refund": able.refunds,
    }[act]


@dataclass
class Orders:
    """The portal's side of a test: gives orders to the bench's gateway and asks about them."""

    bench: GatewayBench
    gateway: Gateway
    description: str = "Invoice ACME-0001"
    payee: str = "Acme Software Inc."
    first_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.first_at = self.bench.now()

    def hasty(self) -> Orders:
        """The same with a gateway that waits for nobody."""
        return Orders(self.bench, self.bench.hasty_gateway)

    def charge(
        self, reference: str = PAYMENT, *, card: Card = "good", token: str = "", money: Money | None = None
    ) -> Outcome:
        return self.gateway.charge(
            ChargeOrder(reference, money or self.bench.money, token or self.bench.token(card), self.description, _BACK)
        )

    def prompt(
        self, reference: str = PAYMENT, *, kind: Telephone = "good", money: Money | None = None, save: bool = False
    ) -> Outcome:
        channel, phone = self.bench.telephone(kind)
        return self.gateway.prompt(
            PromptOrder(reference, money or self.bench.money, channel, phone, PAYER, self.description, _BACK, save=save)
        )

    def page(self, reference: str = PAYMENT, *, money: Money | None = None, save: bool = False) -> Outcome:
        return self.gateway.open_page(
            PageOrder(
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
        order = SetupOrder(reference, self.payee, PAYER, self.bench.money.currency, _BACK, _STOPPED, "en")
        return self.gateway.open_setup(order)

    def take(self, reference: str = PAYMENT, *, money: Money | None = None) -> Outcome:
        """Have the money, by the simplest way that the gateway offers."""
        able = self.bench.capabilities
        if able.saved_methods:
            self.charge(reference, money=money)
        elif able.prompt_channels:
            self.prompt(reference, money=money)
            self.bench.settle(reference)
        else:
            self.bench.pay_page(address_of(self.page(reference, money=money)), "good")
        taken = self.look_up(reference)
        assert taken.state is State.SUCCEEDED, taken
        return taken

    def refund_order(self, amount: int | None = None, reference: str = REFUND) -> RefundOrder:
        """For a part of the one charge that `take` made, the whole unless told."""
        charge = self.look_up().gateway_reference
        assert charge
        money = self.bench.money if amount is None else Money(amount, self.bench.money.currency)
        return RefundOrder(reference, charge, money)

    def look_up(self, reference: str = PAYMENT, *, known: Outcome | None = None) -> Outcome:
        """As the portal asks after a lost answer: by our reference, and nothing else is known; or by the ids that an answer told."""
        if known is None:
            return self.gateway.look_up(Question(reference, self.first_at))
        return self.gateway.look_up(Question(reference, self.first_at, known.gateway_reference, known.page_reference))

    def look_up_setup(self, reference: str = SETUP) -> SetupOutcome:
        return self.gateway.look_up_setup(Question(reference, self.first_at))

    def cancel(self, reference: str = PAYMENT) -> Outcome:
        return self.gateway.cancel(Question(reference, self.first_at))


@dataclass
class Deed:
    """One act, ready to be given any number of times under one reference, and its question."""

    act: Act
    orders: Orders
    refund_order: RefundOrder | None = None
    token: str = ""

    @classmethod
    def prepare(cls, act: Act, orders: Orders) -> Deed:
        """Do what comes before it: a method that was saved, a charge that can be refunded."""
        if act == "refund":
            orders.take()
            return cls(act, orders, refund_order=orders.refund_order())
        return cls(act, orders, token=orders.bench.token("good") if act == "charge" else "")

    @property
    def call(self) -> str:
        return self.orders.bench.calls[self.act]

    def give(self, orders: Orders | None = None) -> AnyOutcome:
        orders = orders or self.orders
        match self.act:
            case "charge":
                return orders.charge(token=self.token)
            case "prompt":
                return orders.prompt()
            case "page":
                return orders.page()
            case "setup":
                return orders.setup()
        assert self.refund_order
        return orders.gateway.refund(self.refund_order)

    def ask(self, orders: Orders | None = None) -> AnyOutcome:
        orders = orders or self.orders
        if self.refund_order:
            return orders.gateway.look_up_refund(self.refund_order)
        return orders.look_up_setup() if self.act == "setup" else orders.look_up()


def address_of(outcome: Outcome | SetupOutcome) -> str:
    """Where the customer goes on."""
    assert outcome.state is State.REQUIRES_ACTION, outcome
    assert outcome.action_url
    return outcome.action_url
