"""Refunds: part by part, never more than was captured."""

from __future__ import annotations


def refund(account, charge, amount, reference="F1", key=None):
    return account.post("/v1/refunds", {"reference": reference, "charge": charge, "amount": amount}, key)


def test_parts_add_up_to_the_whole_and_no_further(account):
    charge = account.charge(account.card()).json["id"]

    assert refund(account, charge, 3000, "F1").json["status"] == "succeeded"
    too_much = refund(account, charge, 2001, "F2")
    assert refund(account, charge, 2000, "F3").status_code == 201

    assert (too_much.status_code, too_much.json["error"]["code"]) == (409, "amount_too_large")
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 5000
    assert account.get("/v1/refunds", reference="F2")["items"] == []
    assert [item["amount"] for item in account.get("/v1/refunds", reference="F3")["items"]] == [2000]


def test_repeated_refund_is_one(account):
    charge = account.charge(account.card()).json["id"]

    first = refund(account, charge, 100, key="K")

    assert refund(account, charge, 100, key="K").json == first.json
    assert refund(account, charge, 100, key="K2").json["error"]["code"] == "duplicate_reference"
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 100


def test_charge_that_has_not_succeeded_cannot_be_refunded(account):
    charge = account.charge(account.card("4000000000000002")).json["id"]

    assert refund(account, charge, 1).json["error"]["code"] == "not_refundable"
    assert refund(account, "ch_unknown", 1).status_code == 404


def test_refund_to_a_bank_account_arrives_after_two_days(account, gateway):
    charge = account.charge(account.bank_account("0001")).json["id"]
    gateway.clock.move_to_offset(2 * 86_400)

    assert refund(account, charge, 5000).json["status"] == "pending"

    gateway.clock.move_to_offset(4 * 86_400)
    assert account.get("/v1/refunds", reference="F1")["items"][0]["status"] == "succeeded"
