"""The page of privacy: what it says, the fresh code before each act, the download, and what a merchant may take away."""

from __future__ import annotations

import io
import zipfile
from functools import partial

import pytest

from portal.audit.models import AuditEntry
from portal.privacy.jobs import erase_customers, make_exports
from portal.privacy.models import Erasure, Export
from portal.privacy.operations.erasing import request_erasure
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_client import Page, PageClient
from tests.support.site import ADDRESS, Site


def fresh(site: Site, browser: PageClient, page: Page) -> Page:
    """Enter the code that was mailed, on the page that asks for it."""
    assert page.headline == "Confirm that it is you"
    code = [mail for mail in site.deliver() if mail.has_code][-1].code
    return browser.submit(page, "Confirm and continue", code=code)


def confirmed(site: Site) -> PageClient:
    """A browser in which a fresh code was entered."""
    browser = site.signed_in()
    site.deliver()
    fresh(site, browser, browser.submit(browser.get("/acme/privacy"), "Request an export"))
    return browser


def test_export_is_requested_after_a_fresh_code_and_downloaded_when_it_is_ready(site: Site) -> None:
    browser = site.signed_in()
    site.deliver()
    page = browser.submit(browser.get("/acme/privacy"), "Request an export")
    assert site.count(Export) == 0, "nothing happens without a code"

    page = fresh(site, browser, page)
    assert "You are confirmed. Choose again" in page.text
    page = browser.submit(page, "Request an export")
    assert "Your export is being made" in page.text
    make_exports(site.services)
    page = browser.get("/acme/privacy")
    assert "Your export is ready" in page.text

    response = browser.client.get(page.link("Download export (ZIP)"))
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    assert response.content_length == len(response.data)
    assert 'filename="my-data.zip"' in response.headers["Content-Disposition"]
    assert ADDRESS in zipfile.ZipFile(io.BytesIO(response.data)).read("data.json").decode()
    actions = [entry.action for entry in site.rows(AuditEntry) if "export" in entry.action]
    assert actions == ["customer.export_requested", "customer.exported"]


def test_download_needs_a_session_and_a_fresh_code(site: Site) -> None:
    browser = confirmed(site)
    browser.submit(browser.get("/acme/privacy"), "Request an export")
    make_exports(site.services)
    site.clock.advance(minutes=16)

    again = browser.client.get("/acme/privacy/export.zip")

    assert again.status_code == 303 and "/security/confirm" in again.headers["Location"]
    nobody = site.browser().client.get("/acme/privacy/export.zip")
    assert nobody.status_code == 303 and "/sign-in" in nobody.headers["Location"]


def test_nobody_else_gets_the_export(site: Site) -> None:
    browser = confirmed(site)
    browser.submit(browser.get("/acme/privacy"), "Request an export")
    make_exports(site.services)
    other = Account(site.services, site.add_customer("else@else.example"), "acme").sign_in(site.app)

    assert other.client.get("/acme/privacy/export.zip").status_code == 404
    site.clock.advance(days=7)
    assert site.signed_in().client.get("/acme/privacy/export.zip").status_code == 404


def test_too_many_exports_are_refused_in_words(site: Site) -> None:
    browser = confirmed(site)
    for button in ("Request an export", "Make a new one", "Make a new one"):
        browser.submit(browser.get("/acme/privacy"), button)
        make_exports(site.services)

    page = browser.submit(browser.get("/acme/privacy"), "Make a new one", status=429)

    assert "several exports today" in page.text


def test_second_request_while_one_is_made_is_refused(site: Site) -> None:
    browser = confirmed(site)
    browser.post("/acme/privacy/export")

    browser.post("/acme/privacy/export", status=409)

    assert site.count(Export) == 1


