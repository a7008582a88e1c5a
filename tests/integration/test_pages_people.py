"""The page of an account's persons, and what each role sees of the others' pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.events.models import EventRecord
from portal.events.operations import record
from portal.events.rules import Event, EventType, customer_actor, gateway_actor
from portal.invoices.models import Promise
from portal.people.models import Person
from portal.services import Services
from portal.sign_in.models import SignInSession
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_checks import text_of
from tests.support.page_client import Page, PageClient


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services, name="Maya Lindqvist", email="maya@lindqvist.example")


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    """Maya's browser, in which a fresh code was entered."""
    return fresh(account, account.sign_in(app))


def fresh(account: Account, pages: PageClient) -> PageClient:
    with account.database.unit_of_work() as session:
        session.execute(
            sa.update(SignInSession)
            .where(SignInSession.merchant_id == account.scope.merchant_id)
            .values(confirmed_at=account.now)
        )
    return pages


def listed(page: Page) -> list[str]:
    return [text_of(each) for each in page.all("li") if "thing" in str([child.get("class") for child in each])]


def stored(account: Account) -> list[Person]:
    with account.database.unit_of_work() as session:
        rows = session.execute(sa.select(Person).where(Person.customer_id == account.scope.customer_id)).scalars()
        return list(rows)


def events(account: Account, kind: str) -> list[EventRecord]:
    with account.database.unit_of_work() as session:
        return list(session.execute(sa.select(EventRecord).where(EventRecord.type == kind)).scalars())


# --- the page ---


def test_page_names_each_person_its_role_and_where_it_stands(account: Account, pages: PageClient) -> None:
    account.person(
        "payer",
        "jonas@weber.example",
        name="Jonas Weber",
        signed_in_at=account.now,
        created_at=account.now - timedelta(days=1),
    )
    account.person("viewer", "sam@lindqvist.example", has_joined=False)

    own, jonas, sam = listed(pages.get("/acme/people"))

    assert own == "Maya Lindqvistmaya@lindqvist.example · YouOwner"
    assert jonas.startswith("Jonas Weberjonas@weber.example · Last signed in Mar 19, 2026Payer")
    assert sam.startswith("sam@lindqvist.exampleInvited Mar 19, 2026, not answered yetViewer Send again")


def test_nothing_is_changed_before_a_fresh_code(app: Flask, account: Account) -> None:
    person = account.person()
    pages = account.sign_in(app)

    page = pages.get("/acme/people")
    assert page.form("Send me a code").fields["next"] == ["/people"]
    assert [each for each in page.texts("button") if each in ("Send invitation", "Change role")] == []
    for path in ("", f"/{person}/role", f"/{person}/removal", f"/{person}/invitation"):
        answer = pages.post(f"/acme/people{path}", {"email": "jonas@weber.example", "role": "owner"})
        assert answer.headers["Location"] == "/acme/security/confirm?next=/people"

    (row,) = stored(account)
    assert (row.id, row.role, row.removed_at) == (person, "viewer", None)


def test_address_is_invited_with_a_role_and_a_name(account: Account, pages: PageClient) -> None:
    page = pages.get("/acme/people")

    done = pages.submit(
        page, "Send invitation", email=" Jonas@Weber.example ", name="Jonas  <b>Weber</b>", role="payer"
    )

    assert "The invitation is on its way." in done.text
    (row,) = stored(account)
    assert (row.email, row.name, row.role, row.joined_at) == (
        "Jonas@weber.example",
        "Jonas <b>Weber</b>",
        "payer",
        None,
    )
    assert "Jonas &lt;b&gt;Weber&lt;/b&gt;" in done.html
    (event,) = events(account, "person.invited")
    assert (event.actor_id, event.actor_person, event.object_id) == (account.scope.customer_id, None, row.id)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"email": ""}, "Enter an email address."),
        ({"email": "jonas@"}, "This is not an email address."),
        ({"email": "MAYA@lindqvist.example"}, "This is the account’s own address."),
        ({"email": "sam@lindqvist.example"}, "This address is on the list already."),
        ({"role": "admin"}, "Choose a role."),
        ({"name": "W" * 121}, "This name is too long"),
        ({"email": "4242 4242 4242 4242"}, "card number"),
    ],
)
def test_fault_stands_at_its_field_and_what_was_typed_is_kept(
    account: Account, pages: PageClient, typed: dict[str, str], sentence: str
) -> None:
    account.person("viewer", "sam@lindqvist.example")
    page = pages.get("/acme/people")

    answer = pages.submit(
        page,
        "Send invitation",
        status=422,
        **{"email": "jonas@weber.example", "name": "Jonas", "role": "payer", **typed},
    )

    assert sentence in answer.text
    assert len(stored(account)) == 1
    if "card" not in sentence:
        assert answer.form("Send invitation").fields["name"] == [typed.get("name", "Jonas")]


