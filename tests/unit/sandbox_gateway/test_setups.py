"""Setups: the page that saves a payment method and charges nothing, by the merchant's API and in a payer's browser."""

from __future__ import annotations

import re

import pytest

from tests.support.sandbox_pages import assert_is_sound, fetch_page

SETUP = {
    "payee": "Acme Software Inc.",
    "currency": "USD",
    "return_url": "http://127.0.0.1:5000/acme/return",
    "cancel_url": "http://127.0.0.1:5000/acme/stopped",
    "locale": "en",
}
RETURN, STOPPED = SETUP["return_url"], SETUP["cancel_url"]
GOOD_CARD = {"channel": "card", "number": "4242 4242 4242 4242", "expiry": "12/90", "cvc": "123", "holder": "Maya"}
THREE_D_SECURE_CARD = {**GOOD_CARD, "number": "4000000000003220"}


def open_setup(account, reference="S1", **more):
    response = account.post("/v1/setups", {**SETUP, "reference": reference, **more})
    assert response.status_code == 201, response.text
    return response.json


def path_of(setup):
    return setup["url"].removeprefix("http://localhost:4567")


def current(account, setup):
    return account.get(f"/v1/setups/{setup['id']}")


def test_page_shows_the_payee_and_that_nothing_is_charged(account):
    setup = open_setup(account)

    response = fetch_page(account.client, path_of(setup))

    assert "Add a way to pay Acme Software Inc.</h1>" in response.text
    assert "Nothing is taken now." in response.text
    assert re.search(r'<button class="button" type="submit">Save it</button>', response.text)
    assert "form-action 'self' http://127.0.0.1:5000;" in response.headers["Content-Security-Policy"]
    assert (setup["status"], setup["method"], setup["failure_code"]) == ("open", None, None)


def test_page_is_in_french(account):
    response = fetch_page(account.client, path_of(open_setup(account, locale="fr-CM")))

    assert '<html lang="fr">' in response.text
    assert "Rien n’est débité maintenant" in response.text


def test_saved_card_has_a_token_that_can_be_charged(account):
    setup = open_setup(account)

    response = account.client.post(path_of(setup), data=GOOD_CARD)

    assert (response.status_code, response.location) == (303, RETURN)
    saved = current(account, setup)
    method = saved["method"]
    assert saved["status"] == "succeeded"
    assert [method[name] for name in ("type", "brand", "last4", "exp_month", "exp_year", "holder")] == [
        "card",
        "visa",
        "4242",
        12,
        2090,
        "Maya",
    ]
    assert account.get("/v1/setups", reference="S1")["items"] == [saved]
    assert account.ledger() == []
    assert account.charge(method["token"]).json["method"] == method


@pytest.mark.parametrize(
    ("form", "last4", "later"),
    [
        ({"channel": "mobile_money", "phone": "+237 677 000 000"}, "0000", "succeeded"),
        ({"channel": "bank_account", "account_number": "CM21 0001", "bank_name": "Afriland"}, "0001", "succeeded"),
        ({"channel": "bank_account", "account_number": "CM21 0002"}, "0002", "failed"),
        ({**GOOD_CARD, "number": "4000000000009995"}, "9995", "failed"),
    ],
)
def test_outcome_of_a_saved_method_shows_only_when_it_is_charged(account, gateway, form, last4, later):
    setup = open_setup(account)

    account.client.post(path_of(setup), data=form)
    method = current(account, setup)["method"]
    account.charge(method["token"])
    gateway.clock.move_to_offset(2 * 86_400)

    assert method["last4"] == last4
    assert account.ledger()[0]["status"] == later


@pytest.mark.parametrize("number", ["4000000000000002", "4000000000000069"])
def test_card_that_cannot_be_saved_is_rejected_on_the_page(account, number):
    setup = open_setup(account)

    response = account.client.post(path_of(setup), data={**GOOD_CARD, "number": number})

    assert response.status_code == 422
    assert_is_sound(response)
    assert "does not let this card be saved" in response.text
    assert number not in response.text
    assert (current(account, setup)["status"], current(account, setup)["method"]) == ("open", None)
    assert account.client.post(path_of(setup), data=GOOD_CARD).location == RETURN
    assert current(account, setup)["method"]["last4"] == "4242"


def test_error_is_shown_at_its_field_and_nothing_is_saved(account):
    setup = open_setup(account)

    response = account.client.post(path_of(setup), data={**GOOD_CARD, "expiry": "13/30"})

    assert response.status_code == 422
    assert_is_sound(response)
    assert "Nothing has been saved." in response.text
    assert re.search(r'<input id="expiry"[^>]*aria-invalid="true" autofocus', response.text)
    assert current(account, setup)["status"] == "open"


@pytest.mark.parametrize(
    ("answer", "status", "failure"), [("confirm", "succeeded", None), ("refuse", "failed", "authentication_failed")]
)
def test_3d_secure_is_required_before_a_card_is_saved(account, answer, status, failure):
    setup = open_setup(account)
    response = account.client.post(path_of(setup), data=THREE_D_SECURE_CARD)
    challenge = response.location
    assert challenge == f"{path_of(setup)}/challenge"
    assert (current(account, setup)["status"], current(account, setup)["method"]) == ("open", None)
    assert account.client.get(path_of(setup)).location == challenge

    shown = fetch_page(account.client, challenge)
    answered = account.client.post(challenge, data={"answer": answer})

    assert "Visa •••• 3220" in shown.text
    assert "http://127.0.0.1:5000" in shown.headers["Content-Security-Policy"]
    assert (answered.status_code, answered.location) == (303, RETURN)
    after = current(account, setup)
    assert (after["status"], after["failure_code"]) == (status, failure)
    assert (after["method"] is None) == (answer == "refuse")
    account.client.post(challenge, data={"answer": "refuse" if answer == "confirm" else "confirm"})
    assert current(account, setup) == after


