"""Requests for a customer of Acme at Stripe; each has an id of the clock's time, as ours have."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import MovableClock
from portal.gateways.contract import (
    ChargeOutcome,
    ChargeRequest,
    Lookup,
    PageRequest,
    Payer,
    RefundRequest,
    SetupRequest,
)
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

    def charge(self, token: str, money: Money = MONEY) -> ChargeRequest:
        return ChargeRequest(new_id("pay", self.clock.now()), money, token, "Team plan", RETURN_URL)

    def page(self, money: Money = MONEY, *, save: bool = False, locale: str = "en") -> PageRequest:
        return PageRequest(
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

    def setup(self) -> SetupRequest:
        return SetupRequest(
            new_id("ms", self.clock.now()),
            "Acme Inc.",
            self.payer,
            "USD",
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
            locale="fr",
        )

    def refund(self, charge: ChargeOutcome, amount: int = 5000, currency: str = "USD") -> RefundRequest:
        assert charge.gateway_reference is not None, "only a charge can be refunded"
        return RefundRequest(new_id("re", self.clock.now()), charge.gateway_reference, Money(amount, currency))

    def lookup(self, request: ChargeRequest | PageRequest | SetupRequest, known: ChargeOutcome | None = None) -> Lookup:
        """Build the portal's lookup: with the ids of the `known` outcome, or without where the response was lost."""
        return Lookup(
            request.reference,
            self.clock.now(),
            known.gateway_reference if known else None,
            known.page_reference if known else None,
        )
