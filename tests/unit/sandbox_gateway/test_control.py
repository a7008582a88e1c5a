"""The control API: behaviours apply to the next matching charges, and the clock is stored."""

from __future__ import annotations

import pytest

from portal.sandbox_gateway.amount_format import format_amount
from portal.sandbox_gateway.clock import GatewayClock


@pytest.mark.parametrize(
    ("answer", "status", "failure"),
    [
        ("decline", "failed", "card_declined"),
        ("insufficient_funds", "failed", "insufficient_funds"),
        ("requires_action", "requires_action", None),
        ("normal", "succeeded", None),
    ],
)
def test_behaviour_applies_to_one_charge(account, answer, status, failure):
    account.behave(answer=answer)

    charge = account.charge(account.card(), "R1").json

    assert (charge["status"], charge["failure_code"]) == (status, failure)
    assert account.charge(account.card(), "R2").json["status"] == "succeeded"


def test_charge_that_fails_later_is_pending_until_then(account, gateway):
    account.behave(answer="fails_later", delay_seconds=60)
    assert account.charge(account.card(), "R1").json["status"] == "pending"

    gateway.clock.move_to_offset(60)

    (charge,) = account.get("/v1/charges", reference="R1")["items"]
    assert (charge["status"], charge["failure_code"]) == ("failed", "processing_error")


def test_behaviour_applies_to_its_reference_and_as_often_as_its_count(account):
    account.behave(answer="decline", reference="R2", count=1)
    account.behave(answer="insufficient_funds", account=account.key, count=2)
    token = account.card()

    codes = [account.charge(token, reference).json["failure_code"] for reference in ("R1", "R2", "R3", "R4")]

    assert codes == ["insufficient_funds", "card_declined", "insufficient_funds", None]


def test_cleared_behaviours_apply_to_nothing(account):
    account.behave(answer="decline", count=5)

    assert account.client.delete("/control/behaviour").status_code == 204

    assert account.charge(account.card()).json["status"] == "succeeded"


def test_dropped_connection_before_leaves_the_key_free_and_after_has_charged(account):
    token = account.card()
    account.behave(answer="drop_before")
    with pytest.raises(ConnectionAbortedError):
        account.charge(token, "R1", key="K")
    assert account.ledger() == []

    account.behave(answer="drop_after")
    with pytest.raises(ConnectionAbortedError):
        account.charge(token, "R1", key="K")

    assert len(account.ledger()) == 1
    assert account.charge(token, "R1", key="K").headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("body", [{"answer": "maybe"}, {"count": 0}, {"delay_seconds": -1}, {"webhooks": "no"}, []])
def test_unknown_behaviour_is_400(account, body):
    assert account.client.post("/control/behaviour", json=body).status_code == 400


def test_clock_moves_both_ways_and_is_stored(account, gateway):
    assert account.client.post("/control/clock", json={"offset_seconds": -86_400}).json["offset_seconds"] == -86_400

    assert GatewayClock(gateway.database).offset_seconds == -86_400
    assert account.client.post("/control/clock", json={"offset_seconds": "1"}).status_code == 400
    assert account.client.post("/control/clock", json={"offset_seconds": 10**12}).status_code == 400


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (124000, "USD", "en", "$1,240.00"),
        (5000, "XAF", "en", "5,000\u00a0FCFA"),
        (5000, "XAF", "fr", "5\u202f000\u00a0FCFA"),
        (45005, "EUR", "fr", "450,05\u00a0€"),
        (1234567, "KWD", "en", "KWD\u00a01,234.567"),
    ],
)
def test_amount_is_formatted_for_its_locale(minor, currency, locale, text):
    assert format_amount(minor, currency, locale) == text
