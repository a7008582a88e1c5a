"""Charges by the API: the outcome of each test number, one charge for each reference, accounts apart."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest


def test_charge_of_a_good_card_succeeds_and_is_in_the_ledger(account):
    token = account.card()

    response = account.charge(token, "R1", key="K1")

    assert response.status_code == 201
    assert response.json["status"] == "succeeded"
    assert response.json["method"]["last4"] == "4242"
    assert response.json["completed_at"] is not None
    (entry,) = account.ledger()
    assert entry.pop("at").endswith("Z")
    assert entry == {
        "reference": response.json["id"],
        "idempotency_key": "K1",
        "token": token,
        "amount": 5000,
        "currency": "XAF",
        "status": "succeeded",
    }


@pytest.mark.parametrize(
    ("number", "status", "failure"),
    [
        ("5555555555554444", "succeeded", None),
        ("378282246310005", "succeeded", None),
        ("4000000000000002", "failed", "card_declined"),
        ("4000000000009995", "failed", "insufficient_funds"),
        ("4000000000003220", "requires_action", None),
    ],
)
def test_card_number_decides_the_outcome(account, number, status, failure):
    charge = account.charge(account.card(number)).json

    assert (charge["status"], charge["failure_code"]) == (status, failure)
    assert (charge["failure_message"] is None) == (failure is None)


def test_error_card_answers_500_and_the_charge_is_found_by_reference(account, gateway):
    token = account.card("4000000000000119")

    response = account.charge(token, "R1", key="K1")

    assert response.status_code == 500
    assert account.get("/v1/charges", reference="R1")["items"][0]["status"] == "pending"
    gateway.clock.move_to_offset(3)
    assert account.get("/v1/charges", reference="R1")["items"][0]["status"] == "succeeded"
    again = account.charge(token, "R1", key="K1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (500, "true")
    assert len(account.ledger()) == 1


@pytest.mark.parametrize(
    ("ending", "status", "failure"),
    [
        ("000000", "succeeded", None),
        ("000001", "failed", "insufficient_funds"),
        ("000002", "failed", "processing_error"),
        ("000003", "pending", None),
        ("000004", "failed", "payer_cancelled"),
    ],
)
def test_phone_answers_after_three_seconds_of_the_gateways_clock(account, gateway, ending, status, failure):
    charge = account.charge(account.phone(f"+237 677{ending}")).json
    assert charge["status"] == "pending"

    gateway.clock.move_to_offset(3)

    later = account.get(f"/v1/charges/{charge['id']}")
    assert (later["status"], later["failure_code"]) == (status, failure)


@pytest.mark.parametrize(
    ("number", "status", "failure"),
    [("CM21 0001", "succeeded", None), ("CM21 0002", "failed", "returned_unpaid")],
)
def test_bank_account_is_decided_after_two_days_of_the_gateways_clock(account, gateway, number, status, failure):
    account.charge(account.bank_account(number))

    gateway.clock.move_to_offset(2 * 86_400 - 10)
    assert account.ledger()[0]["status"] == "pending"
    gateway.clock.move_to_offset(2 * 86_400)

    (charge,) = account.get("/v1/charges", reference="R1")["items"]
    assert (charge["status"], charge["failure_code"]) == (status, failure)


def test_second_charge_of_a_reference_is_refused(account):
    token = account.card()
    account.charge(token, "R1", key="K1")

    response = account.charge(token, "R1", key="K2")

    assert (response.status_code, response.json["error"]["code"]) == (409, "duplicate_reference")
    assert len(account.ledger()) == 1


def test_accounts_share_neither_references_nor_objects(account):
    other = type(account)(account.client, "sk_sandbox_two")
    charge = account.charge(account.card()).json

    assert other.charge(account.card()).json["error"]["code"] == "unknown_token"
    assert other.charge(other.card()).status_code == 201
    response = account.client.get(f"/v1/charges/{charge['id']}", headers={"Authorization": "Bearer sk_sandbox_two"})
    assert response.status_code == 404
    assert other.post(f"/v1/charges/{charge['id']}/cancel", {}).status_code == 404
    assert len(account.client.get("/ledger?account=sk_sandbox_two").json) == 1


def test_fingerprint_is_equal_for_one_number_in_one_account_only(account):
    def fingerprint(key, number):
        speaker = type(account)(account.client, key)
        body = {"type": "card", "number": number, "exp_month": 1, "exp_year": 2050}
        return speaker.post("/v1/tokens", body).json["fingerprint"]

    assert fingerprint("sk_sandbox_one", "4242424242424242") == fingerprint("sk_sandbox_one", "4242 4242 4242 4242")
    assert fingerprint("sk_sandbox_one", "4242424242424242") != fingerprint("sk_sandbox_two", "4242424242424242")


def test_no_number_is_ever_stored(account, tmp_path):
    account.charge(account.card(), "R1")
    account.charge(account.phone("+237677000000"), "R2")
    account.charge(account.bank_account("CM9876540001"), "R3")

    with sqlite3.connect(tmp_path / "sandbox.db") as connection:
        stored = "\n".join(connection.iterdump())
    connection.close()
    for number in ("4242424242424242", "237677000000", "CM9876540001", "sk_sandbox_one"):
        assert number not in stored


def test_saved_card_that_has_expired_since_is_declined(account, gateway):
    gateway.clock.move_to_offset(-3 * 365 * 86_400)
    soon = datetime.now(UTC).year - 1
    token = account.token(type="card", number="4242424242424242", exp_month=12, exp_year=soon)
    gateway.clock.move_to_offset(0)

    charge = account.charge(token).json

    assert (charge["status"], charge["failure_code"]) == ("failed", "expired_card")


def test_pending_charge_can_be_cancelled_once_and_a_completed_one_cannot(account, gateway):
    charge = account.charge(account.phone("677000000")).json

    assert account.post(f"/v1/charges/{charge['id']}/cancel", {}).json["status"] == "canceled"

    gateway.clock.move_to_offset(60)
    assert account.ledger()[0]["status"] == "canceled"
    response = account.post(f"/v1/charges/{charge['id']}/cancel", {})
    assert (response.status_code, response.json["error"]["code"]) == (409, "not_cancelable")


def test_list_is_newest_first_and_pages_by_cursor(account, gateway):
    token = account.card()
    for number in range(103):
        account.charge(token, f"R{number}")

    first = account.get("/v1/charges")
    second = account.get("/v1/charges", after=first["next"])

    assert [charge["reference"] for charge in first["items"]] == [f"R{number}" for number in range(102, 2, -1)]
    assert [charge["reference"] for charge in second["items"]] == ["R2", "R1", "R0"]
    assert second["next"] is None
    gateway.clock.move_to_offset(3600)
    account.charge(token, "later")
    since = account.client.get("/control/clock").json["now"]
    assert [c["reference"] for c in account.get("/v1/charges", created_after=since)["items"]] in (["later"], [])
    assert account.get("/v1/charges", reference="unknown")["items"] == []


def test_list_is_filtered_by_time(account, gateway):
    token = account.card()
    for hour in range(3):
        gateway.clock.move_to_offset(hour * 3600)
        account.charge(token, f"R{hour}")
    start = datetime.now(UTC) - timedelta(minutes=10)

    def listed(first, last):
        instants = [(start + timedelta(hours=hour)).isoformat() for hour in (first, last)]
        found = account.get("/v1/charges", created_after=instants[0], created_before=instants[1])
        return [charge["reference"] for charge in found["items"]]

    assert listed(0, 3) == ["R2", "R1", "R0"]
    assert listed(1, 2) == ["R1"]
    assert listed(3, 4) == []


def test_bounds_of_the_list_are_exact_to_the_millisecond(account, gateway):
    account.charge(account.card())
    with gateway.database.read() as connection:
        (milliseconds,) = connection.execute("SELECT created_at FROM charges").fetchone()
    at, next_at = (datetime.fromtimestamp((milliseconds + more) / 1000, UTC).isoformat() for more in (0, 1))

    assert len(account.get("/v1/charges", created_after=at, created_before=next_at)["items"]) == 1
    assert account.get("/v1/charges", created_before=at)["items"] == []
    assert account.get("/v1/charges", created_after=next_at)["items"] == []


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize("instant", ["yesterday", "2026-01-31T12:00:00"])
def test_time_filter_that_is_no_instant_is_400(account, name, instant):
    headers = {"Authorization": f"Bearer {account.key}"}

    response = account.client.get("/v1/charges", query_string={name: instant}, headers=headers)

    assert response.status_code == 400
    assert name in response.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/pages", "/v1/refunds"])
def test_amount_above_the_maximum_has_its_own_error_code(account, path):
    body = {"reference": "R1", "amount": 10**12 + 1, "currency": "XAF", "token": account.card(), "charge": "ch_1"}

    response = account.post(path, body)

    assert (response.status_code, response.json["error"]["code"]) == (400, "unsupported_amount")


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": True},
        {"amount": 12.5},
        {"amount": "5000"},
        {"currency": "xaf"},
        {"reference": ""},
        {"token": None},
        {"return_url": "javascript:alert(1)"},
        {"return_url": "http://a.example; script-src *"},
    ],
)
def test_invalid_charge_is_400_and_charges_nothing(account, change):
    body = {"reference": "R1", "amount": 5000, "currency": "XAF", "token": account.card(), **change}

    response = account.post("/v1/charges", body)

    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert next(iter(change)) in response.json["error"]["message"]
    assert account.ledger() == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"type": "card", "number": "4242424242424241", "exp_month": 1, "exp_year": 2050}, "number"),
        ({"type": "card", "number": "4012888888881881", "exp_month": 1, "exp_year": 2050}, "number"),
        ({"type": "card", "number": "4242424242424242", "exp_month": 1, "exp_year": 2020}, "expiry"),
        ({"type": "mobile_money", "phone": "12"}, "phone"),
        ({"type": "bank_account", "account_number": "1", "bank_name": "B"}, "account_number"),
        ({"type": "cash"}, "type"),
        ([], "body"),
    ],
)
def test_token_of_an_invalid_number_is_400(account, body, named):
    response = account.post("/v1/tokens", body)

    assert response.status_code == 400
    assert response.json["error"]["message"].startswith(named)


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer sk_live_x", "Bearer sk_sandbox_", "Basic sk_sandbox_x"])
def test_request_without_a_sandbox_key_is_401(account, header):
    response = account.client.get("/v1/charges", headers={"Authorization": header})

    assert (response.status_code, response.json["error"]["code"]) == (401, "unauthorized")


def test_unknown_addresses_and_methods_of_the_api_answer_json(account):
    headers = {"Authorization": "Bearer sk_sandbox_one"}

    assert account.client.get("/v1/nothing", headers=headers).json["error"]["code"] == "not_found"
    assert account.client.put("/v1/charges", headers=headers).json["error"]["code"] == "method_not_allowed"
