"""Prompts: a phone is prompted by its number, saved only when requested, and its payer may approve late."""

from __future__ import annotations

import pytest


def prompt(account, phone="+237677000000", reference="R1", channel="cm.mtn", **more):
    telephone = {"phone": phone, "channel": channel}
    body = {"reference": reference, "amount": 5000, "currency": "XAF", "mobile_money": telephone, **more}
    return account.post("/v1/charges", body)


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
def test_last_digits_of_the_phone_decide_the_outcome_after_three_seconds(account, gateway, ending, status, failure):
    created = prompt(account, f"+237677{ending}")
    assert (created.status_code, created.json["status"]) == (201, "pending")

    gateway.clock.move_to_offset(3)

    (charge,) = account.get("/v1/charges", reference="R1")["items"]
    assert (charge["status"], charge["failure_code"]) == (status, failure)


@pytest.mark.parametrize(("channel", "brand"), [("cm.mtn", "mtn"), ("cm.orange", "orange")])
def test_method_of_a_prompt_shows_its_operator_and_masks_its_number(account, channel, brand):
    method = prompt(account, channel=channel).json["method"]

    assert (method["type"], method["brand"], method["phone"]) == ("mobile_money", brand, "+237 •••• 0000")
    assert method["token"] is None


def test_saved_phone_can_be_prompted_again(account):
    token = prompt(account, save=True).json["method"]["token"]

    again = account.charge(token, "R2").json

    assert (again["status"], again["method"]["token"]) == ("pending", token)


@pytest.mark.parametrize(
    "telephone",
    [
        {"phone": "+237677000000", "channel": "cm.nobody"},
        {"phone": "+33612345678", "channel": "cm.mtn"},
        {"phone": "677000000", "channel": "cm.mtn"},
        {"phone": "+2376770000000", "channel": "cm.mtn"},
    ],
)
def test_phone_that_cannot_be_prompted_is_rejected(account, telephone):
    response = account.post(
        "/v1/charges", {"reference": "R1", "amount": 100, "currency": "XAF", "mobile_money": telephone}
    )

    assert (response.status_code, response.json["error"]["code"]) == (400, "unusable_method")
    assert account.ledger() == []


def test_token_and_phone_in_one_request_are_rejected(account):
    response = prompt(account, token=account.card())

    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")


def test_number_of_a_prompt_is_not_stored(account, gateway):
    prompt(account, save=True)

    with gateway.database.read() as connection:
        assert "677000000" not in "\n".join(connection.iterdump())


def test_payer_may_approve_after_the_merchant_cancelled(account):
    charge = prompt(account, "+237677000003").json
    assert account.post(f"/v1/charges/{charge['id']}/cancel", {}).json["status"] == "canceled"

    approved = account.client.post("/control/approvals", json={"reference": "R1", "account": account.key})

    assert (approved.status_code, approved.json["status"]) == (201, "succeeded")
    assert [entry["status"] for entry in account.ledger()] == ["succeeded"]


def test_two_prompts_may_both_be_approved(account):
    for reference in ("R1", "R2"):
        prompt(account, "+237677000003", reference)
        account.client.post("/control/approvals", json={"reference": reference})

    assert [entry["status"] for entry in account.ledger()] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("number", ["4000000000000002", "4000000000003220", "4242424242424242"])
def test_late_approval_succeeds_whatever_the_status_of_the_charge(account, number):
    account.charge(account.card(number), "R1")

    account.client.post("/control/approvals", json={"reference": "R1"})

    (charge,) = account.get("/v1/charges", reference="R1")["items"]
    assert (charge["status"], charge["failure_code"]) == ("succeeded", None)


@pytest.mark.parametrize("path", ["/control/approvals", "/control/refund_failures"])
def test_control_of_an_unknown_reference_is_404(account, path):
    account.charge(account.card(), "R1")

    assert account.client.post(path, json={"reference": "R9"}).status_code == 404
    assert account.client.post(path, json={"reference": "R1", "account": "sk_sandbox_two"}).status_code == 404
    assert account.client.post(path, json={}).status_code == 400
