"""Stripe's bench: the loopback Stripe, its books and clock in reach."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, Self
from wsgiref.types import WSGIApplication

from werkzeug import Request, Response

from portal.clock import MovableClock
from portal.gateways.stripe.gateway import StripeGateway
from portal.money import Money
from portal.public_ids import id_time
from tests.support.gateway_bench import Card, GatewayBench, ProviderCharge, SignedEvent, Telephone
from tests.support.gateway_calls import PAYMENT
from tests.support.provider_server import ProviderServer
from tests.support.stripe_server import EVENT_SECRET, SECRET_KEY, StripeBooks, event
from tests.support.stripe_server.api import OTHER_PARAMETERS, Seen, StripeApi, error_body
from tests.support.stripe_server.books import Body

_CARDS: dict[Card, str] = {
    "good": "4242424242424242",
    "declined": "4000000000000002",
    "poor": "4000000000009995",
    "expired": "4000000000000069",
    "careful": "4000000000003220",
}
_STATES: dict[str, Literal["succeeded", "failed", "canceled"]] = {
    "succeeded": "succeeded",
    "canceled": "canceled",
    "requires_payment_method": "failed",
}


class StripeBench(GatewayBench):
    """The loopback Stripe. Its clock stands at the instant of the suite's ids: an order is as old as its id says."""

    capabilities = StripeGateway.capabilities
    money = Money(5000, "USD")
    refused_money = Money(10**10, "USD")
    calls = {  # noqa: RUF012  The protocol says that it is read only.
        "charge": "POST /v1/payment_intents",
        "page": "POST /v1/checkout/sessions",
        "setup": "POST /v1/checkout/sessions",
        "refund": "POST /v1/refunds",
    }
    duplicate = (OTHER_PARAMETERS.status, error_body(OTHER_PARAMETERS))
    amounts = (
        (Money(1234, "USD"), 1234),
        (Money(1000, "XAF"), 1000),
        (Money(1000, "JPY"), 1000),
        (Money(1230, "KWD"), 1230),
        (Money(1000, "UGX"), 100_000),
        (Money(1000, "ISK"), 100_000),
        (Money(1200, "HUF"), 1200),
        (Money(1200, "TWD"), 1200),
        (Money(500, "MGA"), 5),
    )
    # Not Stripe, which charges anew once its key is forgotten: the gateway looks for an order of yesterday and never sends it.
    is_unique_by_reference = True

    def __init__(self) -> None:
        at = id_time(PAYMENT)
        assert at is not None, "the suite's ids are ours"
        self._clock = MovableClock(at)
        self._books = StripeBooks(self._clock.now)
        self.server = ProviderServer(lambda _origin: _application(StripeApi(self._books)))
        self.gateway, self.hasty_gateway = (
            StripeGateway(SECRET_KEY, [EVENT_SECRET], seconds, origin=self.server.origin, clock=self._clock)
            for seconds in (30, 0.33)
        )

    @classmethod
    def start(cls, folder: Path) -> Self:
        return cls()

    def close(self) -> None:
        self.server.close()

    def now(self) -> datetime:
        return self._clock.now()

    def token(self, card: Card) -> str:
        return "cus_nobody/pm_nobodyknowsthisone" if card == "unknown" else self._books.keep_card(_CARDS[card])

    def telephone(self, kind: Telephone) -> tuple[str, str]:
        raise LookupError("no telephone is prompted")

    def pay_page(self, action_url: str, card: Card) -> None:
        page = self._books.get("checkout.session", _last(action_url))
        if page["status"] == "open":
            self._books.pay_page(page["id"], _CARDS[card])

    def leave_page(self, action_url: str) -> None:
        """The page's way back is a link: it stays open."""

    def finish_setup(self, action_url: str, card: Card) -> None:
        self.pay_page(action_url, card)

    def leave_setup(self, action_url: str) -> None:
        self.leave_page(action_url)

    def answer_challenge(self, action_url: str, *, recognised: bool) -> None:
        intent = self._books.get("payment_intent", _last(action_url))
        if intent["status"] == "requires_action":
            self._books.answer_bank(intent["id"], proves=recognised)

    def settle(self, reference: str) -> None:
        """Cards are answered at once."""

    def approve_late(self, reference: str) -> None:
        raise LookupError("no telephone is prompted")

    def fail_refund(self, reference: str) -> None:
        (refund,) = (row for row in self._all("refund") if row["metadata"]["portal_reference"] == reference)
        self._books.fail_refund(refund["id"])

    def expire_keys(self) -> None:
        self._clock.advance(hours=24)

    def ledger(self) -> list[ProviderCharge]:
        return [
            ProviderCharge(
                intent["metadata"]["portal_reference"],
                intent["amount"],
                intent["currency"].upper(),
                _STATES.get(intent["status"], "pending"),
            )
            for intent in self._all("payment_intent")
        ]

    def refunded(self) -> int:
        (charge,) = self._all("charge")
        return int(charge["amount_refunded"])

    def event(self, reference: str) -> SignedEvent:
        (intent,) = (row for row in self._all("payment_intent") if row["metadata"]["portal_reference"] == reference)
        headers, body = event(self._books, "payment_intent.succeeded", intent)
        return SignedEvent(headers, body, "Stripe-Signature")

    def _all(self, kind: str) -> list[Body]:
        return list(self._books.objects.get(kind, {}).values())


def _application(api: StripeApi) -> WSGIApplication:
    @Request.application
    def answer(request: Request) -> Response:
        seen = Seen.read(
            request.method, request.path, request.query_string.decode(), request.get_data(), dict(request.headers)
        )
        reply = api.answer(seen)
        return Response(reply.body, reply.status, reply.headers)

    return answer


def _last(address: str) -> str:
    return address.rpartition("/")[2]
