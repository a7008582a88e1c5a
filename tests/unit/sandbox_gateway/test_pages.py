"""The hosted page and the 3-D Secure page, as a payer's browser without scripts sees them."""

from __future__ import annotations

import re

import pytest

from portal.sandbox_gateway.texts import FIELD_ERRORS, SETUP_TEXTS, TEXTS
from tests.support.sandbox_pages import assert_is_sound, fetch_page

PAGE = {
    "amount": 50,
    "currency": "USD",
    "payee": "A",
    "return_url": "http://a.example/",
    "cancel_url": "http://a.example/",
}
GOOD_CARD = {"channel": "card", "number": "4242 4242 4242 4242", "expiry": "12/90", "cvc": "123", "holder": "Maya"}


def path_of(page):
    return page["url"].removeprefix("http://localhost:4567")


def test_page_shows_payee_and_amount_and_allows_its_redirect(account):
    page = account.page()

    response = fetch_page(account.client, path_of(page))

    assert "Pay Acme Software Inc.</h1>" in response.text
    assert re.search(r'<button class="button" type="submit">Pay \$239\.58</button>', response.text)
    assert "form-action 'self' http://127.0.0.1:5000;" in response.headers["Content-Security-Policy"]
    assert (page["status"], page["charge"]) == ("open", None)


def test_page_is_in_french(account):
    page = account.page(locale="fr-CM", currency="XAF", amount=5000)

    response = fetch_page(account.client, path_of(page))

    assert '<html lang="fr">' in response.text
    assert "Payer 5\u202f000\u00a0FCFA" in response.text


def test_paying_makes_the_charge_and_returns_to_the_merchant(account):
    page = account.page("R1", save=True)

    response = account.client.post(path_of(page), data=GOOD_CARD)

    assert (response.status_code, response.location) == (303, "http://127.0.0.1:5000/acme/return")
    paid = account.get(f"/v1/pages/{page['id']}")
    assert (paid["status"], paid["charge"]["status"]) == ("complete", "succeeded")
    assert paid["charge"]["method"]["holder"] == "Maya"
    assert account.charge(paid["charge"]["method"]["token"], "R2").status_code == 201
    assert account.get("/v1/pages", reference="R1")["items"] == [paid]
    assert account.client.get(path_of(page)).location == "http://127.0.0.1:5000/acme/return"


def test_without_save_no_token_is_returned(account):
    account.client.post(path_of(account.page("R1")), data=GOOD_CARD)

    (charge,) = account.get("/v1/charges", reference="R1")["items"]

    assert charge["method"]["token"] is None
    assert account.charge(account.ledger()[0]["token"], "R2").json["error"]["code"] == "unknown_token"


def test_two_submissions_of_two_pages_of_a_reference_are_one_charge(account):
    first, second = account.page("R1"), account.page("R1")

    locations = [account.client.post(path_of(page), data=GOOD_CARD).location for page in (first, first, second, second)]

    assert set(locations) == {"http://127.0.0.1:5000/acme/return"}
    assert len(account.ledger()) == 1
    response = account.post("/v1/pages", {**PAGE, "reference": "R1"})
    assert response.json["error"]["code"] == "duplicate_reference"


@pytest.mark.parametrize(
    ("change", "invalid_field"),
    [
        ({"number": ""}, "number"),
        ({"number": "4242424242424241"}, "number"),
        ({"number": "4012888888881881"}, "number"),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "number"),
        ({"expiry": "13/30"}, "expiry"),
        ({"expiry": "01/20"}, "expiry"),
        ({"cvc": "12"}, "cvc"),
        ({"number": "378282246310005", "cvc": "123"}, "cvc"),
        ({"channel": "mobile_money", "phone": "12"}, "phone"),
        ({"channel": "bank_account", "account_number": ""}, "account_number"),
    ],
)
def test_error_is_shown_at_its_field_and_charges_nothing(account, change, invalid_field):
    form = {**GOOD_CARD, **change}

    response = account.client.post(path_of(account.page()), data=form)

    assert response.status_code == 422
    assert_is_sound(response)
    assert f'id="{invalid_field}-error"' in response.text
    assert re.search(rf'<input id="{invalid_field}"[^>]*aria-invalid="true" autofocus', response.text)
    assert account.ledger() == []


def test_invalid_form_shows_its_values_but_never_the_card(account):
    form = {**GOOD_CARD, "expiry": "01/20", "holder": 'Maya "<b>'}

    response = account.client.post(path_of(account.page()), data=form)

    assert 'value="01/20"' in response.text
    assert 'value="Maya &#34;&lt;b&gt;"' in response.text
    assert "4242 4242" not in response.text
    assert 'value="123"' not in response.text


def test_channel_that_is_not_offered_is_refused(account):
    page = account.page(channels=["card"])

    response = account.client.post(path_of(page), data={"channel": "mobile_money", "phone": "+237677000000"})

    assert response.status_code == 422
    assert_is_sound(response)
    assert "phone" not in response.text


def test_phone_is_prompted_and_the_page_redirects_while_it_is_pending(account, gateway):
    page = account.page()

    response = account.client.post(path_of(page), data={"channel": "mobile_money", "phone": "+237 677 000 000"})

    assert response.status_code == 303
    charge = account.get(f"/v1/pages/{page['id']}")["charge"]
    assert (charge["status"], charge["method"]["brand"]) == ("pending", "mtn")
    assert charge["method"]["phone"] == "+237 •••• 0000"
    gateway.clock.move_to_offset(3)
    assert account.ledger()[0]["status"] == "succeeded"


