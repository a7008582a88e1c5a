"""A stranger with a phone, from an invoice's mail to what a customer looks after, in each language: by names of fields and addresses alone,
so that no test knows the words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from portal.customers.models import Customer
from portal.notices.models import NoticePreference
from tests.support import customers
from tests.support.live_accounts import Account
from tests.support.live_portal import LivePortal
from tests.support.tiers import tier
from tests.support.waiting import wait_for

LANGUAGES = {"en": "en-US", "fr": "fr-FR", "es": "es-ES", "pt": "pt-BR", "de": "de-DE", "ar": "ar-EG"}


@pytest.mark.parametrize("language", tier(("ar",), tuple(LANGUAGES)))
def test_stranger_gets_everything_done_from_the_invoices_mail(live_portal, browser, language):
    account = live_portal.accounts.create("savane", name="Léa Ndongo", locale=language)
    last_year = datetime.now(UTC).year - 1
    with account.live.database.unit_of_work() as session:
        old = customers.insert_payment(
            session, account.scope, amount=12_500, currency="XAF", at=datetime(last_year, 5, 4, 10, tzinfo=UTC)
        )
    _, forgotten = account.sign_in()
    invoice = account.open_invoice(4900)
    phone = browser.new_context(
        locale=LANGUAGES[language], viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True,
        timezone_id="Africa/Douala", reduced_motion="reduce",
    )  # fmt: skip
    page = phone.new_page()

    pay_from_the_mail(live_portal, page, account, language)
    assert account.invoice(invoice).status == "paid" and len(account.charges()) == 1
    take_the_receipt(page)
    sign_in(live_portal, page, account)
    correct_the_address(page, account)
    switch_reminders_off(page, account)
    assert old in payments_of_last_year(page, account, last_year)
    end_the_old_session(page, account, forgotten)
    phone.close()


def pay_from_the_mail(live_portal: LivePortal, page: Page, account: Account, language: str) -> None:
    mail = wait_for(
        lambda: next((each for each in live_portal.mails(account.email) if "/pay/" in each["text"]), None), seconds=30
    )
    assert f'lang="{language}"' in mail["html"]
    (link,) = {line for line in mail["text"].split() if "/pay/" in line}
    page.goto(link)
    check(page, language)
    page.locator("#method-telephone").check()
    # One of each language's own: a telephone gets a few requests an hour.
    page.locator("input[name=phone]").fill(f"+23767{list(LANGUAGES).index(language)}000000")
    page.locator("main [data-primary]").click()
    page.wait_for_url(re.compile("/checkout/"))
    check(page, language)
    page.wait_for_timeout(700)  # Pay takes no press while it is new on the screen.
    page.locator("main [data-primary]").click()
    expect(page.locator("a[href*='receipt.pdf']")).to_be_visible(timeout=20_000)
    check(page, language)


def take_the_receipt(page: Page) -> None:
    with page.expect_download() as download:
        page.locator("a[href*='receipt.pdf']").click()
    pages = PdfReader(download.value.path()).pages
    assert len(pages) == 1 and "4,900" in pages[0].extract_text().replace("\u202f", ",").replace(".", ",").replace(
        "\xa0", ","
    )


def sign_in(live_portal: LivePortal, page: Page, account: Account) -> None:
    page.goto(f"{account.root}/details")
    page.locator("#email").fill(account.email)
    page.locator("main [data-primary]").click()
    page.locator("input[name=code]").fill(live_portal.await_mail(account.email).code)
    page.locator("main [data-primary]").click()
    page.wait_for_url(f"{account.root}/details")


def correct_the_address(page: Page, account: Account) -> None:
    page.locator("[name='billing_address.country']").select_option("CM")
    page.locator("[name='billing_address.line1']").fill("12 Rue Joss")
    page.locator("[name='billing_address.city']").fill("Douala")
    page.locator("main form[action$='/details'] [data-primary]").click()
    expect(page.get_by_role("status").first).to_be_visible()
    with account.live.database.unit_of_work() as session:
        stored = session.get_one(Customer, (account.merchant.id, account.scope.customer_id)).billing_address
    assert stored["line1"] == "12 Rue Joss"


def switch_reminders_off(page: Page, account: Account) -> None:
    open_from_the_menu(page, "notices")
    page.locator("#kind-due_soon").uncheck()
    page.locator("main form[action$='/notices'] [data-primary]").click()
    expect(page.get_by_role("status").first).to_be_visible()
    with account.live.database.unit_of_work() as session:
        key = (account.merchant.id, account.scope.customer_id, "due_soon")
        assert session.get_one(NoticePreference, key).is_on is False


def payments_of_last_year(page: Page, account: Account, year: int) -> str:
    page.goto(f"{account.root}/payments")
    page.locator("form[role=search] summary").click()
    page.locator("input[name=from]").fill(f"{year}-01-01")
    page.locator("input[name=to]").fill(f"{year}-12-31")
    page.locator("form[role=search] details button[type=submit]").click()
    page.wait_for_url(re.compile(f"from={year}-01-01"))
    with page.expect_download() as download:
        page.locator("a[href*='payments.csv'][href*='from=']").click()
    written = download.value.path().read_bytes()
    assert written.startswith(b"\xef\xbb\xbf") and len(written.decode("utf-8-sig").splitlines()) == 2
    return written.decode("utf-8-sig")


def end_the_old_session(page: Page, account: Account, forgotten: str) -> None:
    cookies = {f"portal_{account.slug}": forgotten}
    assert answered(account, cookies) == 200
    open_from_the_menu(page, "security")
    old = page.locator("[data-session]").filter(has=page.locator("form[action*='/sessions/']"))
    assert old.count() == 1
    old.locator("button").click()
    expect(page.locator("[data-session]")).to_have_count(1)
    assert answered(account, cookies) == 303


def open_from_the_menu(page: Page, name: str) -> None:
    """As somebody on a phone does: More, and the entry."""
    page.locator("button[popovertarget=more]").click()
    page.locator(f"#more a[href$='/{name}']").click()
    page.wait_for_url(re.compile(f"/{name}$"))


def answered(account: Account, cookies: dict[str, str]) -> int:
    with requests.Session() as http:
        http.trust_env = False
        page = http.get(f"{account.root}/details", cookies=cookies, timeout=10, allow_redirects=False)
    return page.status_code


def check(page: Page, language: str) -> None:
    """The page speaks the language, in its direction, and is no wider than the phone."""
    said: Any = page.evaluate(
        "[document.documentElement.lang, document.documentElement.dir, document.documentElement.scrollWidth]"
    )
    assert said == [language, "rtl" if language == "ar" else "", 375]
