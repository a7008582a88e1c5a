"""One mailbox with several accounts: chosen after the proof, switched without signing in again, and never further than the proof goes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from portal.sign_in.models import SignInSession
from portal.sign_in.operations import create_portal_session
from tests.support import customers
from tests.support.actors import OPERATOR
from tests.support.page_client import Page
from tests.support.people import insert_person, person_signed_in, remove
from tests.support.site import ADDRESS, path_of
from tests.support.statements import counted_statements

JONAS = "jonas@weber.example"
TODAY = date(2026, 3, 19)


def open_account(site):
    """The customer and the person of the one session that is live."""
    live = [row for row in site.rows(SignInSession) if row.revoked_at is None]
    (row,) = live
    return row.customer_id, row.person_id


def signed_in_to(site, scope, address=ADDRESS):
    browser = site.browser()
    browser.post(path_of(site.request_mail(browser, address)), {"account": scope.customer_id})
    return browser


def switch(browser, account, status=303):
    return browser.post("/acme/accounts", {"account": account}, status=status)


def test_address_of_a_customer_and_of_a_person_chooses_between_both_and_sees_its_role(site):
    other = site.add_customer("northlight@coop.example", name="Northlight")
    insert_person(site, ADDRESS, "viewer", other)
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    page = Page(path, browser.post(path, status=422))

    first, second = page.texts("label")
    assert first.endswith("OwnerNothing to pay")
    assert second == "NorthlightViewerNothing to pay"
    browser.submit(page, "Sign in", account=other.customer_id)
    assert "Northlight" in browser.get("/acme/").text
    browser.get("/acme/people", status=403)


def owing(site, **details):
    """Maya's account and another of hers that owes in two currencies, and pays a part of that."""
    other = site.add_customer("northlight@coop.example", name="Northlight")
    insert_person(site, ADDRESS, "viewer", other)
    with site.services.database.unit_of_work() as session:
        for total, currency in ((5000, "USD"), (7000, "USD"), (4500, "EUR")):
            customers.add_invoice(session, other, total, currency=currency, at=site.clock.now())
        paid: dict[str, Any] = {"status": "paid", "amount_paid": 900}
        partly: dict[str, Any] = {"status": "partially_paid", "amount_paid": 300, "amount_reserved": 100}
        for number, (scope, columns) in enumerate(
            ((site.scope, paid), (other, {"status": "void"}), (site.scope, partly))
        ):
            customers.insert_invoice(
                session,
                scope,
                at=site.clock.now(),
                total=900,
                currency="USD",
                number=f"B-{number}",
                description="",
                issued_on=TODAY,
                due_on=TODAY,
                **columns,
            )
    return other


def test_choice_says_what_each_account_has_to_pay_by_currency(site):
    other = owing(site)
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    page = Page(path, browser.post(path, status=422))

    first, second = page.texts("label")
    assert first.endswith("Owner1 invoice, $5.00 due")
    assert second == "NorthlightViewer1 invoice, €45.00 due · 2 invoices, $120.00 due"
    browser.submit(page, "Sign in", account=site.scope.customer_id)
    assert "2 invoices, $120.00 due" in browser.get("/acme/accounts").texts("label")[1]
    assert other.customer_id in browser.get("/acme/accounts").html


def test_number_of_statements_of_the_choice_does_not_grow_with_accounts(site):
    counts = []
    for number in range(2):
        for each in range(1 + 4 * number):
            with site.services.database.unit_of_work() as session:
                scope = customers.add_customer(
                    session, site.scope.merchant_id, ADDRESS, at=site.clock.now(), name=f"A{number}{each}"
                )
                customers.add_invoice(session, scope, at=site.clock.now())
        browser = signed_in_to(site, site.scope)
        with counted_statements(site.services.database) as statements:
            browser.get("/acme/accounts")
        counts.append(len(statements))
        site.clock.advance(minutes=2)

    assert counts[0] == counts[1]


def test_account_is_offered_once_to_whoever_has_its_own_address_too(site):
    insert_person(site, ADDRESS, "viewer")

    browser = site.signed_in()

    browser.get("/acme/people")
    assert open_account(site) == (site.scope.customer_id, None)