def test_role_is_changed_and_counts_from_the_next_request(app: Flask, account: Account, pages: PageClient) -> None:
    person = account.person("owner", name="Jonas Weber")
    jonas = account.sign_in(app, person)
    jonas.get("/acme/people")

    done = pages.submit(pages.get("/acme/people"), action=f"/people/{person}/role", role="viewer")

    assert "The role was changed." in done.text
    jonas.get("/acme/people", status=403)
    (event,) = events(account, "person.updated")
    assert (event.data["previous"], event.data["object"]["role"]) == ({"role": "owner"}, "viewer")


def test_person_is_removed_and_out_at_once(app: Flask, account: Account, pages: PageClient) -> None:
    person = account.person("payer", name="Jonas Weber")
    jonas = account.sign_in(app, person)

    done = pages.submit(pages.get("/acme/people"), action=f"/people/{person}/removal")

    assert "That person was removed, and signed out everywhere." in done.text
    assert len(listed(done)) == 1
    assert jonas.client.get("/acme/payments").headers["Location"].startswith("/acme/sign-in")


def test_invitation_is_sent_again_and_withdrawn(account: Account, pages: PageClient) -> None:
    person = account.person(has_joined=False)

    page = pages.submit(pages.get("/acme/people"), action=f"/people/{person}/invitation")
    assert "The invitation is on its way." in page.text
    done = pages.submit(page, action=f"/people/{person}/removal")

    assert "The invitation was withdrawn." in done.text
    pages.post(f"/acme/people/{person}/removal", status=404)


def test_owner_changes_and_removes_neither_itself_nor_the_accounts_own_address(app: Flask, account: Account) -> None:
    person = account.person("owner", name="Jonas Weber")
    jonas = fresh(account, account.sign_in(app, person))

    own, his = listed(jonas.get("/acme/people"))

    assert own == "Maya Lindqvistmaya@lindqvist.example · The account’s own addressOwner"
    assert his.endswith("· YouOwner")
    for act in ("role", "removal", "invitation"):
        jonas.post(f"/acme/people/{person}/{act}", {"role": "viewer"}, status=404)
        jonas.post(f"/acme/people/{account.scope.customer_id}/{act}", {"role": "viewer"}, status=404)


def test_merchant_closes_the_page(account: Account, pages: PageClient) -> None:
    with account.database.unit_of_work() as session:
        change_settings(
            session, account.scope.merchant_id, {"pages": {"people": False}}, actor=OPERATOR, at=account.now
        )

    assert "People" not in [text_of(each) for each in pages.get("/acme/").all("a")]
    pages.get("/acme/people", status=404)
    pages.post("/acme/people", {"email": "jonas@weber.example", "role": "owner"}, status=404)


# --- what each role sees ---


@pytest.fixture
def full(account: Account) -> Account:
    """An account with something of everything that can be acted on."""
    with account.database.unit_of_work() as session:
        settings = {"promises": {"days": 30}}
        change_settings(session, account.scope.merchant_id, settings, actor=OPERATOR, at=account.now)
    account.method(is_default=True)
    account.method()
    return account


def acts(app: Flask, account: Account, person: str | None) -> Iterator[tuple[str, str]]:
    """Where the forms and links of the pages lead to act, as a person sees them."""
    invoice, other = account.invoice(), account.invoice(due_in_days=-3)
    failed = account.payment("failed", pays={other: 5000}, failure_code="card_declined")
    waiting = account.payment("requires_action", pays={invoice: 5000}, action_url="http://localhost:9/act")
    pages = account.sign_in(app, person)
    for path in (
        "/", "/invoices", f"/invoices/{invoice}", f"/invoices/{other}", "/payments", f"/payments/{failed}",
        f"/payments/{waiting}", "/payment-methods", "/details", "/security",
    ):  # fmt: skip
        page = pages.get(f"/acme{path}")
        for element in page.all("main")[0].iter():
            target = str(element.get("action") or element.get("href") or "")
            yield re.sub(r"_\w{22}", "", path), target


