"""The steps of paying in a browser that journeys share: from an invoice to the review, and what the pages call things."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

from tests.support.live_accounts import GOOD_CARD, Account

PAY = re.compile(r"^(Pay|Payer) ")
REVIEW = re.compile(r"^(Review|Vérifier) ")
ON_REVIEW = re.compile(r"/checkout/pay_\w+$")
AT_GATEWAY = re.compile(r"//localhost:\d+/(pay|challenge)/")
CHANGE = re.compile("^(Change|Modifier)$")
NEW_METHOD = re.compile(r"^(A new payment method|Un nouveau moyen de paiement)")
KEEP = re.compile(r"^(Save this|Enregistrer ce) ")


def go_to_review(page: Page, account: Account, invoice_id: str, *, with_new: bool = False, keep: bool = False) -> str:
    """From the invoice to the checkout's review; return the payment's id. Without `with_new` the default method pays, and the press on
    the invoice's page leads straight there."""
    if with_new:
        page.goto(f"{account.root}/checkout?invoice={invoice_id}")
        return choose(page, with_new=True, keep=keep)
    page.goto(f"{account.root}/invoices/{invoice_id}")
    pay_button(page).click()
    page.wait_for_url(ON_REVIEW)
    return payment_id_of(page)


def choose(page: Page, *, with_new: bool = False, keep: bool = False) -> str:
    """Take the checkout's first step; return the payment's id."""
    if with_new:
        page.get_by_role("radio", name=NEW_METHOD).check()
        page.get_by_role("checkbox", name=KEEP).set_checked(keep)
    page.get_by_role("button", name=REVIEW).click()
    page.wait_for_url(ON_REVIEW)
    return payment_id_of(page)


def pay_button(page: Page) -> Locator:
    """The button that pays: on the review it takes the money, elsewhere it leads there."""
    return page.get_by_role("main").get_by_role("button", name=PAY)


def pay(page: Page) -> None:
    """Press Pay, which leads to the payment's page."""
    pay_button(page).click()
    page.wait_for_url(re.compile(r"/payments/pay_\w+$"))


def pay_at_gateway(page: Page) -> None:
    """Press Pay, which leads on to the gateway's page: the payment's own page goes there by itself, once."""
    pay_button(page).click()
    page.wait_for_url(AT_GATEWAY)


def enter_card(page: Page, number: str = GOOD_CARD) -> None:
    """Fill the gateway's form and pay there."""
    page.get_by_label(re.compile("Card number|Numéro de carte")).fill(number)
    page.get_by_label(re.compile("^(Expiry date|Expiration)")).fill("08/40")
    page.get_by_label(re.compile("^(Security code|Code de sécurité)")).fill("123")
    page.get_by_role("button", name=PAY).click()


def payment_id_of(page: Page) -> str:
    """The payment whose page is shown."""
    found = re.search(r"pay_[0-9A-Za-z]+", page.url)
    assert found, page.url
    return found.group()
