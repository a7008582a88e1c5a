"""Signing in and out in a browser, by the mail that really came: link, code, fresh link, and what stays when one has left."""

from __future__ import annotations

import re

import pytest
import requests
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.sign_in.models import Challenge
from tests.support.accessibility import check_accessibility

PHONE = {"viewport": {"width": 375, "height": 812}, "locale": "fr-FR", "has_touch": True}


def test_the_link_of_the_mail_signs_in_by_itself_at_the_target_whoever_opened_it_before(live_portal, page):
    account = live_portal.accounts.create(name="Ines Vogel")
    invoice = account.open_invoice()

    page.goto(f"{account.root}/invoices/{invoice}")
    page.wait_for_url(re.compile("/sign-in"))
    page.get_by_label("Email address").fill(account.email)
    page.get_by_role("button", name="Send link and code").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")
    mail = live_portal.await_mail(account.email)
    for _ in range(3):
        scanned = requests.get(mail.link, timeout=10)
        assert scanned.status_code == 200 and "portal_acme" not in scanned.cookies

    page.goto(mail.link)

    page.wait_for_url(re.compile(f"/invoices/{invoice}$"))
    expect(page.get_by_role("main")).to_contain_text("$49.00")
    page.context.clear_cookies()
    page.goto(mail.link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has been used")


def test_the_link_waits_for_its_reader_in_another_browser_and_where_another_site_leads_to_it(live_portal, page, enter):
    account, other = live_portal.accounts.create(name="Ines Vogel"), live_portal.accounts.create(name="Jonas Berg")
    page.goto(f"{account.root}/sign-in")
    page.get_by_label("Email address").fill(account.email)
    page.get_by_role("button", name="Send link and code").click()
    mail = live_portal.await_mail(account.email)

    # From a page of another site, as a mail program in the browser is one.
    page.route(
        "http://mail.test/",
        lambda route: route.fulfill(body=f"<a href='{mail.link}'>Sign in</a>", content_type="text/html"),
    )
    page.goto("http://mail.test/")
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this you?")
    check_accessibility(page)
    # Where somebody else is signed in.
    enter(other)
    page.goto(mail.link)
    expect(page.get_by_role("main")).to_contain_text("Jonas Berg is signed in here now")
    check_accessibility(page)
    # In another browser, which has no cookie of ours.
    page.context.clear_cookies()
    page.goto(mail.link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this you?")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Yes, sign me in").click()

    page.wait_for_url(re.compile("/acme/$"))
    expect(page.get_by_role("banner")).to_contain_text("Ines Vogel")


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_link_has_its_button_without_a_script(live_portal, page):
    account = live_portal.accounts.create(name="Ines Vogel")
    page.goto(f"{account.root}/sign-in")
    page.get_by_label("Email address").fill(account.email)
    page.get_by_role("button", name="Send link and code").click()

    page.goto(live_portal.await_mail(account.email).link)
    expect(page.get_by_role("main")).to_contain_text(account.email)
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url(re.compile("/acme/$"))


@pytest.mark.browser_context_args(**PHONE)
def test_the_code_signs_in_on_a_phone_and_a_wrong_one_does_not(live_portal, page):
    account = live_portal.accounts.create("savane", name="Blaise Tchami")
    page.goto(f"{account.root}/payments")
    address = page.get_by_label("Adresse e-mail")
    address.fill("nobody")
    page.get_by_role("button", name="Recevoir le lien et le code").click()
    expect(address).to_be_focused()
    expect(address).to_have_value("nobody")
    check_accessibility(page)
    address.fill(account.email)
    page.get_by_role("button", name="Recevoir le lien et le code").click()
    page.wait_for_url(re.compile("/sign-in/code"))
    code = live_portal.await_mail(account.email).code

    field, enter = page.get_by_label("Code reçu par e-mail"), page.get_by_role("button", name="Se connecter")
    field.fill("BBBB-BBBB")
    enter.click()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    check_accessibility(page)
    field.fill("")
    field.press_sequentially(code.replace("-", "").lower())
    expect(field).to_have_value(code)
    enter.click()

    page.wait_for_url(re.compile("/savane/payments$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Paiements")


def test_a_link_that_has_run_out_leads_to_a_fresh_one_at_the_same_target(live_portal, page):
    account = live_portal.accounts.create(name="Ines Vogel")
    invoice = account.open_invoice()
    page.goto(f"{account.root}/sign-in?next=/invoices/{invoice}")
    page.get_by_label("Email address").fill(account.email)
    page.get_by_role("button", name="Send link and code").click()
    old = live_portal.await_mail(account.email)
    _run_out(account)

    page.context.clear_cookies()  # As in another browser, where the mail is read.
    page.goto(old.link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has expired")
    check_accessibility(page)
    page.get_by_role("button", name="Send a new link").click()
    expect(page.get_by_role("main")).to_contain_text("Another email is on its way")
    fresh = live_portal.await_mail(account.email, after=1)
    assert fresh.link != old.link
    page.goto(fresh.link)

    page.wait_for_url(re.compile(f"/invoices/{invoice}$"))
    # A link that some mail program has cut is no error page either.
    page.goto(fresh.link[:-9])
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is incomplete")


def test_a_session_of_the_api_enters_by_itself_once(live_portal, page):
    account = live_portal.accounts.create()
    invoice = account.open_invoice()
    address = account.mint_session(f"/invoices/{invoice}")

    page.goto(address)
    page.wait_for_url(re.compile(f"/invoices/{invoice}$"))

    page.context.clear_cookies()
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has been used")


def test_after_signing_out_the_back_button_shows_nothing(live_portal, page, enter):
    account = live_portal.accounts.create(name="Ines Vogel")
    invoice = account.open_invoice(4900, "Extra storage")
    enter(account)
    page.goto(f"{account.root}/")
    page.goto(f"{account.root}/invoices/{invoice}")
    expect(page.get_by_role("main")).to_contain_text("Extra storage")
    cookies = page.context.cookies()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/sign-in"))
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    check_accessibility(page)
    page.go_back()

    expect(page.get_by_label("Email address")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("Extra storage")
    page.context.add_cookies(cookies)  # The cookie kept by somebody is worth nothing either.
    page.goto(f"{account.root}/invoices/{invoice}")
    page.wait_for_url(re.compile("/sign-in"))


def _run_out(account) -> None:
    """Let the customer's messages be of long ago: the clock of another process cannot be moved."""
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.update(Challenge)
            .where(Challenge.merchant_id == account.merchant.id, Challenge.customer_id == account.scope.customer_id)
            .values(expires_at=Challenge.created_at)
        )
