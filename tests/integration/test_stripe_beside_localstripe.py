"""Stripe's gateway against a Stripe that others wrote: the same SDK, cards, charges, refunds and signed webhooks."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import stripe

from portal.gateways.contract import ChargeOutcome, ChargeRequest, Lookup, RefundRequest, State, VerifiedEvent
from portal.gateways.stripe.gateway import StripeGateway
from portal.money import Money
from portal.public_ids import new_id

KEY, EVENT_SECRET = "sk_test_localstripe", "whsec_localstripe"
PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.support.localstripe_process"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        print(f"localstripe: {report['left_out']}")
        yield f"http://127.0.0.1:{report['port']}"
        process.terminate()


@pytest.fixture
def gateway(origin: str) -> StripeGateway:
    return StripeGateway(KEY, [EVENT_SECRET], PATIENCE_SECONDS, origin=origin)


@pytest.fixture
def sdk(origin: str) -> stripe.StripeClient:
    """What the customer's browser and Stripe's page do between them."""
    return stripe.StripeClient(KEY, base_addresses={"api": origin})


def keep_card(sdk: stripe.StripeClient, number: str) -> str:
    """A card that is attached by a SetupIntent, as Stripe's page does it; its token as ours is."""
    customer = sdk.v1.customers.create({"email": "maya@lindqvist.example"})
    card: Any = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    method = sdk.v1.payment_methods.create({"type": "card", "card": card})
    intent = sdk.v1.setup_intents.create({"customer": customer.id})
    sdk.v1.setup_intents.confirm(intent.id, {"payment_method": method.id})
    sdk.v1.payment_methods.attach(method.id, {"customer": customer.id})
    return f"{customer.id}/{method.id}"


def charge(gateway: StripeGateway, token: str) -> ChargeOutcome:
    reference = new_id("pay", datetime.now(UTC))
    return gateway.charge(ChargeRequest(reference, Money(5000, "USD"), token, "Team plan", "http://127.0.0.1/back"))


def look_up(gateway: StripeGateway, outcome: ChargeOutcome) -> ChargeOutcome:
    return gateway.look_up(Lookup(outcome.reference, datetime.now(UTC), outcome.gateway_reference))


def test_kept_card_is_charged_found_and_given_back(gateway, sdk):
    token = keep_card(sdk, "4242424242424242")

    outcome = charge(gateway, token)
    assert outcome.gateway_reference is not None
    assert outcome.method is not None
    request = RefundRequest(new_id("re", datetime.now(UTC)), outcome.gateway_reference, Money(2000, "USD"))
    refund = gateway.refund(request)

    assert (outcome.state, outcome.money) == (State.SUCCEEDED, Money(5000, "USD"))
    assert look_up(gateway, outcome) == outcome
    assert (outcome.method.last4, outcome.method.token) == ("4242", token)
    assert outcome.method.fingerprint
    assert (refund.state, refund.money) == (State.SUCCEEDED, Money(2000, "USD"))
    assert gateway.look_up_refund(request) == refund


def test_declined_card_is_a_failure(gateway, sdk):
    outcome = charge(gateway, keep_card(sdk, "4000000000000341"))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "card_declined")


def test_bank_that_asks_leaves_the_charge_waiting_until_the_customer_answered(gateway, sdk, origin):
    outcome = charge(gateway, keep_card(sdk, "4000002760003184"))
    waiting = look_up(gateway, outcome)

    intent: Any = sdk.v1.payment_intents.retrieve(outcome.gateway_reference)
    sdk.raw_request(
        "post",
        f"/v1/payment_intents/{intent.id}/_authenticate",
        client_secret=intent.client_secret,
        success="true",
    )

    # localstripe has no page for it to lead to: pending is what is left.
    assert (outcome.state, waiting.state) == (State.PENDING, State.PENDING)
    assert look_up(gateway, outcome).state is State.SUCCEEDED


def test_detached_card_is_not_charged(gateway, sdk):
    token = keep_card(sdk, "4242424242424242")

    assert gateway.detach(token)
    assert sdk.v1.payment_methods.retrieve(token.partition("/")[2]).customer is None


def test_account_is_reachable(gateway):
    assert gateway.is_reachable()


def test_webhook_is_verified_and_speaks_of_our_charge(gateway, sdk, origin):
    heard: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{listener.server_port}/hooks/acme/stripe"
        endpoint = {"url": address, "secret": EVENT_SECRET}
        requests.post(f"{origin}/_config/webhooks/portal", data=endpoint, timeout=PATIENCE_SECONDS).raise_for_status()
        outcome = charge(gateway, keep_card(sdk, "4242424242424242"))
        notice = _next(heard, gateway, outcome.reference)
    finally:
        listener.shutdown()
        listener.server_close()

    assert (notice.type, notice.gateway_reference) == ("payment_intent.succeeded", outcome.gateway_reference)


def _next(heard: queue.Queue[tuple[dict[str, str], bytes]], gateway: StripeGateway, reference: str) -> VerifiedEvent:
    """The next verified event of that reference; those of earlier tests still come in."""
    while True:
        headers, body = heard.get(timeout=PATIENCE_SECONDS)
        notice = gateway.read_event(headers, body, datetime.now(UTC))
        if notice.reference == reference:
            return notice
