"""Webhooks: signed, retried, and on request twice, late, out of order or never."""

from __future__ import annotations

import pytest
import requests

from portal.sandbox_gateway import clock, webhooks
from portal.sandbox_gateway.webhooks import RETRY_PAUSES, Sender, build_signature


@pytest.fixture
def deliver(gateway, monkeypatch):
    """Sends everything that is due at `real_now() + later` milliseconds, as the thread would."""
    sender = Sender(gateway.database, gateway.settle_due)
    real = clock.real_now

    def run(later=0):
        monkeypatch.setattr(webhooks, "real_now", lambda: real() + later)
        with requests.Session() as session:
            session.trust_env = False
            while sender.send_next(session):
                pass
        monkeypatch.setattr(webhooks, "real_now", real)

    return run


@pytest.fixture
def listening(account, merchant):
    body = {"url": merchant.url, "secret": "whsec_test"}
    assert account.post("/v1/webhook_endpoints", body).status_code == 201
    return account


def test_event_is_signed_and_carries_the_charge(listening, merchant, deliver):
    charge = listening.charge(listening.card()).json

    deliver()

    ((headers, body),) = merchant.received
    (event,) = merchant.events
    assert (event["type"], event["data"]) == ("charge.succeeded", charge)
    assert event["id"].startswith("evt_")
    at = int(headers["Sandbox-Signature"].split(",")[0].removeprefix("t="))
    assert headers["Sandbox-Signature"] == build_signature("whsec_test", at, body)


def test_each_end_has_its_event(listening, merchant, deliver, gateway):
    listening.charge(listening.card("4000000000000002"), "R1")
    listening.charge(listening.phone("677000000"), "R2")
    gateway.clock.move_to_offset(3)
    succeeded = listening.get("/v1/charges", reference="R2")["items"][0]["id"]
    listening.post("/v1/refunds", {"reference": "F", "charge": succeeded, "amount": 1})
    cancelled = listening.charge(listening.phone("677000003"), "R3").json["id"]
    listening.post(f"/v1/charges/{cancelled}/cancel", {})

    deliver()

    assert merchant.types == [
        "charge.failed",
        "charge.pending",
        "charge.succeeded",
        "refund.succeeded",
        "charge.pending",
        "charge.canceled",
    ]


def test_refund_and_setup_have_their_events_too(listening, merchant, deliver, gateway):
    charge = listening.charge(listening.card(), "R1").json["id"]
    listening.behave(reference="F1", webhooks="twice", answer="fails_later", delay_seconds=5)
    listening.post("/v1/refunds", {"reference": "F1", "charge": charge, "amount": 1})
    gateway.clock.move_to_offset(5)
    gateway.settle_due()
    body = {"payee": "Acme", "currency": "XAF", "return_url": "http://a.example/", "cancel_url": "http://a.example/"}
    kept, left = (listening.post("/v1/setups", {**body, "reference": reference}).json for reference in ("S1", "S2"))
    card = {"channel": "card", "number": "4242424242424242", "expiry": "12/90", "cvc": "123"}
    listening.client.post(kept["url"].removeprefix("http://localhost:4567"), data=card)
    listening.post(f"/v1/setups/{left['id']}/cancel", {})

    deliver()

    assert merchant.types == ["charge.succeeded", "refund.failed", "refund.failed", "setup.succeeded", "setup.canceled"]
    assert [event["data"]["reference"] for event in merchant.events] == ["R1", "F1", "F1", "S1", "S2"]
    assert merchant.events[3]["data"]["method"]["token"].startswith("tok_")


def test_late_approval_is_told_after_the_cancelling(listening, merchant, deliver):
    charge = listening.charge(listening.phone("677000003")).json["id"]
    listening.post(f"/v1/charges/{charge}/cancel", {})
    listening.client.post("/control/approvals", json={"reference": "R1"})

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
def test_webhook_comes_as_asked(listening, merchant, deliver, mode, at_once, later):
    listening.behave(webhooks=mode)
    listening.charge(listening.card())

    deliver()
    assert merchant.types == at_once
    deliver(later=10_000)

    assert merchant.types == at_once + later
    if mode == "twice":
        assert len({event["id"] for event in merchant.events}) == 1


def test_out_of_order_holds_the_pending_event_back_until_the_end(listening, merchant, deliver, gateway):
    listening.behave(webhooks="out_of_order")
    listening.charge(listening.phone("677000000"))
    deliver(later=10_000)
    assert merchant.types == []

    gateway.clock.move_to_offset(3)
    gateway.settle_due()
    deliver()
    deliver(later=10_000)

    assert merchant.types == ["charge.succeeded", "charge.pending"]


def test_refused_webhook_is_tried_again_five_times_with_growing_pauses(listening, merchant, deliver):
    merchant.answers = [500, 302, 404, 500, 500, 500]
    listening.charge(listening.card())

    elapsed = 0
    for attempt, pause in enumerate((0, *RETRY_PAUSES), start=1):
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