def needing(found: Iterator[tuple[str, str]], *parts: str) -> set[tuple[str, str]]:
    return {(path, target) for path, target in found if any(part in target for part in parts)}


PAYING = ("/checkout", "/payment-methods/new", "/default", "/removal", "localhost:9", "/transfer")
MANAGING = ("/details/email", "/details/later", "/promise", "/people", "/notices")


def test_viewer_is_shown_no_act_that_it_may_not_do(app: Flask, full: Account) -> None:
    person = full.person("viewer")

    found = list(acts(app, full, person))

    assert needing(iter(found), *PAYING, *MANAGING) == set()
    assert ("/details", "/acme/details") not in found


def test_payer_is_shown_what_pays_and_nothing_that_manages(app: Flask, full: Account) -> None:
    person = full.person("payer")

    found = list(acts(app, full, person))

    assert {part for part in PAYING[:4] for path, target in found if part in target} == set(PAYING[:4])
    assert needing(iter(found), *MANAGING) == set()


def test_owner_is_shown_what_the_account_itself_is_shown(app: Flask, full: Account) -> None:
    person = full.person("owner")

    hers = needing(acts(app, full, None), *PAYING, *MANAGING)
    his = needing(acts(app, full, person), *PAYING, *MANAGING)

    assert {path for path, _ in his} == {path for path, _ in hers} != set()


def test_pages_call_a_person_by_its_own_name_and_the_account_by_its(app: Flask, account: Account) -> None:
    pages = account.sign_in(app, account.person(name="Jonas Weber"))

    page = pages.get("/acme/")

    assert page.headline == "Hello, Jonas"
    assert "Jonas WeberMaya Lindqvist" in page.text


# --- what happened ---


def test_what_a_person_does_is_recorded_under_its_name(app: Flask, account: Account, pages: PageClient) -> None:
    owner = account.person("owner", name="Jonas Weber")
    jonas = account.sign_in(app, owner)
    form = jonas.get("/acme/details")
    jonas.submit(form, "Save details", name="Maya L.")

    (event,) = [each for each in events(account, "customer.updated") if each.actor_type == "customer"]
    assert (event.actor_id, event.actor_person) == (account.scope.customer_id, owner)
    hers, his = pages.get("/acme/security").text, jonas.get("/acme/security").text
    assert "Jonas Weber changed your details: name" in hers
    assert "Jonas Weber signed in" in hers
    assert "You changed your details: name" in his


def test_payment_that_a_person_made_says_so(app: Flask, account: Account, pages: PageClient) -> None:
    payer = account.person("payer", name="Jonas Weber")
    payment, other = account.payment("processing"), account.payment("processing")
    with account.database.unit_of_work() as session:
        for payment_id, person in ((payment, payer), (other, None)):
            for kind, actor in (
                (EventType.PAYMENT_PROCESSING, customer_actor(account.scope.customer_id, person=person)),
                (EventType.PAYMENT_COMPLETE, gateway_actor("sandbox")),
            ):
                event = Event(
                    type=kind, merchant_id=account.scope.merchant_id, object_id=payment_id, at=account.now,
                    customer_id=account.scope.customer_id, object={"amount": 5000, "currency": "USD"},
                )  # fmt: skip
                record(session, actor, event)

    words = [text_of(each) for each in pages.get("/acme/security").all("li") if "arrived" in text_of(each)]

    assert sorted("Jonas Weber" in each for each in words) == [False, True]


def test_viewer_reads_nothing_of_when_others_signed_in(app: Flask, account: Account, pages: PageClient) -> None:
    account.other_session()
    viewer = account.sign_in(app, account.person("viewer", name="Jonas Weber"))

    text = viewer.get("/acme/security").text

    assert "You signed in with a link" in text
    assert "Maya Lindqvist signed in" not in text
    assert "You signed in with a code" not in text


def test_promise_of_a_payer_is_refused_and_changes_nothing(app: Flask, full: Account) -> None:
    invoice = full.invoice()
    payer = full.sign_in(app, full.person("payer"))

    payer.post(f"/acme/invoices/{invoice}/promise", {"pay_on": "2026-03-25"}, status=403)

    with full.database.unit_of_work() as session:
        assert session.execute(sa.select(Promise)).scalars().all() == []
