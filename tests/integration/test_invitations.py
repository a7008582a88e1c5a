"""The page of an invitation to an account: signs in by the usual mail, and declines without signing in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from urllib.parse import urlsplit

import pytest

from portal.audit.models import AuditEntry
from portal.events.models import EventRecord
from portal.events.rules import SYSTEM, customer_actor
from portal.people.models import Person
from portal.people.rules import Role
from portal.sign_in.models import SignInSession
from portal.sign_in.operations.people import decline_invitation, end_people_since, invite_person
from portal.sign_in.rules.tokens import invitation_token
from tests.support.people import insert_person, person_signed_in, remove
from tests.support.site import Site, path_of

JONAS = "jonas@weber.example"


def invite(site: Site) -> str:
    return site.services.database.run(
        lambda session: invite_person(
            session, site.services.settings, site.scope, JONAS, Role.VIEWER, name=None,
            actor=customer_actor(site.scope.customer_id), at=site.clock.now(),
        )
    )  # fmt: skip


def invited(site: Site) -> tuple[str, str]:
    """An invited person, and the path of the page that the mail leads to."""
    person_id = invite(site)
    (mail,) = [caught for caught in site.deliver() if caught.recipients == (JONAS,)]
    return person_id, urlsplit(mail.link).path


def test_invited_person_declines_without_signing_in_and_the_owner_sees_it(site: Site) -> None:
    person_id, path = invited(site)
    browser = site.browser()
    page = browser.get(path)
    assert "maya@lindqvist.example invited you" in page.text
    assert site.rows(Person)[0].removed_at is None

    page = browser.submit(page, "Decline the invitation")

    assert "You declined the invitation" in page.text
    assert "can no longer sign in" in browser.get(path).text
    person = site.rows(Person)[0]
    assert person.declined_at == person.removed_at == site.clock.now()
    (entry,) = site.rows(AuditEntry, action="person.removed")
    assert (entry.object_id, entry.actor_person, entry.details) == (person_id, person_id, {"reason": "declined"})
    (event,) = [row for row in site.rows(EventRecord) if row.type == "person.removed"]
    assert event.data["object"]["status"] == "declined"
    owner = site.signed_in()
    assert "Declined Mar 19" in owner.get("/acme/people").text
    assert f"{JONAS} declined the invitation" in owner.get("/acme/security").text


def test_declined_invitation_signs_nobody_in(site: Site) -> None:
    _, path = invited(site)
    browser = site.browser()
    challenge = site.request_mail(browser, JONAS)

    browser.post(path, {})

    browser.post(path_of(challenge), status=410)
    assert [row for row in site.rows(SignInSession) if row.person_id] == []
    site.request_sign_in(browser, JONAS)
    assert site.deliver() == []


def test_page_of_an_invitation_signs_in_by_the_usual_mail(site: Site) -> None:
    person_id, path = invited(site)
    browser = site.browser()

    browser.submit(browser.get(path), "Sign in")
    (mail,) = site.deliver()
    browser.post(path_of(mail))

    assert mail.recipients == (JONAS,)
    assert site.rows(Person, id=person_id)[0].joined_at is not None
    assert browser.follow(path).path == "/acme/"


def test_who_joined_declines_no_more(site: Site) -> None:
    person_id, path = invited(site)
    browser = person_signed_in(site, JONAS)

    site.browser().post(path, {})

    assert site.rows(Person, id=person_id)[0].removed_at is None
    browser.get("/acme/")


def test_only_the_link_of_this_very_invitation_declines_it(site: Site) -> None:
    _, path = invited(site)
    strangers = insert_person(site, JONAS, scope=site.other)
    site.clock.advance(minutes=1)
    token = invitation_token(site.services.settings.keys, site.other.merchant_id, strangers)

    for wrong in (path[:-1], f"{path}x", f"/acme/people/invitations/{token}", "/acme/people/invitations/x"):
        site.browser().get(wrong, status=410)
        site.browser().post(wrong, {}, status=410)

    assert all(row.removed_at is None for row in site.rows(Person))


def test_other_sites_decline_nothing(site: Site) -> None:
    person_id, path = invited(site)

    answer = site.app.test_client().post(
        path, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert site.rows(Person, id=person_id)[0].removed_at is None


def test_withdrawn_and_old_invitations_say_so(site: Site) -> None:
    person_id, path = invited(site)
    site.clock.advance(days=8)
    assert "too old" in site.browser().get(path, status=410).text
    remove(site, person_id)
    assert "withdrawn" in site.browser().get(path, status=410).text


def test_who_declined_can_be_invited_again(site: Site) -> None:
    _, path = invited(site)
    site.browser().post(path, {})
    site.clock.advance(minutes=1)

    invite(site)

    assert "Declined" not in site.signed_in().get("/acme/people").text


@pytest.mark.parametrize("text", ["a" * 3000, "a%5Cb", "%5C%5Cevil.example"])
def test_declining_what_is_no_link_is_answered_as_a_link_that_is_gone(site: Site, text: str) -> None:
    page = site.browser().post(f"/acme/people/invitations/{text}", status=410)

    assert "This link is no longer valid" in page.text


def test_invitation_declined_at_the_moment_of_an_undo_does_not_stop_the_undo(site: Site) -> None:
    person_id, at = invite(site), site.clock.now()
    other = insert_person(site, "ingrid@moreau.example")
    undo = partial(end_people_since, scope=site.scope, since=at, acting=(), actor=SYSTEM, at=at)

    with ThreadPoolExecutor(1) as pool:
        with site.services.database.unit_of_work() as session:
            decline_invitation(session, site.scope, person_id, request_id=None, at=at)
            session.flush()
            later = pool.submit(site.services.database.run, undo)
            Event().wait(0.5)
        later.result()

    assert [row.id for row in site.rows(Person) if row.removed_at is None] == []
    assert {row.id for row in site.rows(Person)} == {person_id, other}