def test_two_submissions_save_one_method(account):
    setup = open_setup(account)

    locations = [account.client.post(path_of(setup), data=GOOD_CARD).location for _ in range(2)]

    assert locations == [RETURN, RETURN]
    first = current(account, setup)
    account.client.post(path_of(setup), data={**GOOD_CARD, "number": "5555555555554444"})
    assert current(account, setup) == first
    assert account.client.get(path_of(setup)).location == RETURN


def test_reference_has_one_setup_and_its_key_replays_it(account):
    body = {**SETUP, "reference": "S1"}
    first = account.post("/v1/setups", body, "K1")

    again, other_key = account.post("/v1/setups", body, "K1"), account.post("/v1/setups", body, "K2")

    assert again.json == first.json
    assert (other_key.status_code, other_key.json["error"]["code"]) == (409, "duplicate_reference")


def test_cancelling_by_the_payer_or_the_merchant_closes_the_page(account):
    by_payer, by_merchant = open_setup(account, "S1"), open_setup(account, "S2")

    left = account.client.post(f"{path_of(by_payer)}/cancel")
    stopped = [account.post(f"/v1/setups/{by_merchant['id']}/cancel", {}).json["status"] for _ in range(2)]

    assert (left.status_code, left.location) == (303, STOPPED)
    assert stopped == ["canceled", "canceled"]
    for setup in (by_payer, by_merchant):
        assert "Nothing was saved here" in fetch_page(account.client, path_of(setup), 410).text
        assert account.client.post(path_of(setup), data=GOOD_CARD).status_code == 410
        assert current(account, setup)["status"] == "canceled"


def test_cancelled_page_answers_that_it_is_closed_to_an_invalid_form_too(account):
    setup = open_setup(account)
    account.post(f"/v1/setups/{setup['id']}/cancel", {})

    response = account.client.post(path_of(setup), data={**GOOD_CARD, "number": ""})

    assert response.status_code == 410
    assert_is_sound(response)


def test_cancelled_challenge_saves_nothing(account):
    setup = open_setup(account)
    challenge = account.client.post(path_of(setup), data=THREE_D_SECURE_CARD).location
    account.post(f"/v1/setups/{setup['id']}/cancel", {})

    answered = account.client.post(challenge, data={"answer": "confirm"})

    assert (answered.status_code, answered.location) == (303, path_of(setup))
    assert current(account, setup)["status"] == "canceled"


def test_what_is_saved_cannot_be_cancelled(account):
    setup = open_setup(account)
    account.client.post(path_of(setup), data=GOOD_CARD)

    by_merchant = account.post(f"/v1/setups/{setup['id']}/cancel", {})
    by_payer = account.client.post(f"{path_of(setup)}/cancel", follow_redirects=False)

    assert (by_merchant.status_code, by_merchant.json["error"]["code"]) == (409, "not_cancelable")
    assert by_payer.location == path_of(setup)
    assert current(account, setup)["status"] == "succeeded"


def test_page_expires_after_an_hour_even_while_3d_secure_is_required(account, gateway):
    setup = open_setup(account)
    challenge = account.client.post(path_of(setup), data=THREE_D_SECURE_CARD).location

    gateway.clock.move_to_offset(3600)

    account.client.post(challenge, data={"answer": "confirm"})
    assert current(account, setup)["status"] == "expired"
    assert "This page has run out" in fetch_page(account.client, path_of(setup), 410).text


@pytest.mark.parametrize(("answer", "status"), [("error_before", "open"), ("error_after", "succeeded")])
def test_page_with_an_error_says_that_the_result_is_unknown(account, answer, status):
    setup = open_setup(account)
    account.behave(reference="S1", answer=answer)

    response = account.client.post(path_of(setup), data=GOOD_CARD)

    assert response.status_code == 500
    assert_is_sound(response)
    assert "We do not know yet whether it was saved" in response.text
    assert current(account, setup)["status"] == status


def test_behaviour_for_any_charge_does_not_apply_to_setups(account):
    account.behave(answer="decline")
    setup = open_setup(account)

    account.client.post(path_of(setup), data=GOOD_CARD)

    token = current(account, setup)["method"]["token"]
    assert account.charge(token).json["failure_code"] == "card_declined"


def test_setup_of_another_account_is_unknown(account):
    setup = open_setup(account)
    other = type(account)(account.client, "sk_sandbox_two")

    assert other.get("/v1/setups", reference="S1")["items"] == []
    assert other.post(f"/v1/setups/{setup['id']}/cancel", {}).status_code == 404
    headers = {"Authorization": "Bearer sk_sandbox_two"}
    assert account.client.get(f"/v1/setups/{setup['id']}", headers=headers).status_code == 404


@pytest.mark.parametrize("change", [{"payee": ""}, {"currency": "usd"}, {"return_url": "x"}, {"channels": ["cash"]}])
def test_invalid_setup_is_400(account, change):
    response = account.post("/v1/setups", {**SETUP, "reference": "S1", **change})

    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/setup/set_unknown", "/setup/set_unknown/challenge"])
def test_unknown_setup_has_an_error_page(account, path):
    fetch_page(account.client, path, 404)


def test_form_of_another_site_is_rejected(account):
    setup = open_setup(account)

    response = account.client.post(path_of(setup), data=GOOD_CARD, headers={"Origin": "http://evil.example"})

    assert response.status_code == 403
    assert current(account, setup)["status"] == "open"
