"""Detached tokens: they cannot be charged any more, and their pending charges are not affected."""

from __future__ import annotations


def test_detached_token_cannot_be_charged(account):
    token = account.card()

    detached = account.post(f"/v1/tokens/{token}/detach", {})

    assert (detached.status_code, detached.json["detached"]) == (200, True)
    refused = account.charge(token)
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "unknown_token")
    assert account.ledger() == []


def test_detaching_again_changes_nothing(account):
    token = account.card()

    first, again = (account.post(f"/v1/tokens/{token}/detach", {}) for _ in range(2))

    assert (again.status_code, again.json) == (200, first.json)


def test_token_of_another_account_and_an_unknown_one_are_not_found(account):
    token = account.card()
    other = type(account)(account.client, "sk_sandbox_two")

    assert other.post(f"/v1/tokens/{token}/detach", {}).status_code == 404
    assert account.post("/v1/tokens/tok_unknown/detach", {}).json["error"]["code"] == "not_found"
    assert account.charge(token).status_code == 201


def test_pending_charge_of_a_detached_token_still_completes(account, gateway):
    token = account.phone("677000000")
    account.charge(token)

    account.post(f"/v1/tokens/{token}/detach", {})
    gateway.clock.move_to_offset(3)

    (charge,) = account.get("/v1/charges", reference="R1")["items"]
    assert (charge["status"], charge["method"]["token"]) == ("succeeded", token)
