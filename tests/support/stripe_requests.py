"""Requests for a customer of Acme at Stripe; each has an id of the clock's time, as ours have."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import MovableClock
from portal.gateways.contract import ChargeOrder, Outcome, PageOrder, Payer, Question, RefundOrder, SetupOrder
from portal.money import Money
from portal.public_ids import new_id

MONEY = Money(5000, "USD")
RETURN_URL = "https://portal.example/acme/payments/1"


@dataclass
class RequestBuilder:
    """Builds requests; `known_token` is a method that the customer has saved before."""

    clock: MovableClock
    known_token: str | None = None

    @property
    def payer(self) -> Payer:
        return Payer("cus_032kbShSLbF8iRm1FXK4Ro", "Maya Lindqvist", "maya@lindqvist.example", None, self.known_token)

    def charge(self, token: str, money: Money = MONEY) -> ChargeOrder:
        return ChargeOrder(new_id("pay", self.clock.now()), money, token, "Team plan", RETURN_URL)

    def page(self, money: Money = MONEY, *, save: bool = False, locale: str = "en") -> PageOrder:
        return PageOrder(
            new_id("pay", self.clock.now()),
            money,
            "Acme Inc.",
            self.payer,
            "Team plan",
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
            locale=locale,
            save=save,
        )

    def setup(self) -> SetupOrder:
        return SetupOrder(
            new_id("ms", self.clock.now()),
            "Acme Inc.",
            self.payer,
            "USD",
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
            locale="fr",
        )

    def refund(self, charge: Outcome, amount: int = 5000, currency: str = "USD") -> RefundOrder:
        assert charge.gateway_reference is not None, "only a charge can be refunded"
        return RefundOrder(new_id("re", self.clock.now()), charge.gateway_reference, Money(amount, currency))

    def question(self, order: ChargeOrder | PageOrder | SetupOrder, known: Outcome | None = None) -> Question:
        """Build the portal's lookup: with the ids of the `known` outcome, or without where the response was lost."""
        return Question(
            order.reference,
            self.clock.now(),
            known.gateway_reference if known else None,
            known.page_reference if known else None,
        )
