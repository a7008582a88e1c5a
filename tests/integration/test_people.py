"""Persons of an account: invited by a mail that signs nobody in, signed in by their own mailbox, out at once when they are removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.errors import NotFound
from portal.events.models import EventRecord
from portal.events.rules import customer_actor
from portal.people.errors import InvitationRefused, TooManyPeopleInvited
from portal.people.models import Person
from portal.people.rules import (
    INVITATIONS_PER_DAY,
    INVITATIONS_TO_ADDRESS_BY_ALL_PER_DAY,
    INVITATIONS_TO_ADDRESS_PER_DAY,
    MAX_PEOPLE,
    Role,
)
from portal.sign_in.models import Challenge, Confirmation, SignInSession
from portal.sign_in.operations import block_customer, delete_customer
from portal.sign_in.operations.people import invite_again, invite_person
from tests.support.actors import OPERATOR
from tests.support.people import insert_person, person_signed_in, remove
from tests.support.site import ADDRESS, path_of

JONAS = "jonas@weber.example"
OWNER = customer_actor("cus_1")


def invite(site, address=JONAS, role=Role.VIEWER, scope=None, **details):
    scope = scope or site.scope
    return site.services.database.run(
        lambda session: invite_person(
            session, site.services.settings, scope, address, role, name=details.get("name"),
            actor=customer_actor(scope.customer_id), at=site.clock.now(),
        )
    )  # fmt: skip


def again(site, person_id):
    site.services.database.run(
        lambda session: invite_again(
            session, site.services.settings, site.scope, person_id, actor=OWNER, at=site.clock.now()
        )
    )


def person(site, person_id):
    (row,) = site.rows(Person, id=person_id)
    return row


def is_signed_in(browser):
    return browser.client.get("/acme/payments").status_code == 200


# --- invitations ---


def test_invitation_is_mailed_and_leads_to_its_page_which_signs_nobody_in(site):
    invite(site, role=Role.PAYER, name="Click http://evil.example now")

    (mail,) = site.deliver()

    assert mail.recipients == (JONAS,)
    assert str(mail.message["Subject"]) == "Invitation to an account at Acme"
    for body in (mail.text, mail.html):
        assert f"{ADDRESS} invited you to their account at Acme." in body
        assert "You can see and pay invoices." in body
        assert "evil" not in body
    page = site.browser().get(path_of(mail))
    assert page.form("Sign in").action == "/acme/sign-in"
    assert site.count(SignInSession) == 0


def test_invited_address_signs_in_by_its_own_mail_and_joins(site):
    person_id = invite(site, role=Role.PAYER)

    browser = person_signed_in(site, JONAS)

    assert is_signed_in(browser)
    assert person(site, person_id).joined_at == site.clock.now()
    (joined,) = site.rows(EventRecord, type="person.joined")
    assert (joined.object_id, joined.actor_type, joined.actor_id) == (person_id, "customer", site.scope.customer_id)
    assert joined.actor_person == person_id
    assert joined.data["object"] == {
        "id": person_id, "object": "person", "customer": site.scope.customer_id, "email": JONAS, "name": None, "role": "payer",
        "status": "joined", "invited_at": "2026-03-19T10:42:00Z", "joined_at": "2026-03-19T10:42:00Z",
    }  # fmt: skip
    assert {entry.actor_person for entry in site.rows(AuditEntry, action="portal.signed_in")} == {person_id}


def test_person_joins_once_however_often_it_signs_in(site):
    insert_person(site, JONAS)

    person_signed_in(site, JONAS)
    site.clock.advance(hours=2)
    person_signed_in(site, JONAS)

    assert site.count(EventRecord, type="person.joined") == 1


def test_invitation_ends_after_seven_days_and_lives_again_when_it_is_sent_again(site):
    person_id = invite(site)
    site.deliver()
    site.clock.advance(days=7)

    site.request_sign_in(site.browser(), JONAS)
    assert site.deliver() == []
    again(site, person_id)
    site.clock.advance(minutes=2)

    assert is_signed_in(person_signed_in(site, JONAS))
    site.clock.advance(days=30)
    assert is_signed_in(person_signed_in(site, JONAS))


def test_invitation_that_ended_is_not_mailed_late(site):
    invite(site)
    site.clock.advance(days=7)

    assert site.deliver() == []


def test_withdrawn_invitation_is_worth_nothing_whatever_was_mailed_before(site):
    person_id = invite(site)
    browser = site.browser()
    mail = site.request_mail(browser, JONAS)
    remove(site, person_id)

    browser.post(path_of(mail), status=410)
    browser.post("/acme/sign-in/code", {"code": mail.code}, status=422)
    site.clock.advance(minutes=2)
    site.request_sign_in(browser, JONAS)

    assert site.deliver() == []
    assert site.count(SignInSession) == 0


def test_address_is_on_an_account_once(site):
    invite(site)

    for address, fault in ((JONAS, "known"), ("JONAS@weber.example", "known"), (ADDRESS, "own")):
        with pytest.raises(InvitationRefused) as refused:
            invite(site, address)
        assert refused.value.fault == fault
    removed = insert_person(site, "ingrid@moreau.example")
    remove(site, removed)
    assert invite(site, "ingrid@moreau.example") != removed


def test_account_has_fifty_persons_at_most(site):
    for number in range(MAX_PEOPLE):
        insert_person(site, f"p{number}@weber.example")

    with pytest.raises(InvitationRefused) as refused:
        invite(site)

    assert refused.value.fault == "too_many"


def test_account_sends_twenty_invitations_a_day_repeated_ones_included(site):
    ids = [invite(site, f"p{number}@weber.example") for number in range(INVITATIONS_PER_DAY - 1)]
    again(site, ids[0])

    with pytest.raises(TooManyPeopleInvited):
        invite(site)
    with pytest.raises(TooManyPeopleInvited):
        again(site, ids[1])
    assert site.count(Person) == INVITATIONS_PER_DAY - 1

    site.clock.advance(days=1)
    invite(site)


def test_account_sends_three_invitations_a_day_to_one_address_and_takes_nobody_elses(site):
    other = site.add_customer("northlight@coop.example")
    first = invite(site)
    for _ in range(INVITATIONS_TO_ADDRESS_PER_DAY - 1):
        again(site, first)

    with pytest.raises(TooManyPeopleInvited):
        again(site, first)
    remove(site, first)
    with pytest.raises(TooManyPeopleInvited):
        invite(site)
    invite(site, "other@weber.example")
    invite(site, scope=other)


def test_address_gets_twelve_invitations_a_day_from_all_accounts_together(site):
    for number in range(INVITATIONS_TO_ADDRESS_BY_ALL_PER_DAY):
        invite(site, scope=site.add_customer(f"owner{number}@lindqvist.example"))

    with pytest.raises(TooManyPeopleInvited):
        invite(site)

    site.clock.advance(days=1)
    invite(site)


def test_joined_person_is_not_invited_again_and_nobody_elses_is(site):
    joined = insert_person(site, JONAS, joined_at=site.clock.now())
    strangers = insert_person(site, "x@y.example", scope=site.other)

    for person_id in (joined, strangers, "per_x"):
        with pytest.raises(NotFound):
            again(site, person_id)


# --- removal ---


def test_removed_person_is_out_at_once_and_its_codes_with_it(site):
    person_id = insert_person(site, JONAS, "owner")
    browser = person_signed_in(site, JONAS)
    browser.post("/acme/security/confirm/code", {"next": "/people"})
    site.request_sign_in(site.browser(), JONAS)

    remove(site, person_id)

    assert not is_signed_in(browser)
    assert [row.revoked_at for row in site.rows(SignInSession, person_id=person_id)] == [site.clock.now()]
    assert [row.closed_at for row in site.rows(Confirmation)] == [site.clock.now()]
    assert all(row.used_at for row in site.rows(Challenge, person_id=person_id))
    assert site.deliver() == []
    ended = [entry.details["reason"] for entry in site.rows(AuditEntry, action="portal.session_ended")]
    assert ended == ["removed"]


def test_session_of_a_removed_person_is_none_whatever_its_row_says(site):
    person_id = insert_person(site, JONAS)
    browser = person_signed_in(site, JONAS)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(Person).where(Person.id == person_id).values(removed_at=site.clock.now()))

    assert not is_signed_in(browser)


def test_removal_of_one_person_leaves_the_others_and_the_account(site):
    first, _ = insert_person(site, JONAS), insert_person(site, "ingrid@moreau.example")
    owner, other = site.signed_in(), person_signed_in(site, "ingrid@moreau.example")

    remove(site, first)

    assert is_signed_in(owner)
    assert is_signed_in(other)


def test_sign_in_at_the_moment_of_the_removal_leaves_no_session(site):
    """Each time a click and a removal at once: whichever commits first, nobody is signed in after both."""
    for number in range(6):
        address = f"p{number}@weber.example"
        person_id, browser = insert_person(site, address), site.browser()
        path = path_of(site.request_mail(browser, address))
        with ThreadPoolExecutor(2) as pool:
            click = pool.submit(browser.client.post, path, headers={"Sec-Fetch-Site": "same-origin"})
            removal = pool.submit(remove, site, person_id)
            removal.result()
            assert click.result().status_code in (303, 410)

        assert not is_signed_in(browser)
        assert [row for row in site.rows(SignInSession, person_id=person_id) if row.revoked_at is None] == []
        site.clock.advance(minutes=2)


# --- sessions of one's own ---


def test_each_person_sees_and_ends_its_own_sessions_alone(site):
    insert_person(site, JONAS, "owner")
    maya, jonas = site.signed_in(), person_signed_in(site, JONAS)
    (of_maya,) = site.rows(SignInSession, person_id=None)

    assert of_maya.id not in jonas.get("/acme/security").html
    jonas.post(f"/acme/security/sessions/{of_maya.id}/end", status=404)
    jonas.post("/acme/security/sessions/end-others")
    assert is_signed_in(maya)
    maya.post("/acme/security/sessions/end-others")
    assert is_signed_in(jonas)


def test_fresh_code_goes_to_the_persons_own_address(site):
    insert_person(site, JONAS, "owner")
    jonas, maya = person_signed_in(site, JONAS), site.signed_in()

    maya.post("/acme/security/confirm/code", {"next": "/people"})
    (hers,) = site.deliver()
    site.clock.advance(minutes=2)
    jonas.post("/acme/security/confirm/code", {"next": "/people"})
    (his,) = site.deliver()

    assert (hers.recipients, his.recipients) == ((ADDRESS,), (JONAS,))
    jonas.post("/acme/security/confirm", {"code": hers.code, "next": "/people"}, status=422)
    page = jonas.get("/acme/security/confirm?next=/people")
    assert jonas.submit(page, "Confirm and continue", code=his.code).path == "/acme/people"
    # Hers is still good: nobody takes the other's code away by asking for one.
    maya.post("/acme/security/confirm", {"code": hers.code, "next": "/people"})


def test_new_device_is_mailed_to_the_person_whose_mailbox_signed_in(site):
    insert_person(site, JONAS)
    person_signed_in(site, JONAS)
    site.clock.advance(minutes=2)
    person_signed_in(site, JONAS)
    (notice,) = site.deliver()

    assert str(notice.message["Subject"]).startswith("New sign-in")
    assert notice.recipients == (JONAS,)


def test_browser_of_one_person_is_a_strangers_for_another(site):
    insert_person(site, JONAS)
    browser = person_signed_in(site, JONAS)
    site.signed_in()
    site.clock.advance(minutes=2)

    browser.post(path_of(site.request_mail(browser)))
    (notice,) = site.deliver()

    assert notice.recipients == (ADDRESS,)


# --- what an owner does for the account ---


def test_owner_changes_the_accounts_address_after_a_code_to_its_own(site):
    insert_person(site, JONAS, "owner")
    jonas = person_signed_in(site, JONAS)

    page = jonas.submit(jonas.get("/acme/details/email"), "Continue", email="books@studio.example")
    (own,) = site.deliver()
    page = jonas.submit(page, "Confirm and continue", code=own.code)
    site.clock.advance(minutes=1)
    (proof,) = site.deliver()
    jonas.submit(page, "Confirm address", code=proof.code)

    assert (own.recipients, proof.recipients) == ((JONAS,), ("books@studio.example",))
    (changed,) = site.rows(EventRecord, type="customer.email_changed")
    assert changed.actor_person == person_of(site, JONAS)
    (notice,) = site.deliver()
    assert notice.recipients == (ADDRESS,)
    assert is_signed_in(jonas)


def person_of(site, address):
    (row,) = site.rows(Person, email=address)
    return row.id


@pytest.mark.parametrize("end", [block_customer, delete_customer])
def test_persons_of_an_account_that_is_closed_are_out_and_do_not_come_back(site, end):
    insert_person(site, JONAS)
    jonas = person_signed_in(site, JONAS)
    with site.services.database.unit_of_work() as session:
        end(session, site.scope, actor=OPERATOR, at=site.clock.now())

    assert not is_signed_in(jonas)
    site.clock.advance(minutes=2)
    site.request_sign_in(site.browser(), JONAS)
    assert [mail for mail in site.deliver() if mail.recipients == (JONAS,)] == []