def test_cancel_redirects_and_closes_the_page(account):
    page = account.page()

    response = account.client.post(path_of(page) + "/cancel")

    assert (response.status_code, response.location) == (303, "http://127.0.0.1:5000/acme/stopped")
    assert account.get(f"/v1/pages/{page['id']}")["status"] == "canceled"
    closed = account.client.post(path_of(page), data=GOOD_CARD)
    assert closed.status_code == 410
    assert_is_sound(closed)
    assert account.ledger() == []


def test_cancelled_page_answers_that_it_is_closed_to_an_invalid_form_too(account):
    page = account.page()
    account.post(f"/v1/pages/{page['id']}/cancel", {})

    response = account.client.post(path_of(page), data={**GOOD_CARD, "number": ""})

    assert response.status_code == 410
    assert_is_sound(response)


def test_merchant_closes_an_open_page_but_not_a_paid_one(account):
    open_page, paid_page = account.page("R1"), account.page("R2")
    account.client.post(path_of(paid_page), data=GOOD_CARD)

    assert account.post(f"/v1/pages/{open_page['id']}/cancel", {}).json["status"] == "canceled"
    assert account.post(f"/v1/pages/{open_page['id']}/cancel", {}).json["status"] == "canceled"
    assert account.post(f"/v1/pages/{paid_page['id']}/cancel", {}).status_code == 409

    fetch_page(account.client, path_of(open_page), 410)


def test_page_expires_after_an_hour(account, gateway):
    page = account.page()

    gateway.clock.move_to_offset(3600)

    assert "This page has run out" in fetch_page(account.client, path_of(page), 410).text
    assert account.get(f"/v1/pages/{page['id']}")["status"] == "expired"
    assert account.client.post(path_of(page), data=GOOD_CARD).status_code == 410
    assert account.ledger() == []


@pytest.mark.parametrize(("answer", "status"), [("confirm", "succeeded"), ("refuse", "failed")])
def test_3d_secure_page_completes_the_charge(account, answer, status):
    page = account.page()
    response = account.client.post(path_of(page), data={**GOOD_CARD, "number": "4000000000003220"})
    challenge = response.location
    assert account.ledger()[0]["status"] == "pending"
    assert account.get("/v1/charges")["items"][0]["action_url"] == f"http://localhost:4567{challenge}"

    shown = fetch_page(account.client, challenge)
    answered = account.client.post(challenge, data={"answer": answer})

    assert "http://127.0.0.1:5000" in shown.headers["Content-Security-Policy"]
    assert (answered.status_code, answered.location) == (303, "http://127.0.0.1:5000/acme/return")
    assert account.ledger()[0]["status"] == status
    account.client.post(challenge, data={"answer": "refuse" if answer == "confirm" else "confirm"})
    assert account.ledger()[0]["status"] == status


def test_3d_secure_of_a_charge_without_a_return_url_shows_its_status(account):
    charge = account.charge(account.card("4000000000003220")).json
    path = charge["action_url"].removeprefix("http://localhost:4567")

    response = account.client.post(path, data={"answer": "refuse"})

    assert_is_sound(response)
    assert "It did not go through" in response.text
    assert account.get(f"/v1/charges/{charge['id']}")["failure_code"] == "authentication_failed"


@pytest.mark.parametrize(("answer", "charged"), [("error_before", 0), ("error_after", 1)])
def test_page_with_an_error_says_that_the_result_is_unknown(account, answer, charged):
    page = account.page("R1")
    account.behave(reference="R1", answer=answer)

    response = account.client.post(path_of(page), data=GOOD_CARD)

    assert response.status_code == 500
    assert_is_sound(response)
    assert "Do not pay again" in response.text
    assert len(account.ledger()) == charged


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}],
)
def test_form_of_another_site_is_rejected(account, headers):
    response = account.client.post(path_of(account.page()), data=GOOD_CARD, headers=headers)

    assert response.status_code == 403
    assert_is_sound(response)
    assert account.ledger() == []


@pytest.mark.parametrize("path", ["/pay/pg_unknown", "/challenge/ch_unknown", "/nothing"])
def test_unknown_address_has_an_error_page(account, path):
    fetch_page(account.client, path, 404)


def test_start_page_and_static_files_are_there(account):
    assert "4000000000000119" in fetch_page(account.client, "/").text

    for path, kind in (("/static/sandbox-pay.css", "text/css"), ("/favicon.ico", "image/svg+xml")):
        with account.client.get(path, follow_redirects=True) as file:
            assert file.status_code == 200
            assert file.content_type.startswith(kind)


@pytest.mark.parametrize("texts", [TEXTS, SETUP_TEXTS, FIELD_ERRORS], ids=["texts", "setup_texts", "field_errors"])
def test_both_languages_have_the_same_texts(texts):
    assert texts["en"].keys() == texts["fr"].keys()
    for key, sentence in texts["en"].items():
        assert re.findall(r"{\w+}", sentence) == re.findall(r"{\w+}", texts["fr"][key]), key
