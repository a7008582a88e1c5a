"""Paying in a browser, against the gateway's ledger: with a saved card, a new one, by phone; declined, confirmed, cancelled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.accessibility import check_accessibility
from tests.support.checkout_steps import (
    CHANGE,
    ON_REVIEW,
    choose,
    enter_card,
    go_to_review,
    pay,
    pay_at_gateway,
    pay_button,
    payment_id_of,
)
from tests.support.live_accounts import CAREFUL_CARD, DECLINED_CARD, GOOD_CARD, SILENT_PHONE
from tests.support.waiting import wait_for

PHONE = {"viewport": {"width": 375, "height": 812}, "locale": "fr-FR", "has_touch": True}


def test_a_saved_card_pays_an_invoice_from_the_overview_to_the_receipt(live_portal, page, enter):
    account = live_portal.accounts.create(name="Ines Vogel")
    card, invoice = account.save_card(), account.open_invoice(4900, "Extra storage")
    enter(account)

    page.goto(f"{account.root}/")
    page.get_by_role("button", name="Pay $49.00").click()
    page.wait_for_url(ON_REVIEW)
    payment = payment_id_of(page)
    panel = page.get_by_role("region", name="Payment", exact=True)
    for words in ("Acme Software Inc.", "$49.00", "Extra storage", "Visa •••• 4242"):
        expect(panel).to_contain_text(words)
    page.get_by_role("button", name="Pay $49.00 to Acme Software Inc.").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Paid $49.00")
    expect(page.get_by_role("main")).to_contain_text(account.email)
    page.get_by_role("link", name="See the invoice").click()
    expect(page.get_by_role("main")).to_contain_text("There is nothing left to pay.")
    (charge,) = live_portal.sandbox.ledger(payment)
    paid = account.payment(payment)
    assert (charge["reference"], charge["amount"], charge["status"]) == (paid.gateway_reference, 4900, "succeeded")
    assert (paid.payment_method_id, account.invoice(invoice).status) == (card, "paid")
    account.check_money()
    # Its paper is drawn first, by a worker that has drawn none yet.
    wait_for(
        lambda: [mail for mail in live_portal.mails(account.email) if mail["subject"].startswith("You paid $49.00")],
        seconds=30,
    )


@pytest.mark.parametrize("slug", ["acme", "savane"])
def test_the_demos_customers_pay_the_first_of_what_they_owe_with_what_stands_first(live_portal, page, enter, slug):
    account = live_portal.accounts.find(slug, live_portal.customers[slug][1])
    before = len(account.charges())
    enter(account)

    page.goto(f"{account.root}/invoices")
    page.get_by_role("main").get_by_role("row").nth(1).get_by_role("link").first.click()
    pay_button(page).click()
    page.wait_for_url(ON_REVIEW)
    page.get_by_role("link", name=CHANGE).click()
    page.wait_for_url(re.compile("/checkout[?]"))
    expect(page.locator("input[name=payment_method]").first).to_be_checked()
    expect(page.locator("input[name=payment_method]").first).to_have_accessible_name(re.compile("4242"))
    payment = choose(page)
    pay(page)

    expect(page.get_by_role("main")).to_contain_text(re.compile("Paid|Payé"))
    assert account.payment(payment).status == "complete"
    assert len(account.charges()) == before + 1
    account.check_money(is_settled=False)


def test_a_new_card_is_saved_only_on_request(live_portal, page, enter):
    account = live_portal.accounts.create()
    first, second = account.open_invoice(1900), account.open_invoice(2900)
    enter(account)

    go_to_review(page, account, first, with_new=True)
    pay_at_gateway(page)
    enter_card(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    page.goto(f"{account.root}/payment-methods")
    expect(page.get_by_role("main")).not_to_contain_text("4242")

    go_to_review(page, account, second, with_new=True, keep=True)
    pay_at_gateway(page)
    enter_card(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    page.goto(f"{account.root}/payment-methods")
    expect(page.get_by_role("main")).to_contain_text("Visa •••• 4242")

    assert [account.invoice(each).status for each in (first, second)] == ["paid", "paid"]
    assert len(account.charges()) == 2
    account.check_money()


def test_the_gateways_page_puts_mistakes_right_and_takes_nothing_when_left(live_portal, page, enter):
    account = live_portal.accounts.create()
    invoice = account.open_invoice(1900)
    enter(account)

    payment = go_to_review(page, account, invoice, with_new=True)
    pay_at_gateway(page)
    check_accessibility(page)
    enter_card(page, "4242424242424241")
    expect(page.get_by_role("alert")).to_contain_text("A digit of this number is wrong")
    check_accessibility(page)
    page.get_by_role("button", name="Cancel and go back").click()

    page.wait_for_url(re.compile("/payments/pay_"))
    expect(page.get_by_role("main")).to_contain_text("You stopped this payment")
    expect(page.get_by_role("main")).to_contain_text("Nothing was taken.")
    assert payment_id_of(page) == payment and live_portal.sandbox.ledger(payment) == []
    page.get_by_role("button", name="Pay $19.00").click()
    choose(page, with_new=True)
    pay_at_gateway(page)
    enter_card(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert len(account.charges()) == 1
    account.check_money()


@pytest.mark.parametrize(
    ("answer", "words"), [("Confirm $49.00", "Paid"), ("This was not me: refuse", "Nothing was taken")]
)
def test_the_bank_asks_and_its_answer_decides(live_portal, page, enter, answer, words):
    account = live_portal.accounts.create()
    account.save_card(CAREFUL_CARD)
    invoice = account.open_invoice(4900)
    enter(account)

    go_to_review(page, account, invoice)
    pay_at_gateway(page)
    check_accessibility(page)
    assert account.payments()[-1].status == "requires_action"
    page.get_by_role("button", name=answer).click()

    page.wait_for_url(re.compile("/payments/pay_"))
    expect(page.get_by_role("main")).to_contain_text(words)
    is_paid = words == "Paid"
    assert len(account.charges()) == is_paid
    assert account.invoice(invoice).status == ("paid" if is_paid else "open")
    account.check_money()


def test_a_declined_card_says_why_and_leads_to_another_way(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card(DECLINED_CARD)
    account.save_card(GOOD_CARD)
    invoice = account.open_invoice(4900)
    enter(account)

    declined = go_to_review(page, account, invoice)
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Failed payment of $49.00")
    expect(page.get_by_role("main")).to_contain_text("Your bank declined it without saying why")
    check_accessibility(page)
    page.get_by_role("button", name="Pay $49.00 another way").click()
    page.get_by_role("radio", name="Visa •••• 4242").check()
    choose(page)
    pay(page)

    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert [charge["status"] for charge in live_portal.sandbox.ledger(declined)] == ["failed"]
    assert len(account.charges()) == 1
    assert account.invoice(invoice).status == "paid"
    account.check_money()


def test_cancel_leads_out_of_each_step_and_takes_nothing(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice(4900)
    enter(account)

    page.goto(f"{account.root}/checkout?invoice={invoice}")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url(re.compile("/invoices$"))
    go_to_review(page, account, invoice)
    page.get_by_role("button", name="Cancel").click()

    page.wait_for_url(re.compile(f"/invoices/{invoice}$"))
    assert (account.charges(), account.invoice(invoice).status) == ([], "open")
    assert [payment.status for payment in account.payments()] == ["canceled"]
    account.check_money()


@pytest.mark.browser_context_args(**PHONE)
def test_a_prompt_on_a_phone_is_approved(live_portal, page, enter):
    account = live_portal.accounts.create("savane", name="Blaise Tchami")
    phone, invoice = account.save_phone(), account.open_invoice(5000, "Entretien annuel du compteur")
    enter(account)

    payment = go_to_review(page, account, invoice)
    expect(pay_button(page)).to_contain_text("5 000 FCFA")
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Validez sur votre téléphone")
    check_accessibility(page)

    # The page asks by itself: the gateway's phone answers after three seconds.
    expect(page.get_by_role("heading", level=1)).to_contain_text("5 000 FCFA", timeout=15_000)
    expect(page.get_by_role("main")).to_contain_text("Payé")
    assert account.payment(payment).payment_method_id == phone
    assert (len(account.charges()), account.invoice(invoice).status) == (1, "paid")
    account.check_money()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_phone_that_never_answers_is_waited_for_truthfully(live_portal, browser, has_scripts):
    account = live_portal.accounts.create("savane", name="Blaise Tchami")
    account.save_phone(SILENT_PHONE)
    invoice = account.open_invoice(5000)
    context: BrowserContext = browser.new_context(**PHONE, java_script_enabled=has_scripts)
    name, token = account.sign_in()
    context.add_cookies([{"name": name, "value": token, "url": live_portal.origin}])
    page: Page = context.new_page()

    payment = go_to_review(page, account, invoice)
    pay(page)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Validez sur votre téléphone")
    expect(main).to_contain_text("5 000 FCFA")
    assert account.payment(payment).status == "pending"
    assert account.invoice(invoice).amount_reserved == 5000
    if has_scripts:
        with page.expect_response(lambda response: payment in response.url, timeout=10_000):
            pass  # It asks again by itself,
    else:
        # … and without scripts the browser does.
        expect(page.locator("meta[http-equiv=refresh]")).to_have_attribute("content", "8")
    expect(main).to_contain_text("Validez sur votre téléphone")

    page.get_by_role("link", name="Vérifier maintenant").click()
    expect(main).to_contain_text("Validez sur votre téléphone")
    page.goto(f"{account.root}/invoices/{invoice}")
    expect(main).to_contain_text("Un paiement de cette facture est en cours. Vous ne pouvez pas la payer deux fois.")
    page.goto(f"{account.root}/payments/{payment}")
    page.get_by_role("button", name="Arrêter").click()
    expect(main).to_contain_text("Rien n’a été débité")
    assert (account.charges(), account.invoice(invoice).amount_reserved) == ([], 0)
    account.check_money()
    context.close()


@pytest.mark.browser_context_args(**PHONE, color_scheme="dark")
def test_a_keyboard_alone_pays(live_portal, page, enter):
    account = live_portal.accounts.create("savane", name="Blaise Tchami")
    account.save_card()
    invoice = account.open_invoice(5000)
    enter(account)

    def tab_to(role: str, name: re.Pattern[str]) -> None:
        wanted = page.get_by_role("main").get_by_role(role, name=name).first
        wanted.wait_for()
        for _ in range(60):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"60 tabs never led to the {role} {name.pattern}")

    page.goto(f"{account.root}/invoices/{invoice}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("button", re.compile("^Payer"))
    page.keyboard.press("Enter")
    page.wait_for_url(ON_REVIEW)
    tab_to("link", CHANGE)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/checkout[?]"))
    tab_to("radio", re.compile("4242"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="4242")).not_to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="4242")).to_be_checked()
    tab_to("button", re.compile("^Vérifier"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/checkout/pay_"))
    tab_to("button", re.compile("^Payer"))
    assert pay_button(page).evaluate("element => getComputedStyle(element).outlineStyle") != "none"
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile("/payments/pay_"))
    expect(page.get_by_role("main")).to_contain_text("Payé")
    assert account.invoice(invoice).status == "paid"
    account.check_money()
