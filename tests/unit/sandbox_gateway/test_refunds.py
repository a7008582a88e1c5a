"""Refunds: in parts, never more than was charged."""

from __future__ import annotations

import pytest


def refund(account, charge, amount, reference="F1", key=None):
    return account.post("/v1/refunds", {"reference": reference, "charge": charge, "amount": amount}, key)


def test_partial_refunds_add_up_to_the_charge_and_no_more(account):
    charge = account.charge(account.card()).json["id"]

    assert refund(account, charge, 3000, "F1").json["status"] == "succeeded"
    too_much = refund(account, charge, 2001, "F2")
    assert refund(account, charge, 2000, "F3").status_code == 201

    assert (too_much.status_code, too_much.json["error"]["code"]) == (409, "amount_too_large")
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 5000
    assert account.get("/v1/refunds", reference="F2")["items"] == []
    assert [item["amount"] for item in account.get("/v1/refunds", reference="F3")["items"]] == [2000]


def test_repeated_refund_request_is_one_refund(account):
    charge = account.charge(account.card()).json["id"]

    first = refund(account, charge, 100, key="K")

    assert refund(account, charge, 100, key="K").json == first.json
    assert refund(account, charge, 100, key="K2").json["error"]["code"] == "duplicate_reference"
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 100


def test_charge_that_has_not_succeeded_cannot_be_refunded(account):
    charge = account.charge(account.card("4000000000000002")).json["id"]

    assert refund(account, charge, 1).json["error"]["code"] == "not_refundable"
    assert refund(account, "ch_unknown", 1).status_code == 404


def test_refund_to_a_bank_account_succeeds_after_two_days(account, gateway):
    charge = account.charge(account.bank_account("0001")).json["id"]
    gateway.clock.move_to_offset(2 * 86_400)

    assert refund(account, charge, 5000).json["status"] == "pending"

    gateway.clock.move_to_offset(4 * 86_400)
    assert account.get("/v1/refunds", reference="F1")["items"][0]["status"] == "succeeded"


def test_refund_that_fails_later_is_pending_and_then_refundable_again(account, gateway):
    account.behave(reference="F1", answer="fails_later", delay_seconds=3600)
    charge = account.charge(account.card()).json["id"]
    assert refund(account, charge, 5000).json["status"] == "pending"
    assert refund(account, charge, 1, "F2").json["error"]["code"] == "amount_too_large"

    gateway.clock.move_to_offset(3600)

    (failed,) = account.get("/v1/refunds", reference="F1")["items"]
    assert (failed["status"], failed["failure_code"]) == ("failed", "processing_error")
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 0
    assert refund(account, charge, 5000, "F3").json["status"] == "succeeded"


def test_succeeded_refund_can_be_returned_once(account):
    charge = account.charge(account.card()).json["id"]
    refund(account, charge, 3000)

    answers = [account.client.post("/control/refund_failures", json={"reference": "F1"}) for _ in range(2)]

    assert [(answer.status_code, answer.json["status"]) for answer in answers] == [(201, "failed")] * 2
    assert account.get(f"/v1/charges/{charge}")["amount_refunded"] == 0


@pytest.mark.parametrize(("answer", "made"), [("error_before", 0), ("error_after", 1)])
def test_refund_that_answers_500_is_stored_and_found_by_reference(account, answer, made):
    account.behave(reference="F1", answer=answer)
    charge = account.charge(account.card()).json["id"]

    first, again = refund(account, charge, 5000, key="K"), refund(account, charge, 5000, key="K")

    assert (first.status_code, again.status_code) == (500, 500)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(account.get("/v1/refunds", reference="F1")["items"]) == made


def test_behaviour_for_any_charge_does_not_apply_to_refunds(account):
    charge = account.charge(account.card()).json["id"]
    account.behave(answer="error_before")

    assert refund(account, charge, 5000).status_code == 201
    assert account.charge(account.card(), "R2").status_code == 500


def test_repeated_refund_of_a_whole_charge_says_that_it_exists(account):
    charge = account.charge(account.card()).json["id"]
    refund(account, charge, 5000)

    assert refund(account, charge, 5000).json["error"]["code"] == "duplicate_reference"
