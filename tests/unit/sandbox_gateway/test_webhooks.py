"""Webhooks: signed, retried, and on request twice, late, out of order or never."""

from __future__ import annotations

import pytest
import requests

from portal.sandbox_gateway import clock, webhooks
from portal.sandbox_gateway.webhooks import RETRY_DELAYS_MILLISECONDS, WebhookSender, build_signature


@pytest.fixture
def deliver(gateway, monkeypatch):
    """Sends everything that is due at `system_now() + later` milliseconds, as the thread would."""
    sender = WebhookSender(gateway.database, gateway.complete_due)
    real = clock.system_now

    def run(later=0):
        monkeypatch.setattr(webhooks, "system_now", lambda: real() + later)
        with requests.Session() as session:
            session.trust_env = False
            while sender.send_next(session):
                pass
        monkeypatch.setattr(webhooks, "system_now", real)

    return run


@pytest.fixture
def subscribed(account, merchant):
    body = {"url": merchant.url, "secret": "whsec_test"}
    assert account.post("/v1/webhook_endpoints", body).status_code == 201
    return account


def test_event_is_signed_and_carries_the_charge(subscribed, merchant, deliver):
    charge = subscribed.charge(subscribed.card()).json

    deliver()

    ((headers, body),) = merchant.received
    (event,) = merchant.events
    assert (event["type"], event["data"]) == ("charge.succeeded", charge)
    assert event["id"].startswith("evt_")
    at = int(headers["Sandbox-Signature"].split(",")[0].removeprefix("t="))
    assert headers["Sandbox-Signature"] == build_signature("whsec_test", at, body)


def test_each_completion_has_its_event(subscribed, merchant, deliver, gateway):
    subscribed.charge(subscribed.card("4000000000000002"), "R1")
    subscribed.charge(subscribed.phone("677000000"), "R2")
    gateway.clock.move_to_offset(3)
    succeeded = subscribed.get("/v1/charges", reference="R2")["items"][0]["id"]
    subscribed.post("/v1/refunds", {"reference": "F", "charge": succeeded, "amount": 1})
    cancelled = subscribed.charge(subscribed.phone("677000003"), "R3").json["id"]
    subscribed.post(f"/v1/charges/{cancelled}/cancel", {})

    deliver()

    assert merchant.types == [
        "charge.failed",
        "charge.pending",
        "charge.succeeded",
        "refund.succeeded",
        "charge.pending",
        "charge.canceled",
    ]


def test_refund_and_setup_have_their_events_too(subscribed, merchant, deliver, gateway):
    charge = subscribed.charge(subscribed.card(), "R1").json["id"]
    subscribed.behave(reference="F1", webhooks="twice", answer="fails_later", delay_seconds=5)
    subscribed.post("/v1/refunds", {"reference": "F1", "charge": charge, "amount": 1})
    gateway.clock.move_to_offset(5)
    gateway.complete_due()
    body = {"payee": "Acme", "currency": "XAF", "return_url": "http://a.example/", "cancel_url": "http://a.example/"}
    saved, canceled = (
        subscribed.post("/v1/setups", {**body, "reference": reference}).json for reference in ("S1", "S2")
    )
    card = {"channel": "card", "number": "4242424242424242", "expiry": "12/90", "cvc": "123"}
    subscribed.client.post(saved["url"].removeprefix("http://localhost:4567"), data=card)
    subscribed.post(f"/v1/setups/{canceled['id']}/cancel", {})

    deliver()

    assert merchant.types == ["charge.succeeded", "refund.failed", "refund.failed", "setup.succeeded", "setup.canceled"]
    assert [event["data"]["reference"] for event in merchant.events] == ["R1", "F1", "F1", "S1", "S2"]
    assert merchant.events[3]["data"]["method"]["token"].startswith("tok_")


def test_late_approval_has_an_event_after_that_of_the_cancellation(subscribed, merchant, deliver):
    charge = subscribed.charge(subscribed.phone("677000003")).json["id"]
    subscribed.post(f"/v1/charges/{charge}/cancel", {})
    subscribed.client.post("/control/approvals", json={"reference": "R1"})

    deliver()

    assert merchant.types == ["charge.pending", "charge.canceled", "charge.succeeded"]


@pytest.mark.parametrize(
    ("mode", "at_once", "later"),
    [
        ("normal", ["charge.succeeded"], []),
        ("twice", ["charge.succeeded", "charge.succeeded"], []),
        ("late", [], ["charge.succeeded"]),
        ("out_of_order", ["charge.succeeded"], ["charge.pending"]),
        ("never", [], []),
    ],
)
def test_webhook_is_sent_as_its_mode_says(subscribed, merchant, deliver, mode, at_once, later):
    subscribed.behave(webhooks=mode)
    subscribed.charge(subscribed.card())

    deliver()
    assert merchant.types == at_once
    deliver(later=10_000)

    assert merchant.types == at_once + later
    if mode == "twice":
        assert len({event["id"] for event in merchant.events}) == 1


def test_out_of_order_holds_the_pending_event_until_the_completion(subscribed, merchant, deliver, gateway):
    subscribed.behave(webhooks="out_of_order")
    subscribed.charge(subscribed.phone("677000000"))
    deliver(later=10_000)
    assert merchant.types == []

    gateway.clock.move_to_offset(3)
    gateway.complete_due()
    deliver()
    deliver(later=10_000)

    assert merchant.types == ["charge.succeeded", "charge.pending"]


def test_failed_webhook_is_retried_five_times_with_growing_delays(subscribed, merchant, deliver):
    merchant.answers = [500, 302, 404, 500, 500, 500]
    subscribed.charge(subscribed.card())

    elapsed = 0
    for attempt, pause in enumerate((0, *RETRY_DELAYS_MILLISECONDS), start=1):
        elapsed += pause + 500
        deliver(later=elapsed)
        assert len(merchant.received) == attempt
    deliver(later=elapsed * 10)

    assert len(merchant.received) == 6
    assert len({event["id"] for event in merchant.events}) == 1


def test_account_without_an_endpoint_queues_nothing(account, merchant, deliver):
    account.charge(account.card())
    account.post("/v1/webhook_endpoints", {"url": merchant.url, "secret": "whsec_test"})

    deliver()

    assert merchant.received == []