def test_erasure_is_requested_after_a_tick_and_a_code_and_may_be_withdrawn(site: Site) -> None:
    browser = site.signed_in()
    site.deliver()
    page = browser.submit(browser.get("/acme/privacy"), "Ask for erasure", status=422)
    assert "Tick this first" in page.text

    page = fresh(site, browser, browser.submit(page, "Ask for erasure", sure="yes"))
    assert site.count(Erasure) == 0
    page = browser.submit(page, "Ask for erasure", sure="yes")

    assert "You asked us to erase your data" in page.text
    assert "Mar 22" in page.text
    (mail,) = site.deliver()
    assert "You asked Acme to erase your data" in str(mail.message["subject"])
    page = browser.submit(page, "Withdraw the request")
    assert "Nothing was erased" in page.text
    assert site.count(Erasure) == 0


def test_customer_does_not_withdraw_what_the_merchant_has_requested_since(site: Site) -> None:
    browser = confirmed(site)
    browser.submit(browser.get("/acme/privacy"), "Ask for erasure", sure="yes")
    Account(site.services, site.scope, "acme").payment("pending", 67519)
    site.services.database.run(partial(request_erasure, scope=site.scope, actor=OPERATOR, at=site.clock.now()))
    erase_customers(site.services)

    browser.post("/acme/privacy/erasure/withdrawal", status=404)

    assert [row.requested_by for row in site.rows(Erasure)] == [OPERATOR.type.value]


def test_erasure_that_has_begun_has_ended_the_session(site: Site) -> None:
    browser = confirmed(site)
    browser.submit(browser.get("/acme/privacy"), "Ask for erasure", sure="yes")
    site.clock.advance(hours=72)
    erase_customers(site.services)

    assert "/sign-in" in browser.client.get("/acme/privacy").headers["Location"]


def test_page_says_what_it_waits_for_what_is_owed_and_what_would_be_lost(site: Site) -> None:
    account = Account(site.services, site.scope, "acme")
    account.payment("pending", 67519)
    account.refund(account.payment(), 1000, "pending")
    account.invoice(5000)
    account.credit(700)

    page = site.signed_in().get("/acme/privacy")

    assert "Erasure waits until your money has arrived" in page.text
    assert "$675.19 is on its way. $10.00 is on its way back to you." in page.text
    assert "Open invoices are still owed: $50.00." in page.text
    assert "Your credit of $7.00 can no longer be used" in page.text


def test_sums_may_be_larger_than_one_amount(site: Site) -> None:
    account = Account(site.services, site.scope, "acme")
    account.invoice(999_999_999_999_999)
    account.invoice(999_999_999_999_999)

    assert "$19,999,999,999,999.98" in site.signed_in().get("/acme/privacy").text


def test_merchants_erasure_is_shown_and_not_the_customers_to_withdraw(site: Site) -> None:
    site.services.database.run(partial(request_erasure, scope=site.scope, actor=OPERATOR, at=site.clock.now()))
    browser = site.signed_in()

    page = browser.get("/acme/privacy")

    assert "Acme will erase your data" in page.text and "Withdraw" not in page.text
    browser.post("/acme/privacy/erasure/withdrawal", status=404)


@pytest.mark.parametrize("path", ["/privacy", "/privacy/export.zip"])
def test_merchant_may_take_the_page_away(site: Site, path: str) -> None:
    with site.services.database.unit_of_work() as session:
        change_settings(
            session, site.scope.merchant_id, {"pages": {"privacy": False}}, actor=OPERATOR, at=site.clock.now()
        )
    browser = site.signed_in()

    browser.get(f"/acme{path}", status=404)
    assert "/acme/privacy" not in browser.get("/acme/security").html


def test_customer_without_a_mail_address_needs_no_code(site: Site) -> None:
    scope = site.add_customer(None, phone="+12065550100")
    browser = Account(site.services, scope, "acme").sign_in(site.app)

    page = browser.submit(browser.get("/acme/privacy"), "Request an export")

    assert "Your export is being made" in page.text


def test_numbers_are_of_this_customer_alone(site: Site) -> None:
    other = site.add_customer("else@else.example")
    with site.services.database.unit_of_work() as session:
        customers.insert_payment(session, other, "pending", 4321, at=site.clock.now())
        customers.add_invoice(session, other, 777, at=site.clock.now(), number="N-1")

    page = site.signed_in().get("/acme/privacy")

    assert "on its way" not in page.text and "$7.77" not in page.text