def test_switch_opens_the_other_account_and_ends_the_session_before(site):
    other = site.add_customer("northlight@coop.example", name="Northlight")
    person_id = insert_person(site, ADDRESS, "payer", other)
    browser = signed_in_to(site, site.scope)
    before = site.rows(SignInSession)[0]
    site.clock.advance(hours=2)

    page = browser.get("/acme/")
    page = browser.submit(browser.get(page.link("Switch account")), "Open this account", account=other.customer_id)

    assert "Northlight" in page.text
    assert open_account(site) == (other.customer_id, person_id)
    first, second = site.rows(SignInSession)
    assert (first.id, first.revoked_at) == (before.id, site.clock.now())
    assert (second.expires_at, second.confirmed_at) == (before.expires_at, None)
    assert second.token_digest != first.token_digest


def test_switching_to_and_fro_does_not_lengthen_a_session(site):
    other = site.add_customer(ADDRESS)
    browser = signed_in_to(site, site.scope)
    for _ in range(3):
        site.clock.advance(hours=20)
        switch(browser, other.customer_id)
        site.clock.advance(hours=3)
        switch(browser, site.scope.customer_id)

    assert {row.expires_at - site.rows(SignInSession)[0].created_at for row in site.rows(SignInSession)} == {
        timedelta(days=site.services.settings.session_days)
    }


def test_account_of_another_mailbox_cannot_be_opened(site):
    site.add_customer(ADDRESS)
    browser = signed_in_to(site, site.scope)
    strangers = site.add_customer("sami@strange.example")
    insert_person(site, "sami@strange.example", "owner", site.other)
    twins = site.add_customer("maya@lindqvi\u017ft.example")  # Equal under the key of addresses, and another mailbox.

    for account in (strangers.customer_id, twins.customer_id, site.other.customer_id, "cus_x", ""):
        switch(browser, account, status=404)
    assert open_account(site)[0] == site.scope.customer_id


def test_session_that_proved_an_address_switches_no_more_once_the_account_has_another(site):
    other = site.add_customer(ADDRESS)
    browser = signed_in_to(site, site.scope)
    thief = site.add_customer("new@studio.example")
    site.change_customer(site.scope, email="new@studio.example", email_key="new@studio.example")

    for account in (other, thief):
        switch(browser, account.customer_id, status=404)
    assert "There is no other account here" in browser.get("/acme/accounts").text


def test_account_that_got_another_address_meanwhile_cannot_be_opened(site):
    other = site.add_customer(ADDRESS)
    browser = signed_in_to(site, site.scope)
    site.change_customer(other, email="new@studio.example", email_key="new@studio.example")

    switch(browser, other.customer_id, status=404)


def test_removed_person_switches_neither_to_nor_from_the_account(site):
    other = site.add_customer("northlight@coop.example")
    person_id = insert_person(site, ADDRESS, "owner", other)
    here = signed_in_to(site, site.scope)
    site.clock.advance(minutes=2)
    there = signed_in_to(site, other)
    remove(site, person_id, other)

    switch(here, other.customer_id, status=404)
    page = there.client.post(
        "/acme/accounts", data={"account": site.scope.customer_id}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert page.headers["Location"].startswith("/acme/sign-in")


def test_session_that_the_merchant_made_proved_no_mailbox_and_switches_nowhere(site):
    other = site.add_customer(ADDRESS)
    with site.services.database.unit_of_work() as session:
        minted = create_portal_session(session, site.services.settings, site.scope, actor=OPERATOR, at=site.clock.now())
    browser = site.browser()
    browser.post(f"/acme{minted.path}")

    assert "Switch account" not in browser.get("/acme/").text
    switch(browser, other.customer_id, status=404)


def test_switched_session_switches_back(site):
    other = site.add_customer("northlight@coop.example")
    insert_person(site, ADDRESS, "viewer", other)
    browser = signed_in_to(site, site.scope)

    switch(browser, other.customer_id)
    switch(browser, site.scope.customer_id)

    assert open_account(site) == (site.scope.customer_id, None)


def test_person_of_two_accounts_switches_between_them(site):
    other = site.add_customer("northlight@coop.example")
    insert_person(site, JONAS)
    second = insert_person(site, JONAS, "payer", other)
    browser = signed_in_to(site, site.scope, JONAS)

    switch(browser, other.customer_id)

    assert open_account(site) == (other.customer_id, second)


def test_one_account_is_no_choice(site):
    insert_person(site, JONAS)

    assert "Switch account" not in person_signed_in(site, JONAS).get("/acme/").text
