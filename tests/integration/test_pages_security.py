"""The account's security: the customer's own sessions and nobody else's, ended one by one or all but this one; what happened, in words."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.customers.operations import update_customer
from portal.customers.rules.profiles import CustomerDetails
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR, STAFF
from tests.support.page_checks import tag_of, text_of
from tests.support.page_client import Page, PageClient

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148"
    " Safari/604.1"
)


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def shown(page: Page) -> dict[str, str]:
    """What the page says of each session, by its id."""
    return {each.get("data-session", ""): text_of(each) for each in page.all("li") if each.get("data-session")}


def happened(page: Page) -> list[str]:
    (timeline,) = [each for each in page.all("ol") if each.get("class") == "timeline"]
    return [text_of(each) for each in timeline.iter() if tag_of(each) == "p"]


def test_each_session_says_where_it_is_and_this_one_that_it_is_this(account, pages):
    phone = account.other_session(IPHONE)

    sessions = shown(pages.get("/acme/security"))

    assert sessions.pop(phone).startswith("Safari, iOSNetwork 203.0.113.… · Last used Mar 19, 2026, 10:42")
    (this,) = sessions.values()
    assert this == "Unknown deviceNow This device"


def test_another_session_is_ended_and_this_one_goes_on(account, app, pages):
    other = account.sign_in(app)
    (session_id,) = [each for each, words in shown(pages.get("/acme/security")).items() if "This device" not in words]

    page = pages.get("/acme/security")
    done = pages.submit(page, action=f"/acme/security/sessions/{session_id}/end")

    assert "That device was signed out." in done.text
    assert session_id not in shown(done)
    assert other.follow("/acme/").path.startswith("/acme/sign-in")
    assert happened(done)[0] == "You signed out a device"


def test_all_others_are_ended_at_once(account, app, pages):
    others = [account.sign_in(app), account.sign_in(app)]

    done = pages.submit(pages.get("/acme/security"), "Sign out the 2 other devices")

    assert len(shown(done)) == 1
    for other in others:
        assert other.follow("/acme/").path.startswith("/acme/sign-in")


def test_session_of_somebody_else_is_not_there(account, pages, services):
    neighbour = make_account(services, merchant_id=account.scope.merchant_id)
    theirs = neighbour.other_session(IPHONE)
    token = pages.get("/acme/details").form("Save details").fields["csrf_token"]

    for session_id in (theirs, "ses_unknown", "x" * 300):
        pages.post(f"/acme/security/sessions/{session_id}/end", {"csrf_token": token}, status=404)

    assert theirs not in pages.get("/acme/security").html
    assert neighbour.sign_in(pages.client.application).get("/acme/security").text.count("Safari, iOS") > 0


def test_own_session_is_ended_as_signing_out_does(account, pages):
    (this,) = shown(pages.get("/acme/security"))
    token = pages.get("/acme/details").form("Save details").fields["csrf_token"]

    left = pages.post(f"/acme/security/sessions/{this}/end", {"csrf_token": token})

    assert left.headers["Location"].endswith("/acme/sign-in?signed_out")
    assert pages.follow("/acme/security").path.startswith("/acme/sign-in")


def test_what_happened_says_what_by_whom(account, pages, clock):
    pages.submit(pages.get("/acme/details"), "Save details", company_name="Mine")
    clock.advance(minutes=1)
    with account.database.unit_of_work() as session:
        details = CustomerDetails(phone="+12065550148", metadata={"plan": "gold"})
        update_customer(
            session, account.scope.merchant_id, account.scope.customer_id, details, actor=STAFF, at=account.now
        )
    clock.advance(minutes=1)
    with account.database.unit_of_work() as session:
        only_theirs = CustomerDetails(metadata={"plan": "silver"})
        update_customer(
            session, account.scope.merchant_id, account.scope.customer_id, only_theirs, actor=OPERATOR, at=account.now
        )

    page = pages.get("/acme/security")

    assert happened(page)[:3] == [
        "Acme changed your details: phone",
        "You changed your details: company",
        "You signed in with a link",
    ]
    assert "gold" not in page.text


def test_what_happened_is_paged_by_key(account, pages, clock):
    for number in range(45):
        clock.advance(minutes=1)
        with account.database.unit_of_work() as session:
            details = CustomerDetails(name=f"Maya {number}")
            update_customer(
                session, account.scope.merchant_id, account.scope.customer_id, details, actor=STAFF, at=account.now
            )

    page, seen = pages.get("/acme/security"), 0
    for _ in range(3):
        seen += len(happened(page))
        if "What happened before" not in page.texts("a"):
            break
        page = pages.get("/acme/security" + page.link("What happened before").removeprefix("/acme/security"))

    assert seen == 46
    assert pages.get("/acme/security?before=x").status == 200
