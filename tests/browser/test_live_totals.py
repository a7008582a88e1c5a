"""The sum of the choice follows each change in the browser, and is what the review then says: one amount, wherever it is written."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.checkout_steps import CHANGE, ON_REVIEW, pay_button
from tests.support.live_accounts import Account

REVIEW_BUTTON = ".pay-bar button[data-primary]"
LINK_BUTTON = "button[data-primary]"
ON_REVIEW_BY_LINK = re.compile(r"/pay/[^/]+/checkout/pay_\w+$")
PHONE = {"viewport": {"width": 375, "height": 812}, "locale": "fr-FR", "has_touch": True}


@pytest.fixture
def account(live_portal) -> Account:
    """A customer with a card and 25 of credit, which the choice proposes to use."""
    account: Account = live_portal.accounts.create(name="Ines Vogel")
    account.save_card()
    account.grant_credit(2500)
    return account


def test_sum_follows_each_choice_at_a_desk(page, enter, account):
    first, second = account.open_invoice(9000, due_in_days=-3, deposit_amount=1500), account.open_invoice(6000)
    enter(account)
    page.goto(f"{account.root}/checkout?invoice={first}&invoice={second}")

    expect_sum(page, "$125.00")
    page.locator("#use-credit").uncheck()
    expect_sum(page, "$150.00")
    page.locator("#amount-other").check()
    expect_sum(page, "–", button="")
    page.locator("#amount").fill("100")
    expect_sum(page, "$100.00")
    page.locator("#use-credit").check()
    expect_review(page, "$75.00", rest="$50.00 stays open")
    page.locator("#amount-split").check()
    page.locator("#first_amount").fill("120.50")
    expect_review(page, "$95.50", rest="Afterwards, with another payment method$29.50")
    # Other invoices have other limits, which the server is asked for: a first payment of more than all of it is none.
    page.locator("#invoice-2").uncheck()
    expect_sum(page, "–", button="")
    page.locator("#amount-deposit").check()
    expect_sum(page, "$0.00", button="$15.00 from your credit")
    page.locator("#use-credit").uncheck()
    expect_review(page, "$15.00", rest="$75.00 of it stays open")
    # Neither what is left for the card nor what stays open is less than the gateway charges, $0.50: of the credit less is used.
    page.locator("#use-credit").check()
    page.locator("#amount-other").check()
    page.locator("#amount").fill("89.80")
    expect_sum(page, "–", button="")
    page.locator("#amount").fill("25.20")
    expect_review(page, "$0.50", rest="$64.80 of it stays open")


@pytest.mark.browser_context_args(**PHONE)
def test_sum_follows_each_choice_on_a_phone_and_in_another_currency(live_portal, page, enter):
    account = live_portal.accounts.create("savane", name="Blaise Tchami")
    account.save_card()
    account.grant_credit(2500)
    first, second = account.open_invoice(9000), account.open_invoice(6000, prices={"EUR": 915})
    enter(account)
    page.goto(f"{account.root}/checkout?invoice={first}&invoice={second}")

    expect_sum(page, "12 500 FCFA")
    page.locator("#amount-other").check()
    page.locator("#amount").fill("10 000")
    expect_review(page, "7 500 FCFA", rest="5 000 FCFA restent à payer")
    page.locator("#amount-full").check()
    page.locator("#use-credit").uncheck()
    expect_sum(page, "15 000 FCFA")
    page.locator("#invoice-1").uncheck()
    expect_sum(page, "6 000 FCFA")
    page.get_by_role("link", name="9,15 €").click()  # Its price in the other currency; the credit is in francs.
    expect_review(page, "9,15 €")


def test_sum_follows_each_choice_at_a_pay_link(page, account):
    invoice = account.open_invoice(9000, deposit_amount=1500, amount_mode="editable", minimum_amount=1000)
    page.goto(account.pay_link(invoice))

    expect_link_sum(page, "$90.00", rest="")
    page.locator("#amount-deposit").check()
    expect_link_sum(page, "$15.00", rest="$75.00")
    page.locator("#amount-other").check()
    expect_link_sum(page, "–", button="", rest="")
    page.locator("#amount").fill("9.99")  # Less than the merchant accepts.
    expect_link_sum(page, "–", button="", rest="")
    page.locator("#amount").fill("40.50")
    expect_link_sum(page, "$40.50", rest="$49.50")
    page.locator(LINK_BUTTON).click()

    page.wait_for_url(ON_REVIEW_BY_LINK)
    expect(page.locator(".payment-panel .amount-hero")).to_have_text("$40.50")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_a_pay_link_says_no_amount_that_the_review_would_not(page, account):
    invoice = account.open_invoice(9000, deposit_amount=1500, amount_mode="editable", minimum_amount=1000)
    page.goto(account.pay_link(invoice))

    expect_link_sum(page, "$90.00", rest="")
    page.locator("#amount-deposit").check()
    expect(page.get_by_text("The next page shows what you pay.")).to_be_visible()
    expect(page.locator("[data-sum=charge]")).to_be_hidden()
    expect(page.locator(LINK_BUTTON)).to_have_text("Review", use_inner_text=True)
    page.locator(LINK_BUTTON).click()

    page.wait_for_url(ON_REVIEW_BY_LINK)
    expect(page.locator(".payment-panel .amount-hero")).to_have_text("$15.00")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_the_button_says_no_amount_that_the_review_would_not(page, enter, account):
    first, second = account.open_invoice(9000, due_in_days=-3, deposit_amount=1500), account.open_invoice(6000)
    enter(account)
    page.goto(f"{account.root}/checkout?invoice={first}&invoice={second}")

    expect_review(page, "$125.00")
    page.locator("#use-credit").uncheck()
    expect_review(page, "$150.00", said="")
    page.locator("#amount-other").check()
    page.locator("#amount").fill("100")
    page.locator("#use-credit").check()
    expect_review(page, "$75.00", said="", rest="$50.00 stays open")
    page.locator("#amount-split").check()
    page.locator("#first_amount").fill("120.50")
    expect_review(page, "$95.50", said="", rest="Afterwards, with another payment method$29.50")
    page.goto(f"{account.root}/checkout?invoice={first}")
    page.locator("#amount-deposit").check()
    page.locator("#use-credit").uncheck()
    expect_review(page, "$15.00", said="")


def expect_link_sum(page: Page, charge: str, *, rest: str, button: str | None = None) -> None:
    """What a pay link's page says of the choice, its button `button`, and what stays open, which is hidden where nothing does."""
    expect(page.locator("[data-sum=charge]")).to_have_text(charge)
    expect(page.locator(LINK_BUTTON)).to_have_text(
        f"Review {charge if button is None else button}".strip(), use_inner_text=True
    )
    if rest:
        expect(page.locator("[data-sum=open]")).to_have_text(rest)
    else:
        expect(page.locator("[data-sum=open]")).to_be_hidden()


