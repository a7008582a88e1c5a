"""The pages of saved methods: added on the gateway's page, named, preferred, replaced, removed, each with and without a choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from portal import signals
from portal.gateways.contract import MethodDetails, SetupOutcome, State
from portal.merchants.models import Merchant
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent, PaymentMethodSetup
from portal.payment_methods.operations.methods import update_methods_for_gateway
from portal.payment_methods.operations.setups import resolve_setup
from portal.payment_methods.views.consent_texts import SAVE_WHILE_PAYING, checkout_consent_text
from portal.payments.models import Payment
from portal.rendering.translations import translator
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_checks import text_of
from tests.support.page_client import Page, PageClient
from tests.support.scripted_gateway import ABLE, ScriptedGateway

MASTERCARD = MethodDetails("card", "mastercard", "5100", 4, 2031, holder="MAYA L", fingerprint="fp-mc", token="tok_mc")
CARD = "4242 4242 4242 4242"


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def leave_for_sandbox(account: Account) -> None:
    """The merchant takes payments through the sandbox from now on, and through no other gateway."""
    with account.database.unit_of_work() as session:
        update_methods_for_gateway(
            session, account.scope.merchant_id, "sandbox", actor=OPERATOR, at=datetime(2026, 3, 19, 10, 42, tzinfo=UTC)
        )


def opened(page: Page) -> str:
    """What of which method stands open on the page."""
    (details,) = [each for each in page.all("details") if each.get("open") is not None]
    return text_of(next(iter(details)))


def confirmation(page: Page) -> str:
    """What the page confirms."""
    (notice,) = [each for each in page.all("p") if each.get("role") == "status"]
    return text_of(notice)


def rows(account: Account, table: type) -> list:
    with account.database.unit_of_work() as session:
        return session.query(table).filter_by(merchant_id=account.scope.merchant_id).all()


# --- adding ---


def test_method_is_added_on_the_gateways_page(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    form = pages.submit(pages.get("/acme/payment-methods"), "Add a payment method")
    assert form.headline == "Add a payment method"

    waiting = pages.submit(form, "Continue to Sandbox Pay", nickname="Studio card")

    (setup,) = rows(account, PaymentMethodSetup)
    assert waiting.headline == "Enter the new payment method"
    assert waiting.link("Continue to Sandbox Pay") == f"http://localhost:9/setup/{setup.id}"
    gateway.finish_setup(setup.id, MASTERCARD)
    saved = pages.get(f"/acme/payment-methods/new/{setup.id}")
    assert saved.headline == "Your payment method is saved"
    detail = pages.get(saved.link("See this payment method"))
    assert opened(detail) == "Details Studio card"
    assert "Mastercard •••• 5100" in detail.text
    assert "MAYA L" in detail.text
    assert "04/2031" in detail.text


def test_consent_is_recorded_as_it_stood_on_the_page(pages: PageClient, account: Account) -> None:
    pages.post("/acme/payment-methods/new", {}, accept_language="fr", user_agent="Firefox")
    form = pages.get("/acme/payment-methods/new", accept_language="fr")

    (consent,) = rows(account, PaymentMethodConsent)
    assert consent.wording in form.text
    assert consent.wording.startswith("En continuant, vous autorisez Acme Software Inc.")
    assert (consent.locale, consent.network_address, consent.user_agent) == ("fr", "127.0.0.1", "Firefox")


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_words_of_the_checkout_are_those_that_are_recorded(pages: PageClient, account: Account, locale: str) -> None:
    page = pages.get(f"/acme/checkout?invoice={account.invoice()}", accept_language=locale)

    label, hint = (translator(locale).catalogue.gettext(text) for text in SAVE_WHILE_PAYING)
    assert label in page.text
    assert (hint % {"gateway": "Sandbox Pay"}).replace("\u00a0", " ") in page.text
    assert checkout_consent_text(locale, gateway="Sandbox Pay") == f"{label}. {hint % {'gateway': 'Sandbox Pay'}}"


def test_return_address_alone_saves_nothing(pages: PageClient, account: Account) -> None:
    pages.post("/acme/payment-methods/new", {})
    (setup,) = rows(account, PaymentMethodSetup)

    page = pages.get(f"/acme/payment-methods/new/{setup.id}?status=success&token=tok_evil")

    assert page.headline == "Enter the new payment method"
    assert rows(account, PaymentMethod) == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("page_canceled", "You cancelled on the Sandbox Pay page"),
        ("page_expired", "The page was open for too long"),
        ("card_declined", "Your bank declined it"),
        ("processing_error", "Sandbox Pay could not accept it"),
    ],
)
def test_what_did_not_work_says_why_and_that_nothing_was_charged(
    pages: PageClient, account: Account, gateway: ScriptedGateway, code: str, says: str
) -> None:
    pages.post("/acme/payment-methods/new", {})
    (setup,) = rows(account, PaymentMethodSetup)
    gateway.setups[setup.id] = SetupOutcome(State.FAILED, setup.id, failure_code=code)

    page = pages.get(f"/acme/payment-methods/new/{setup.id}")

    assert page.headline == "Nothing was saved"
    assert says in page.text
    assert "Nothing was charged" in page.text
    assert page.link("Start again") == "/acme/payment-methods/new"


def test_gateway_without_a_page_for_it_offers_none_and_says_so(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = replace(ABLE, setup_page=False)
    method = account.method()

    listed = pages.get("/acme/payment-methods")
    assert "Add a payment method" not in listed.text
    assert "To add another payment method, pay with it" in listed.text
    assert "Replace" not in pages.get(f"/acme/payment-methods/{method}").text
    assert "A payment method is saved while you pay" in pages.get("/acme/payment-methods/new").text
    pages.post("/acme/payment-methods/new", {}, status=409)
    assert rows(account, PaymentMethodSetup) == []


def test_too_many_cards_tried_are_refused(pages: PageClient, services: Services) -> None:
    for _ in range(services.settings.payment_attempts_per_customer_per_hour):
        pages.post("/acme/payment-methods/new", {})

    pages.post("/acme/payment-methods/new", {}, status=429)


def test_replacing_moves_what_depends_on_it(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    old = account.method(is_default=True, exp_month=account.today.month, exp_year=account.today.year)
    form = pages.get(pages.get(f"/acme/payment-methods/{old}").link("Replace Visa •••• 4242"))
    assert form.headline.startswith("Replace Visa")

    pages.submit(form, "Continue to Sandbox Pay")
    (setup,) = rows(account, PaymentMethodSetup)
    gateway.finish_setup(setup.id, MASTERCARD)
    saved = pages.get(f"/acme/payment-methods/new/{setup.id}")

    assert "It replaces the old one" in saved.text
    listed = pages.get("/acme/payment-methods")
    assert [text for text in listed.texts("h2") if text] == ["Mastercard •••• 5100"]
    assert "Default" in listed.text
    pages.get(f"/acme/payment-methods/{old}", status=404)


def test_strange_method_cannot_be_replaced(pages: PageClient, services: Services, account: Account) -> None:
    theirs = make_account(services, merchant_id=account.scope.merchant_id).method()

    for value in (theirs, "pm_x", "x", f"pm_{'0' * 22}"):
        pages.get(f"/acme/payment-methods/new?replaces={value}", status=404)
        pages.post("/acme/payment-methods/new", {"replaces": value}, status=404)

    assert rows(account, PaymentMethodSetup) == []


# --- one method ---


def test_name_is_given_and_taken_away(pages: PageClient, account: Account) -> None:
    method = account.method()
    page = pages.get(f"/acme/payment-methods/{method}")

    named = pages.submit(page, "Save name", nickname="  Studio   card ")
    assert confirmation(named) == "Visa •••• 4242 is now called Studio card."
    assert "Studio card" in named.texts("h2")

    unnamed = pages.submit(named, "Save name", nickname="")
    assert confirmation(unnamed) == "The name was removed. It is shown as Visa •••• 4242."


@pytest.mark.parametrize("nickname", ["x" * 41, "tab\x07", "=?utf-8?q?x?="])
def test_name_that_cannot_be_kept_is_shown_with_its_fault(pages: PageClient, account: Account, nickname: str) -> None:
    method = account.method(nickname="Studio card")
    page = pages.get(f"/acme/payment-methods/{method}")

    refused = pages.submit(page, "Save name", nickname=nickname, status=422)

    assert "This name" in refused.text
    assert opened(refused) == "Edit name Studio card"
    assert "Studio card" in pages.get(f"/acme/payment-methods/{method}").texts("h2")


def test_method_that_came_without_a_word_shows_none(pages: PageClient, account: Account) -> None:
    page = pages.get(f"/acme/payment-methods/{account.method()}")

    assert "Your consent" not in page.text
    assert "Nothing depends on it." in page.text


def test_default_is_chosen_from_the_list(pages: PageClient, account: Account) -> None:
    account.method(is_default=True, nickname="First")
    other = account.method(nickname="Second", brand="mastercard", last4="5100")
    page = pages.get("/acme/payment-methods")

    chosen = pages.submit(page, action=f"{other}/default")

    assert [text for text in chosen.texts("h2") if text] == ["Second", "First"]
    assert confirmation(chosen) == "Second is now your default payment method."


def test_card_that_has_run_out_is_not_offered_as_the_default(pages: PageClient, account: Account) -> None:
    method = account.method(exp_year=2020)

    assert "Use as default" not in pages.get("/acme/payment-methods").text
    pages.post(f"/acme/payment-methods/{method}/default", status=409)


def test_method_that_the_gateway_of_before_keeps_is_said_to_be_of_no_use_and_nothing_else(
    pages: PageClient, account: Account
) -> None:
    kept = account.method(is_default=True, gateway="stripe", exp_month=None, exp_year=None)
    leave_for_sandbox(account)

    page = pages.get(f"/acme/payment-methods/{kept}")

    assert "It can no longer be charged." in page.text and "Expired" not in page.text
    assert "Stored by" in page.text and "Stored by Sandbox Pay" not in page.text
    listed = pages.get("/acme/payment-methods").text
    assert "No longer usable" in listed and "Default" not in listed and "Expired" not in listed
    assert "has expired" not in pages.get("/acme/").text
    assert kept not in pages.get(f"/acme/checkout?invoice={account.invoice()}").html


def test_new_method_takes_the_place_of_one_that_the_gateway_of_before_keeps(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    kept = account.method(is_default=True, gateway="stripe")
    leave_for_sandbox(account)

    pages.submit(pages.get(f"/acme/payment-methods/new?replaces={kept}"), "Continue to Sandbox Pay")
    (setup,) = rows(account, PaymentMethodSetup)
    gateway.finish_setup(setup.id, MASTERCARD)
    done = pages.get(f"/acme/payment-methods/new/{setup.id}")

    assert "replaces the old one" in done.text
    states = {method.id: (method.status, method.is_default) for method in rows(account, PaymentMethod)}
    assert states.pop(kept) == ("removed", False)
    assert list(states.values()) == [("active", True)]


def test_method_that_is_kept_when_its_gateway_was_left_takes_nobodys_place(
    pages: PageClient, account: Account, services: Services, gateway: ScriptedGateway
) -> None:
    kept = account.method(gateway="stripe")
    leave_for_sandbox(account)
    pages.submit(pages.get(f"/acme/payment-methods/new?replaces={kept}"), "Continue to Sandbox Pay")
    (setup,) = rows(account, PaymentMethodSetup)
    with account.database.unit_of_work() as session:
        merchant = session.get_one(Merchant, account.scope.merchant_id)
        merchant.gateway = "stripe"
        update_methods_for_gateway(
            session, merchant.id, "stripe", actor=OPERATOR, at=datetime(2026, 3, 19, 10, 42, tzinfo=UTC)
        )

    gateway.finish_setup(setup.id, MASTERCARD)
    resolve_setup(services, account.scope.merchant_id, setup.id)

    states = {method.id: (method.status, method.is_default) for method in rows(account, PaymentMethod)}
    assert states.pop(kept) == ("active", False)
    assert list(states.values()) == [("expired", False)]


# --- removal ---


def test_only_method_is_removed_after_a_word_of_warning(pages: PageClient, account: Account) -> None:
    account.has_fresh_code()
    method = account.method(is_default=True)
    page = pages.get(f"/acme/payment-methods/{method}/removal")
    assert "No other payment method can take over" in page.text

    left = pages.submit(page, "Remove Visa •••• 4242")

    assert "No payment method saved" in left.text
    assert confirmation(left) == "Visa •••• 4242 was removed. It will not be used for new payments."
    pages.get(f"/acme/payment-methods/{method}", status=404)


def test_nothing_is_said_of_a_method_that_is_saved_or_a_strangers(
    pages: PageClient, account: Account, services: Services
) -> None:
    stranger = make_account(services, merchant_id=account.scope.merchant_id)
    for named in (account.method(), stranger.method(status="removed", removed_at=stranger.now), "pm_nothing", ""):
        for done in ("removed", "default"):
            assert "toast" not in pages.get(f"/acme/payment-methods?done={done}&method={named}&to={named}").html


def test_default_of_several_asks_what_takes_over(pages: PageClient, account: Account) -> None:
    method = account.method(is_default=True)
    account.method(last4="5100")
    other = account.method(last4="6011")
    page = pages.get(f"/acme/payment-methods/{method}/removal")

    refused = pages.submit(page, "Move it, and remove Visa •••• 4242", status=422)
    assert "Nothing has been removed yet" in refused.text
    assert opened(refused) == "Remove Visa •••• 4242"
    left = pages.submit(refused, "Move it, and remove Visa •••• 4242", move_to=other)

    assert [text[-4:] for text in left.texts("h2") if text] == ["6011", "5100"]
    assert confirmation(left) == "Visa •••• 4242 was removed. What depended on it moved to Visa •••• 6011."


def test_default_is_proposed_for_what_another_method_leaves(pages: PageClient, account: Account) -> None:
    default, other = account.method(is_default=True), account.method(last4="5100")
    account.method(last4="6011")
    checkout = account.payment("incomplete", payment_method_id=other, expires_at=account.now + timedelta(hours=3))

    left = pages.submit(pages.get(f"/acme/payment-methods/{other}/removal"), "Move it, and remove Visa •••• 5100")

    assert confirmation(left) == "Visa •••• 5100 was removed. What depended on it moved to Visa •••• 4242."
    with account.database.unit_of_work() as session:
        assert session.get_one(Payment, (account.scope.merchant_id, checkout)).payment_method_id == default


def test_method_on_which_nothing_depends_is_said_to_have_moved_nothing(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    other = account.method(last4="5100")

    left = pages.submit(pages.get(f"/acme/payment-methods/{other}/removal"), "Remove Visa •••• 5100")

    assert confirmation(left) == "Visa •••• 5100 was removed. It will not be used for new payments."


def test_what_depends_on_a_method_is_named_before_it_goes(pages: PageClient, account: Account) -> None:
    account.has_fresh_code()
    method = account.method()
    open_checkout = account.payment(
        "incomplete",
        payment_method_id=method,
        description="Usage, February",
        expires_at=account.now + timedelta(hours=3),
    )
    under_way = account.payment("pending", payment_method_id=method, description="Team plan, March")

    page = pages.get(f"/acme/payment-methods/{method}/removal")

    assert page.link("Usage, February") == f"/acme/checkout/{open_checkout}"
    assert page.link("Team plan, March") == f"/acme/payments/{under_way}"
    assert "it will be finished with this payment method" in page.text


def test_bank_account_is_named_by_its_bank(pages: PageClient, account: Account) -> None:
    method = account.method(
        type="bank_account", brand=None, bank_name="Chase", last4="6789", exp_month=None, exp_year=None
    )

    page = pages.get(f"/acme/payment-methods/{method}")

    assert "Chase •••• 6789" in page.texts("h2")
    assert "up to two working days" in page.text
    assert "Expires" not in page.text


def test_host_receives_signals_of_what_became_of_a_method(pages: PageClient, account: Account) -> None:
    account.has_fresh_code()
    method, received = account.method(is_default=True), []

    def note(verb: str) -> Callable[..., None]:
        return lambda merchant, **ids: received.append((verb, ids["payment_method_id"]))

    updated, removed = note("updated"), note("removed")
    with signals.payment_method_updated.connected_to(updated), signals.payment_method_removed.connected_to(removed):
        pages.post(f"/acme/payment-methods/{method}", {"nickname": "Studio card"})
        pages.post(f"/acme/payment-methods/{method}", {"nickname": "x" * 41}, status=422)
        pages.post(f"/acme/payment-methods/{method}/removal")

    assert received == [("updated", method), ("removed", method)]


def test_removed_method_is_gone_from_every_page(pages: PageClient, account: Account) -> None:
    account.has_fresh_code()
    method = account.method()
    pages.post(f"/acme/payment-methods/{method}/removal")

    for path in ("", "/removal"):
        pages.get(f"/acme/payment-methods/{method}{path}", status=404)
    for path in ("", "/default", "/removal"):
        pages.post(f"/acme/payment-methods/{method}{path}", status=404)


# --- a card number in a form ---


def test_pasted_card_number_keeps_the_form_and_the_other_fields(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    form = pages.get("/acme/payment-methods/new")

    refused = pages.submit(form, "Continue to Sandbox Pay", nickname=f"it is {CARD}", default="yes", status=422)

    assert refused.headline == "Add a payment method"
    assert (
        "That looks like a card number." in refused.text
        and CARD[-4:] not in refused.form().fields.get("nickname", [""])[0]
    )
    (default,) = [field for field in refused.all("input") if field.get("name") == "default"]
    assert default.get("checked") is not None
    assert rows(account, PaymentMethodSetup) == []


def test_pasted_card_number_is_no_name_and_takes_none_away(pages: PageClient, account: Account) -> None:
    method = account.method(nickname="Studio card")
    page = pages.get(f"/acme/payment-methods/{method}")

    refused = pages.submit(page, "Save name", nickname=CARD, status=422)

    assert opened(refused) == "Edit name Studio card"
    assert "That looks like a card number." in refused.text
    assert "Sign out" in refused.text
    assert CARD not in refused.html
    assert [row.nickname for row in rows(account, PaymentMethod)] == ["Studio card"]


def test_card_number_is_shown_at_nobodys_method(pages: PageClient, services: Services, account: Account) -> None:
    theirs = make_account(services, merchant_id=account.scope.merchant_id).method()

    pages.post(f"/acme/payment-methods/{theirs}", {"nickname": CARD}, status=404)


def test_card_number_of_another_site_or_of_nobody_is_refused_before_any_page(app: Flask, account: Account) -> None:
    pages, method = account.sign_in(app), account.method()
    path, form = f"/acme/payment-methods/{method}", {"nickname": CARD}

    foreign = pages.client.post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    nobody = app.test_client().post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"})

    assert foreign.status_code == 403
    assert (nobody.status_code, CARD in nobody.text) == (303, False)


def test_merchant_decides_what_customers_do_with_their_methods(account, pages, clock):
    method = account.method()
    page = pages.get("/acme/payment-methods")
    rename = page.form("Save name")
    for access, status in (("view", 200), ("hidden", 404)):
        with account.database.unit_of_work() as session:
            change_settings(
                session,
                account.scope.merchant_id,
                {"pages": {"payment_methods": access}},
                actor=OPERATOR,
                at=account.now,
            )
        clock.advance(seconds=10)

        page = pages.get("/acme/payment-methods", status=status)

        assert not {"Save name", "Remove", "Add a payment method"} & {*page.texts("button"), *page.texts("summary")}
        pages.post(rename.action, {**rename.fields, "nickname": "Mine"}, status=404)
        pages.post(f"/acme/payment-methods/{method}/removal", rename.fields, status=404)
        if status == 404:
            assert "payment-methods" not in pages.get("/acme/").html
