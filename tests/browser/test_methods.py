"""Saved methods in a browser: named, preferred and removed by the keyboard alone, and no way lost where the gateway leads on."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.accessibility import check_accessibility
from tests.support.checkout_steps import go_to_review, pay
from tests.support.live_accounts import CAREFUL_CARD, GOOD_CARD
from tests.support.shown_pages import ADDRESS, ORIGIN, ShownPages
from tests.support.waiting import wait_for

AT_GATEWAY = re.compile(r"//localhost:\d+/setup/")
CONFIRM, REFUSE = "Yes, save this card", "This was not me: refuse"
FUNDLESS_CARD = "4000000000009995"
PHONE = {"viewport": {"width": 375, "height": 812}, "locale": "fr-FR", "has_touch": True}


def press_on(page: Page, role: str, name: str) -> None:
    """Walk to a control by Tab, as someone without a mouse does, and press Enter."""
    target = page.get_by_role(role, name=re.compile(name)).first  # type: ignore[arg-type]
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {role} {name!r}")


def press_on_summary(page: Page, name: str) -> None:
    """Walk to what opens in place, whose words stand in several elements, and press Enter."""
    target = page.locator("summary").filter(has_text=re.compile(f"^{re.escape(name)}"))
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def test_methods_are_named_preferred_and_removed_by_the_keyboard_alone(live_portal, page, enter):
    account = live_portal.accounts.create()
    card, phone = account.save_card(), account.save_phone()
    enter(account)
    page.goto(f"{account.root}/payment-methods")

    press_on(page, "button", "^Use as default MTN")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("MTN MoMo")
    expect(page.get_by_role("status")).to_contain_text("is now your default")
    press_on_summary(page, "Edit name MTN")
    page.get_by_label("Name (optional)").and_(page.locator(":visible")).focus()
    page.keyboard.type("Aïcha’s phone")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is now called Aïcha’s phone")
    check_accessibility(page)

    press_on_summary(page, "Edit name Aïcha’s phone")
    press_on_summary(page, "Remove Aïcha’s phone")
    assert page.locator("details[open]").count() == 1
    expect(page.get_by_label("From now on, pay with").and_(page.locator(":visible"))).to_have_value(card)
    check_accessibility(page)
    press_on(page, "button", "^Move it, and remove MTN")

    expect(page.get_by_role("listitem").filter(has_text="Visa")).to_contain_text("Default")
    expect(page.get_by_role("list").filter(has_text="Visa")).not_to_contain_text("Aïcha’s phone")
    expect(page.get_by_role("status")).to_contain_text("Aïcha’s phone was removed. What depended on it moved to Visa")
    saved = {method.id: (method.status, method.is_default) for method in account.methods()}
    assert saved == {card: ("active", True), phone: ("removed", False)}


def test_card_number_typed_as_a_name_is_refused_on_a_phone_in_french(browser, live_portal):
    account = live_portal.accounts.create(locale="fr")
    card = account.save_card()
    context: BrowserContext = browser.new_context(**PHONE)
    name, token = account.sign_in()
    context.add_cookies([{"name": name, "value": token, "url": account.live.settings.base_url}])
    page = context.new_page()
    page.goto(f"{account.root}/payment-methods/{card}")

    page.locator("summary", has_text="Modifier le nom").click()
    page.get_by_label("Nom (facultatif)").fill("4242 4242 4242 4242")
    page.get_by_role("button", name="Enregistrer le nom").click()

    expect(page.get_by_text("Cela ressemble à un numéro de carte")).to_be_visible()
    expect(page.get_by_label("Nom (facultatif)")).to_have_value("")
    expect(page.get_by_label("Nom (facultatif)")).to_be_focused()
    context.close()


def test_new_card_is_kept_on_the_gateways_page_and_pays_without_being_typed_again(live_portal, page, enter):
    account = live_portal.accounts.create()
    invoice = account.open_invoice(4900)
    enter(account)
    page.goto(f"{account.root}/payment-methods")

    page.get_by_role("button", name="Add a payment method").click()
    check_accessibility(page)
    page.get_by_label("Name (optional)").fill("Studio card")
    page.get_by_role("button", name="Continue to Sandbox Pay").click()
    page.wait_for_url(AT_GATEWAY)
    type_card(page, GOOD_CARD)

    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment method is saved")
    expect(page.get_by_role("main")).to_contain_text("Studio card")
    check_accessibility(page)
    assert account.charges() == []
    payment = go_to_review(page, account, invoice)
    pay(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert len(account.charges()) == 1
    assert account.payment(payment).payment_method_id == account.methods()[0].id
    page.goto(f"{account.root}/payment-methods/{account.methods()[0].id}")
    expect(page.get_by_role("main")).to_contain_text("Given on")
    account.check_money()


def test_card_that_the_bank_wants_confirmed_is_kept_only_then(live_portal, page, enter):
    account = live_portal.accounts.create()
    enter(account)
    for answer, headline, count in ((REFUSE, "Nothing was saved", 0), (CONFIRM, "Your payment method is saved", 1)):
        page.goto(f"{account.root}/payment-methods/new")
        page.get_by_role("button", name="Continue to Sandbox Pay").click()
        page.wait_for_url(AT_GATEWAY)
        type_card(page, CAREFUL_CARD)
        page.get_by_role("button", name=answer).click()

        expect(page.get_by_role("heading", level=1)).to_have_text(headline)
        assert len(account.methods()) == count


def test_card_is_replaced_by_another_and_forgotten_at_the_gateway(live_portal, page, enter):
    account = live_portal.accounts.create()
    old = account.save_card()
    enter(account)
    page.goto(f"{account.root}/payment-methods/{old}")

    page.get_by_role("link", name=re.compile("^Replace")).click()
    page.get_by_role("button", name="Continue to Sandbox Pay").click()
    page.wait_for_url(AT_GATEWAY)
    type_card(page, FUNDLESS_CARD)

    expect(page.get_by_role("main")).to_contain_text("It replaces the old one")
    statuses = {method.last4: (method.status, method.is_default) for method in account.methods()}
    assert statuses == {"4242": ("removed", False), "9995": ("active", True)}
    (token,) = [method.token for method in account.methods() if method.id == old]
    wait_for(lambda: {"method": old} in account.delivered("detach_method"))
    assert not live_portal.sandbox.knows(f"sk_sandbox_{account.slug}", token)


def test_leaving_the_gateways_page_saves_nothing_and_says_so_in_french(live_portal, page, enter):
    account = live_portal.accounts.create("savane")
    enter(account)
    page.goto(f"{account.root}/payment-methods/new")
    page.get_by_role("button", name=re.compile("^Continuer")).click()
    page.wait_for_url(AT_GATEWAY)

    page.get_by_role("button", name=re.compile("Annuler")).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Rien n’a été enregistré")
    expect(page.get_by_role("link", name="Recommencer")).to_be_visible()
    check_accessibility(page)
    assert account.methods() == []


def type_card(page: Page, number: str) -> None:
    """Fill the gateway's form and have the card kept."""
    page.get_by_label("Card number").fill(number)
    page.get_by_label(re.compile("^Expiry date")).fill("08/40")
    page.get_by_label(re.compile("^Security code")).fill("123")
    page.get_by_role("button", name="Save it").click()


def test_page_of_a_new_method_goes_on_only_right_after_the_button(page: Page) -> None:
    shown = ShownPages(page)
    went_on: list[str] = []

    def arrive(route: Route) -> None:
        went_on.append(route.request.url)
        route.fulfill(body="<title>There</title>", content_type="text/html")

    page.route("http://localhost:9/**", arrive)
    shown.prepare("setup-requires_action")

    page.goto(ADDRESS, referer=f"{ORIGIN}/acme/payment-methods")
    page.wait_for_load_state("networkidle")
    assert went_on == []

    page.goto(ADDRESS, referer=f"{ORIGIN}/acme/payment-methods/new?replaces=pm_1")
    page.wait_for_url("http://localhost:9/setup/1")
    assert went_on == ["http://localhost:9/setup/1"]