def expect_sum(page: Page, charge: str, *, button: str | None = None) -> None:
    """What is seen of the sum says `charge`, and the button this amount, or `button`."""
    expect(page.locator("[data-sum=charge] >> visible=true")).to_have_text(spaced(charge))
    expect(page.locator(REVIEW_BUTTON)).to_have_text(
        spaced(f"{'Vérifier' if 'fr' in lang(page) else 'Review'} {charge if button is None else button}"),
        use_inner_text=True,
    )


def expect_review(page: Page, charge: str, *, said: str | None = None, rest: str = "") -> None:
    """The choice says `charge` (its button `said`), and so does the review, in its panel and its button; back to the choice."""
    if said is None:
        expect_sum(page, charge)
    else:
        expect(page.locator(REVIEW_BUTTON)).to_have_text(spaced(f"Review {said}"), use_inner_text=True)
    page.locator(REVIEW_BUTTON).click()
    page.wait_for_url(ON_REVIEW)
    expect(page.locator(".payment-panel .amount-hero")).to_have_text(spaced(charge))
    expect(pay_button(page).locator(".amount")).to_have_text(spaced(charge))
    if rest:
        expect(page.get_by_role("main")).to_contain_text(re.compile(spaced(rest).pattern.strip("^$")))
    page.get_by_role("link", name=CHANGE).click()
    page.wait_for_url(re.compile("/checkout[?]"))


def spaced(text: str) -> re.Pattern[str]:
    """The whole text with blanks of any width: French amounts have narrow ones."""
    return re.compile(r"^\s*" + r"\s*".join(re.escape(word) for word in text.split()) + r"\s*$")


def lang(page: Page) -> str:
    return page.locator("html").get_attribute("lang") or ""
