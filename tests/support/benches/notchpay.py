"""Notch Pay's bench: a stand-in that behaves as its documentation says, and a portal whose clock goes a little ahead of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from werkzeug.wrappers import Request, Response

from portal.gateways.notchpay import Keys, NotchPayGateway
from portal.money import Money
from tests.support.gateway_bench import Card, GatewayBench, ProviderCharge, SignedEvent, Telephone
from tests.support.notchpay_server import EVENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, Body, NotchPayBooks, answer_of
from tests.support.provider_server import ProviderServer

_AHEAD = timedelta(minutes=2)
_TELEPHONES: dict[Telephone, str] = {
    "good": "+237677000000",
    "failing": "+237677000002",
    "silent": "+237677000003",
    "canceling": "+237677000004",
}
_ENDS = {"+237677000000": "complete", "+237677000002": "failed", "+237677000004": "canceled"}
_STATES: dict[str, Literal["succeeded", "failed", "pending", "canceled"]] = {
    "complete": "succeeded",
    "refunded": "succeeded",
    "partialy-refunded": "succeeded",
    "canceled": "canceled",
    "failed": "failed",
}


class _AheadClock:
    """Two minutes ahead of the provider: what one of us left behind between two calls is taken up by the next at once."""

    def now(self) -> datetime:
        return datetime.now(UTC) + _AHEAD


class NotchPayBench(GatewayBench):
    """Notch Pay's books behind the suite's own line. What it does not document is off: the reason `insufficient_funds`, dated
    events, the address of a page given twice, and cancelling a prompt."""

    capabilities = NotchPayGateway.capabilities
    money = Money(5000, "XAF")
    refused_money = Money(5000, "USD")
    calls = {  # noqa: RUF012  The protocol says that it is read only.
        "prompt": "POST /payments",
        "page": "POST /payments",
        "refund": "POST /refunds",
    }
    duplicate = (409, json.dumps({"code": 409, "status": "Conflict", "message": "already exists"}).encode())
    amounts = ((Money(1000, "XAF"), 1000),)
    telephones = ("good", "failing", "silent", "canceling")
    dates_events = False
    returns_pages_again = False
    cancels_prompts = False

    def __init__(self) -> None:
        self._books = NotchPayBooks()

        @Request.application
        def app(request: Request) -> Response:
            body = request.get_json() if request.data else {}
            status, payload = answer_of(
                self._books, request.method, request.path, request.args.to_dict(), dict(request.headers), body
            )
            return Response(json.dumps(payload), status, mimetype="application/json")

        self.server = ProviderServer(lambda _origin: app)
        keys = Keys(PUBLIC_KEY, PRIVATE_KEY, (EVENT_SECRET,))
        self.gateway = NotchPayGateway(keys, 30, origin=self.server.origin, clock=_AheadClock())
        self.hasty_gateway = NotchPayGateway(keys, 0.33, origin=self.server.origin, clock=_AheadClock())

    @classmethod
    def start(cls, folder: Path) -> Self:
        return cls()

    def close(self) -> None:
        self.server.close()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def token(self, card: Card) -> str:
        raise LookupError("Notch Pay keeps no methods")

    def telephone(self, kind: Telephone) -> tuple[str, str]:
        return "cm.mtn", _TELEPHONES[kind]

    def pay_page(self, action_url: str, card: Card) -> None:
        payment = self._of_page(action_url)
        if payment["status"] == "pending":
            payment["channel"] = "card"
            self._books.settle(payment["trxref"], "complete" if card == "good" else "failed")

    def leave_page(self, action_url: str) -> None:
        self._of_page(action_url)["status"] = "canceled"

    def finish_setup(self, action_url: str, card: Card) -> None:
        raise LookupError("Notch Pay keeps no methods")

    def leave_setup(self, action_url: str) -> None:
        raise LookupError("Notch Pay keeps no methods")

    def answer_challenge(self, action_url: str, *, recognised: bool) -> None:
        raise LookupError("3-D Secure is its page's own matter")

    def settle(self, reference: str) -> None:
        for prompted, _, phone in self._books.rings:
            if prompted == reference and phone in _ENDS:
                self._books.settle(reference, _ENDS[phone])

    def approve_late(self, reference: str) -> None:
        self._books.settle(reference, "complete")

    def fail_refund(self, reference: str) -> None:
        (refund,) = (one for one in self._books.refunds if one["reason"] == reference)
        refund["status"] = "failed"

    def expire_keys(self) -> None:
        """It has none: a reference is used once, for ever."""

    def ledger(self) -> list[ProviderCharge]:
        rung = {reference for reference, _, _ in self._books.rings}
        return [
            ProviderCharge(
                payment["trxref"], payment["amount"], payment["currency"], _STATES.get(payment["status"], "pending")
            )
            for payment in self._books.payments.values()
            if payment["trxref"] in rung or payment["status"] in ("complete", "refunded", "partialy-refunded", "failed")
        ]

    def refunded(self) -> int:
        return sum(refund["amount"] for refund in self._books.refunds if refund["status"] != "failed")

    def event(self, reference: str) -> SignedEvent:
        headers, body = self._books.event("payment.complete", self._books.of(reference))
        return SignedEvent(headers, body, "X-Notch-Signature")

    def _of_page(self, action_url: str) -> Body:
        return self._books.payments[f"trx.{action_url.rpartition('/')[2]}"]
