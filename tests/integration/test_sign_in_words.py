"""Words at the door: what happened, where it leads, and to whom it was sent."""

from __future__ import annotations

import pytest

from portal.public_ids import new_id
from portal.sign_in.operations import create_portal_session
from tests.support.actors import OPERATOR
from tests.support.site import ADDRESS, path_of

MASKED = "m•••@lindqvist.example"


def test_signing_out_says_so(site):
    browser = site.signed_in()

    page = browser.submit(browser.get("/acme/"), action="/sign-out")

    assert page.headline == "Sign in"
    assert "You are signed out." in page.text
    assert "signed out" not in site.browser().get("/acme/sign-in").text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/invoices/{invoice}", "your invoice"), ("/invoices?status=overdue", "your invoices"),
        ("/payments", "your payments"), ("/payment-methods/new", "your payment methods"), ("/checkout", "the checkout"),
    ],
)  # fmt: skip
def test_deep_link_says_where_it_leads_at_each_step(site, path, words):
    browser = site.browser()
    target = path.format(invoice=new_id("inv", site.clock.now()))

    page = browser.follow(f"/acme{target}")
    assert f"Sign in to continue to {words}." in page.text
    page = browser.submit(page, "Send link and code", email=ADDRESS)
    assert f"You then continue to {words}." in page.text

    (caught,) = site.deliver()
    assert f"continue to {words}." in browser.get(path_of(caught)).text


def test_way_to_the_overview_needs_no_words(site):
    assert "continue to" not in site.browser().follow("/acme/").text


def test_address_is_shown_in_full_where_it_was_typed_and_masked_elsewhere(site):
    here, elsewhere = site.browser(), site.browser()
    typed = "Maya@Lindqvist.example"

    page = here.submit(here.get("/acme/sign-in"), "Send link and code", email=typed)
    (caught,) = site.deliver()

    assert typed in page.text
    assert typed in here.get(path_of(caught)).text
    other = elsewhere.get(path_of(caught))
    assert ADDRESS not in other.text.lower() and "M•••@Lindqvist.example" in other.text
    site.clock.advance(minutes=11)
    assert typed in here.get(path_of(caught), status=410).text
    expired = elsewhere.get(path_of(caught), status=410)
    assert ADDRESS not in expired.text.lower()
    elsewhere.submit(expired, action="/fresh")
    assert ADDRESS not in elsewhere.get("/acme/sign-in/code").text.lower()


def test_address_typed_for_something_else_is_not_shown_in_full(site):
    browser = site.browser()
    site.request_sign_in(browser)
    browser.client.set_cookie("portal_address_acme", "am9uYXNAYmVyZy5leGFtcGxl")  # jonas@berg.example

    assert MASKED in browser.get("/acme/sign-in/code").text


@pytest.mark.parametrize("value", ["", "%", "_w", "é", "A" * 600, '"><script>'])
def test_cookie_of_the_address_that_nobody_set_is_no_fault(site, value):
    browser = site.browser()
    site.request_sign_in(browser)
    browser.client.set_cookie("portal_address_acme", value)

    assert MASKED in browser.get("/acme/sign-in/code").text


def test_address_is_forgotten_with_the_sign_in(site):
    browser = site.browser()
    site.request_sign_in(browser)
    cookie = browser.client.get_cookie("portal_address_acme")
    assert cookie.http_only and cookie.max_age == 3600 and cookie.same_site == "Lax"

    browser.post(path_of(site.deliver()[0]))

    assert browser.client.get_cookie("portal_address_acme") is None


def test_customer_without_a_name_is_greeted_by_the_address(site):
    nameless = site.add_customer("jonas@berg.example", name=None)
    browser = site.browser()
    caught = site.request_mail(browser, "jonas@berg.example")
    assert "jonas@berg.example" in browser.get(path_of(caught)).text
    browser.post(path_of(caught))
    assert "jonas@berg.example" in browser.get("/acme/").text

    with site.services.database.unit_of_work() as session:
        minted = create_portal_session(session, site.services.settings, nameless, at=site.clock.now(), actor=OPERATOR)
    page = site.browser().get(f"/acme{minted.path}")

    # Whoever opens this address has not proved the mailbox yet.
    assert "You sign in as j•••@berg.example and continue" in page.text


def test_accounts_without_names_are_told_apart_by_what_there_is(site):
    site.add_customer(ADDRESS, name=None)
    browser = site.browser()

    choice = browser.post(path_of(site.request_mail(browser)), status=422).get_data(as_text=True)

    assert f"<bdi>{ADDRESS}</bdi>" in choice
    assert "cus_" not in choice.replace('value="cus_', "")
