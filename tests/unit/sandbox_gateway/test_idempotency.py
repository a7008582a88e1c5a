"""Idempotency keys: the first response is replayed, for twenty-four hours of the gateway's clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest


def test_same_key_and_body_replays_the_first_response(account):
    token = account.card()
    first = account.charge(token, key="K")

    again = account.charge(token, key="K")

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(account.ledger()) == 1


def test_same_key_and_another_body_is_409(account):
    token = account.card()
    account.charge(token, key="K")

    response = account.charge(token, key="K", amount=200)

    assert (response.status_code, response.json["error"]["code"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/pages", "/v1/refunds"])
def test_missing_key_is_400(account, path):
    body = {"reference": "R", "amount": 1, "currency": "XAF", "token": "t", "charge": "c", "payee": "P"}
    body |= {"return_url": "http://a.example/", "cancel_url": "http://a.example/"}

    response = account.client.post(path, json=body, headers={"Authorization": f"Bearer {account.key}"})

    assert (response.status_code, response.json["error"]["code"]) == (400, "idempotency_key_required")


def test_key_expires_after_a_day_and_the_reference_stays_unique(account, gateway):
    token = account.card()
    account.charge(token, "R1", key="K")

    gateway.clock.move_to_offset(86_400)

    assert account.charge(token, "R1", key="K").json["error"]["code"] == "duplicate_reference"
    assert account.charge(token, "R2", key="K").status_code == 201


def test_rejected_request_does_not_use_its_key(account):
    assert account.charge("tok_unknown", key="K").status_code == 400

    assert account.charge(account.card(), key="K").status_code == 201


def test_error_before_is_stored_and_charges_nothing(account):
    token = account.card()
    account.behave(answer="error_before")

    first, again = account.charge(token, key="K"), account.charge(token, key="K")

    assert (first.status_code, again.status_code) == (500, 500)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert account.ledger() == []
    assert account.charge(token, key="K2").status_code == 201


def test_error_after_is_stored_and_has_charged(account):
    token = account.card()
    account.behave(answer="error_after")

    assert [account.charge(token, key="K").status_code for _ in range(2)] == [500, 500]

    assert [entry["status"] for entry in account.ledger()] == ["succeeded"]


def test_twenty_posts_at_once_are_one_charge(account, app):
    token = account.card()

    def post(number):
        speaker = type(account)(app.test_client())
        return speaker.charge(token, key=f"K{number % 2}").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(post, range(20)))

    assert set(statuses) == {201, 409}
    assert len(account.ledger()) == 1
