"""A new mail address: counts only once proved, after a fresh code from the old one, never takes anybody over, and is undone from the old one."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.customers.operations import update_customer
from portal.customers.rules.profiles import CustomerDetails
from portal.events.rules import customer_actor
from portal.notices.models import NoticeCopy
from portal.outbox.models import OutboxMessage
from portal.people.models import Person
from portal.people.operations import change_role
from portal.people.rules import Role
from portal.privacy.jobs import erase_customers
from portal.privacy.models import Erasure
from portal.privacy.operations.erasing import request_erasure
from portal.privacy.rules.erasures import WITHDRAWN_WITHIN
from portal.sign_in.models import Confirmation, EmailChange, Passkey, SignInSession
from tests.support.actors import OPERATOR, STAFF
from tests.support.authenticator import Authenticator, add_passkey, options_of
from tests.support.merchant_settings import change_settings
from tests.support.notices import insert_copy
from tests.support.page_client import Page, PageClient
from tests.support.people import insert_person, person_signed_in
from tests.support.site import ADDRESS, Site, path_of

NEW = "maya@studio.example"
WRONG = "BBBB-BBBB"


def write(browser: PageClient, address: str = NEW, *, status: int = 303) -> Page:
    return browser.submit(browser.get("/acme/details/email"), "Continue", email=address, status=status)


def to_the_code(site: Site, browser: PageClient, address: str = NEW, *, fresh: bool = True) -> tuple[Page, str]:
    """Write the address and, where it is asked for, enter a fresh code from the old one; return the page of the second code, and that code."""
    page = write(browser, address)
    if fresh:
        (own,) = [caught for caught in site.deliver() if "New sign-in" not in str(caught.message["Subject"])]
        assert own.recipients == (ADDRESS,)
        page = browser.submit(page, "Confirm and continue", code=own.code)
    site.clock.advance(minutes=1)
    (caught,) = site.deliver()
    assert caught.recipients == (address,)
    return page, caught.code


def stored(site: Site) -> tuple[str | None, str | None]:
    (maya,) = site.rows(Customer, merchant_id=site.scope.merchant_id, id=site.scope.customer_id)
    return maya.email, maya.email_pending


def test_new_address_counts_once_its_code_is_entered_and_a_mail_to_the_old_one_says_so(site):
    browser = site.signed_in()

    page, code = to_the_code(site, browser)
    assert stored(site) == (ADDRESS, NEW)
    assert "is not confirmed yet" in browser.get("/acme/details").text
    done = browser.submit(page, "Confirm address", code=code.lower().replace("-", " "))

    assert "Your new email address counts from now on." in done.text
    assert stored(site) == (NEW, None)
    (notice,) = site.deliver()
    assert notice.recipients == (ADDRESS,)
    assert "was changed" in notice.message["subject"]
    assert NEW not in notice.text
    assert "m•••@studio.example" in notice.text
    actions = [entry.action for entry in site.rows(AuditEntry) if entry.action.startswith("customer.email")]
    assert actions == ["customer.email_change_requested", "customer.email_changed"]


def test_old_address_signs_in_no_more_and_the_new_one_does(site):
    browser = site.signed_in()
    site.clock.advance(minutes=11)
    before = site.browser()
    mailed = site.request_mail(before)
    page, code = to_the_code(site, browser)
    browser.submit(page, "Confirm address", code=code)
    site.deliver()

    assert "/sign-in" in before.follow(path_of(mailed)).path
    before.post(path_of(mailed), status=410)
    site.clock.advance(minutes=11)
    fresh = site.browser()
    assert site.request_mail(fresh, NEW).recipients == (NEW,)
    site.request_sign_in(site.browser(), ADDRESS)
    assert site.deliver() == []


def test_nothing_is_at_rest_that_proves_an_address(site):
    browser = site.signed_in()
    _, code = to_the_code(site, browser)

    rows = [*site.rows(Confirmation), *site.rows(OutboxMessage), *site.rows(AuditEntry)]

    assert not any(code.replace("-", "") in str(vars(row)) for row in rows)
    assert not any(NEW in str(vars(row)) for row in site.rows(OutboxMessage))


def test_code_is_good_only_in_the_session_that_asked(site):
    browser = site.signed_in()
    site.clock.advance(minutes=11)
    other = site.signed_in()
    _, code = to_the_code(site, browser)

    page = other.submit(other.get("/acme/details/email"), "Send the code", status=303)

    assert stored(site) == (ADDRESS, NEW)
    assert page.path.startswith("/acme/security/confirm")
    other.post("/acme/details/email/code", {"code": code}, status=422)
    assert stored(site) == (ADDRESS, NEW)


def test_wrong_codes_are_few_and_another_mail_brings_no_more_than_the_hour_allows(site):
    browser = site.signed_in()
    to_the_code(site, browser)
    for left in (4, 3, 2, 1):
        assert f"{left} attempt" in browser.post("/acme/details/email/code", {"code": WRONG}, status=422).get_data(
            as_text=True
        )
    locked = browser.post("/acme/details/email/code", {"code": WRONG}, status=422)
    assert "Too many wrong codes" in locked.get_data(as_text=True)

    tried = 5
    while tried < 40:
        site.clock.advance(minutes=1)
        answer = browser.client.post("/acme/details/email/again", headers={"Sec-Fetch-Site": "same-origin"})
        mails = site.deliver()
        if answer.status_code == 429 or not mails:
            break
        for _ in range(5):
            if "attempt" in browser.post("/acme/details/email/code", {"code": WRONG}, status=422).get_data(
                as_text=True
            ):
                tried += 1

    assert tried <= 20
    assert stored(site) == (ADDRESS, NEW)


def test_right_code_after_its_time_or_entered_twice_changes_nothing(site):
    browser = site.signed_in()
    _, code = to_the_code(site, browser)
    site.clock.advance(minutes=11)
    assert "no longer works" in browser.post("/acme/details/email/code", {"code": code}, status=422).get_data(
        as_text=True
    )
    assert stored(site) == (ADDRESS, NEW)

    browser.submit(browser.get("/acme/details/email"), "Cancel the change")
    _, code = to_the_code(site, browser, fresh=False)
    browser.post("/acme/details/email/code", {"code": code})
    browser.post("/acme/details/email/code", {"code": code}, status=422)
    assert site.count(EmailChange) == 1


def test_code_entered_twice_at_once_changes_the_address_once(site):
    browser = site.signed_in()
    _, code = to_the_code(site, browser)
    cookie = browser.client.get_cookie("portal_acme")
    token = browser.get("/acme/details").form("Save details").fields["csrf_token"]

    def enter(_: int) -> int:
        client = site.app.test_client()
        client.set_cookie(cookie.key, cookie.value, domain="localhost")
        return int(client.post("/acme/details/email/code", data={"code": code, "csrf_token": token}).status_code)

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(enter, range(4)))

    assert answers == [303, 422, 422, 422]
    assert site.count(EmailChange) == 1


def test_address_of_somebody_else_is_answered_alike_and_takes_nobody_over(site):
    neighbour = site.add_customer("noor@haddad.example")
    browser = site.signed_in()
    page, code = to_the_code(site, browser, "noor@haddad.example")
    done = browser.submit(page, "Confirm address", code=code)

    assert "Your new email address counts" in done.text
    (hers,) = site.rows(Customer, merchant_id=neighbour.merchant_id, id=neighbour.customer_id)
    assert hers.email == "noor@haddad.example"
    site.deliver()
    chooser = site.browser()
    choice = chooser.post(path_of(site.request_mail(chooser, "noor@haddad.example")), status=422).get_data(as_text=True)
    assert all(scope.customer_id in choice for scope in (neighbour, site.scope))
    (entry,) = [entry for entry in site.rows(AuditEntry) if entry.action == "customer.email_changed"]
    assert entry.details["same_address"] == [neighbour.customer_id]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Fill this in."),
        ("maya", "This is not an email address"),
        ("Maya <maya@studio.example>", "This is not an email address"),
        (ADDRESS.upper(), "This is your address already."),
        ("4242 4242 4242 4242", "looks like a card number"),
    ],
)
def test_fault_stands_at_the_field_and_nothing_is_sent(site, typed, says):
    browser = site.signed_in()

    page = write(browser, typed, status=422)

    assert says in page.text
    assert site.deliver() == []
    assert stored(site) == (ADDRESS, None)


def test_change_is_given_up_and_its_code_is_worth_nothing(site):
    browser = site.signed_in()
    _, code = to_the_code(site, browser)

    browser.submit(browser.get("/acme/details/email"), "Cancel the change")

    assert stored(site) == (ADDRESS, None)
    browser.post("/acme/details/email/code", {"code": code}, status=422)
    assert stored(site) == (ADDRESS, None)


def test_address_that_the_merchant_sets_meanwhile_stays(site):
    browser = site.signed_in()
    _, code = to_the_code(site, browser)
    with site.services.database.unit_of_work() as session:
        details = CustomerDetails(email="maya@set.example")
        update_customer(
            session, site.scope.merchant_id, site.scope.customer_id, details, actor=STAFF, at=site.clock.now()
        )

    browser.post("/acme/details/email/code", {"code": code}, status=422)

    assert stored(site) == ("maya@set.example", None)


def test_who_has_used_up_the_mails_of_the_hour_notes_no_address_either(site):
    browser = site.signed_in()
    for number in range(12):
        browser.client.post(
            "/acme/details/email",
            data={"email": f"maya{number}@studio.example"},
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    assert stored(site) == (ADDRESS, "maya9@studio.example")
    requested = [entry for entry in site.rows(AuditEntry) if entry.action == "customer.email_change_requested"]
    assert len(requested) == 10


def test_two_requests_at_once_leave_one_code(site):
    browser = site.signed_in()
    cookie = browser.client.get_cookie("portal_acme")

    def request(number: int) -> int:
        client = site.app.test_client()
        client.set_cookie(cookie.key, cookie.value, domain="localhost")
        fields = {"email": f"maya{number}@studio.example"}
        answer = client.post("/acme/details/email", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        return int(answer.status_code)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(request, range(4))) == [303] * 4
    assert sum(row.closed_at is None for row in site.rows(Confirmation)) == 1


def test_fresh_code_is_asked_for_once_in_a_quarter_of_an_hour(site):
    browser = site.signed_in()
    to_the_code(site, browser)
    browser.submit(browser.get("/acme/details/email"), "Cancel the change")

    assert write(browser, "maya@third.example").headline == "Confirm your new email address"
    browser.submit(browser.get("/acme/details/email"), "Cancel the change")
    site.clock.advance(minutes=16)
    assert write(browser, "maya@fourth.example").headline == "Confirm that it is you"


def test_who_may_only_look_has_no_code_sent_to_the_address_that_waits(site):
    """Its own fresh code is right, but what waits is an owner's act: the owner's code would be worth nothing any more."""
    insert_person(site, "jonas@weber.example")
    owner = site.signed_in()
    _, code = to_the_code(site, owner)
    jonas = person_signed_in(site, "jonas@weber.example")
    jonas.post("/acme/security/confirm/code", {"next": "/details/email"})
    (own,) = [mail for mail in site.deliver() if mail.recipients == ("jonas@weber.example",)]

    jonas.post("/acme/security/confirm", {"code": own.code, "next": "/details/email"})

    site.clock.advance(minutes=1)
    assert [mail.recipients for mail in site.deliver() if mail.has_code] == []
    owner.submit(owner.get("/acme/details/email"), "Confirm address", code=code)
    assert stored(site) == (NEW, None)


# --- undoing ---


def changed(site: Site) -> tuple[PageClient, str]:
    """A changed address: the browser in which it was done, and the path at which it is undone."""
    browser = site.signed_in()
    page, code = to_the_code(site, browser)
    browser.submit(page, "Confirm address", code=code)
    (notice,) = site.deliver()
    return browser, path_of(notice)


def test_change_is_undone_from_the_old_address_and_everybody_is_signed_out(site):
    browser, path = changed(site)
    stranger = site.browser()

    page = stranger.submit(stranger.get(path), "Send the code")
    site.clock.advance(minutes=1)
    (caught,) = site.deliver()
    assert caught.recipients == (ADDRESS,)
    assert "Your email address was changed" in browser.get("/acme/security").text
    stranger.submit(page, "Undo the change", code=caught.code)

    assert "all devices were signed out" in stranger.get(path).text
    assert stored(site) == (ADDRESS, None)
    assert browser.follow("/acme/").path.startswith("/acme/sign-in")
    assert all(row.revoked_at for row in site.rows(SignInSession))
    assert "all devices were signed out" in site.browser().get(path).text
    stranger.post(path, {"code": caught.code}, status=410)


def test_undo_ends_the_copies_that_were_asked_for_since_the_change(site):
    insert_copy(site, "before@office.example")
    site.clock.advance(minutes=1)
    _, path = changed(site)
    site.clock.advance(minutes=1)
    insert_copy(site, "since@office.example")
    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))

    owner.submit(page, "Undo the change", code=caught.code)

    ended = {row.address: row.ended_at is not None for row in site.rows(NoticeCopy)}
    assert ended == {"before@office.example": False, "since@office.example": True}


def signed_in_by(site: Site, device: Authenticator) -> None:
    """The device's passkey signs in."""
    browser = site.browser()
    answer = device.get(options_of(browser.get("/acme/sign-in"), "/sign-in/passkey"))
    assert browser.post("/acme/sign-in/passkey", {"answer": answer}).status_code == 303


def test_undo_removes_the_passkeys_that_were_added_since_the_change(site):
    before, since = Authenticator(), Authenticator()
    add_passkey(site, before)
    site.clock.advance(minutes=16)
    browser, path = changed(site)
    site.clock.advance(minutes=1)
    add_passkey(site, since, browser)
    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))

    owner.submit(page, "Undo the change", code=caught.code)

    kept = {row.credential_id for row in site.rows(Passkey) if row.removed_at is None}
    assert kept == {before.credential_id}
    signed_in_by(site, before)


def test_passkey_goes_on_where_its_holder_changes_the_address(site):
    device = Authenticator()
    add_passkey(site, device)
    site.clock.advance(minutes=16)
    changed(site)

    signed_in_by(site, device)


def test_undo_removes_who_was_invited_or_given_another_role_since_the_change(site):
    """Whoever changed the address may not have been the customer, and neither may those whom they let in."""
    before, promoted = insert_person(site, "before@weber.example"), insert_person(site, "promoted@weber.example")
    site.clock.advance(minutes=1)
    _, path = changed(site)
    site.clock.advance(minutes=1)
    since = insert_person(site, "since@weber.example", "owner")
    with site.services.database.unit_of_work() as session:
        change_role(session, site.scope, promoted, Role.OWNER, actor=OPERATOR, at=site.clock.now())
    invited, owner = person_signed_in(site, "since@weber.example"), site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))

    owner.submit(page, "Undo the change", code=caught.code)

    removed = {row.id: row.removed_at is not None for row in site.rows(Person)}
    assert removed == {before: False, promoted: True, since: True}
    assert invited.follow("/acme/").path.startswith("/acme/sign-in")


def undone(site: Site, path: str) -> None:
    """Whoever has the address before undoes the change."""
    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))
    owner.submit(page, "Undo the change", code=caught.code)


def removed_people(site: Site) -> set[str]:
    return {row.email for row in site.rows(Person) if row.removed_at is not None}


def changed_in(site: Site, browser: PageClient) -> str:
    """Change the address in a browser that is signed in already; return the path at which that is undone."""
    site.deliver()
    page, code = to_the_code(site, browser)
    browser.submit(page, "Confirm address", code=code)
    return path_of(next(mail for mail in site.deliver() if "/undo/" in mail.text))


def test_undo_removes_who_was_let_in_earlier_in_the_session_that_changed_the_address(site):
    """Whoever took a session over may invite an owner first, and change the address then."""
    insert_person(site, "before@weber.example", "owner")
    site.clock.advance(minutes=1)
    browser, device = site.signed_in(), Authenticator()
    site.clock.advance(minutes=1)
    insert_person(site, "accomplice@weber.example", "owner")
    insert_copy(site, "copy@weber.example")
    add_passkey(site, device, browser)
    site.clock.advance(hours=1)

    undone(site, changed_in(site, browser))

    assert removed_people(site) == {"accomplice@weber.example"}
    assert all(row.removed_at for row in site.rows(Passkey))
    assert all(row.ended_at for row in site.rows(NoticeCopy))


def test_undo_reaches_back_72_hours_in_a_session_that_is_older(site):
    browser = site.signed_in()
    insert_person(site, "long-ago@weber.example", "owner")
    for _ in range(5):  # Used each day, so that it does not end.
        site.clock.advance(hours=16)
        browser.get("/acme/")
    insert_person(site, "yesterday@weber.example", "owner")
    site.clock.advance(hours=16)

    undone(site, changed_in(site, browser))

    assert removed_people(site) == {"yesterday@weber.example"}


def test_undo_reaches_behind_a_switch_of_accounts(site):
    """A session that was switched to began with the one before."""
    other, browser = site.add_customer(ADDRESS), site.browser()
    browser.post(path_of(site.request_mail(browser)), {"account": site.scope.customer_id})
    insert_person(site, "accomplice@weber.example", "owner")
    site.clock.advance(minutes=2)
    for account in (other, site.scope):
        browser.post("/acme/accounts", {"account": account.customer_id})

    undone(site, changed_in(site, browser))

    assert removed_people(site) == {"accomplice@weber.example"}


def test_undo_removes_the_owner_who_changed_the_address(site):
    """A person with that role, who would else change it again at once; another owner stays."""
    long_ago = site.clock.now() - timedelta(days=90)
    for address in ("acting@weber.example", "other@weber.example"):
        insert_person(site, address, "owner", joined_at=long_ago, created_at=long_ago, invited_at=long_ago)
    browser = person_signed_in(site, "acting@weber.example")
    site.deliver()
    asked = browser.post("/acme/details/email", {"email": NEW})
    (own,) = [caught for caught in site.deliver() if caught.has_code]
    page = browser.submit(browser.follow(asked.location), "Confirm and continue", code=own.code)
    site.clock.advance(minutes=1)
    code = next(caught.code for caught in site.deliver() if caught.recipients == (NEW,))
    browser.submit(page, "Confirm address", code=code)
    path = path_of(next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,) and "/undo/" in mail.text))

    undone(site, path)

    assert removed_people(site) == {"acting@weber.example"}
    assert browser.follow("/acme/").path.startswith("/acme/sign-in")


def test_undo_withdraws_the_erasure_that_was_requested_since_the_change(site):
    """Nobody mailed the owner about it: its mail went to the address of whoever changed it, and the account would be gone after 72 hours."""
    _, path = changed(site)
    site.clock.advance(minutes=1)
    request_erasure_of_own(site)
    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))

    owner.submit(page, "Undo the change", code=caught.code)

    assert site.rows(Erasure) == []
    assert site.count(AuditEntry, action="customer.erasure_withdrawn") == 1
    site.clock.advance(hours=73)
    erase_customers(site.services)
    assert stored(site) == (ADDRESS, None)


def test_undo_leaves_an_erasure_that_was_requested_before_the_change(site):
    request_erasure_of_own(site)
    site.clock.advance(minutes=1)
    _, path = changed(site)
    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    caught = next(mail for mail in site.deliver() if mail.recipients == (ADDRESS,))

    owner.submit(page, "Undo the change", code=caught.code)

    assert len(site.rows(Erasure)) == 1


def request_erasure_of_own(site: Site) -> None:
    scope = site.scope
    with site.services.database.unit_of_work() as session:
        request_erasure(
            session,
            scope,
            actor=customer_actor(scope.customer_id),
            at=site.clock.now(),
            withdrawn_within=WITHDRAWN_WITHIN,
        )


def test_link_alone_undoes_nothing(site):
    _, path = changed(site)

    for _ in range(3):
        site.browser().get(path)
    site.browser().post(path, {"code": WRONG}, status=422)

    assert stored(site) == (NEW, None)


def test_undo_ends_after_72_hours_and_when_the_address_moved_on(site):
    _, path = changed(site)
    site.clock.advance(hours=72)

    assert "can no longer be undone" in site.browser().get(path, status=410).text


def change_again(site: Site, browser: PageClient, address: str) -> None:
    """Change the address once more in the same session, in which no fresh code is asked for so soon."""
    page = write(browser, address)
    site.clock.advance(minutes=1)
    (caught,) = [mail for mail in site.deliver() if mail.recipients == (address,)]
    browser.submit(page, "Confirm address", code=caught.code)


def test_second_change_takes_the_undo_from_nobody(site):
    """Whoever took an account over would else change the address twice: the first address is the owner's."""
    browser, path = changed(site)
    change_again(site, browser, "third@studio.example")
    assert stored(site) == ("third@studio.example", None)

    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    (caught,) = [mail for mail in site.deliver() if mail.recipients == (ADDRESS,)]
    owner.submit(page, "Undo the change", code=caught.code)

    assert stored(site) == (ADDRESS, None)
    assert all(change.undone_at for change in site.rows(EmailChange))


def test_undo_has_budgets_that_nobody_who_is_signed_in_uses_up(site):
    browser, path = changed(site)
    token = browser.get("/acme/details").form("Save details").fields["csrf_token"]
    for _ in range(25):
        site.clock.advance(minutes=1)
        site.deliver()
        browser.client.post("/acme/security/confirm/code", data={"csrf_token": token, "next": "/"})
        site.clock.advance(minutes=1)
        site.deliver()
        browser.client.post("/acme/security/confirm", data={"csrf_token": token, "code": WRONG})

    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    (caught,) = [mail for mail in site.deliver() if mail.recipients == (ADDRESS,)]
    owner.submit(page, "Undo the change", code=caught.code)

    assert stored(site) == (ADDRESS, None)


def test_change_is_undone_where_the_merchant_has_closed_the_page_of_details_since(site):
    _, path = changed(site)
    with site.services.database.unit_of_work() as session:
        change_settings(
            session, site.scope.merchant_id, {"pages": {"details": "hidden"}}, actor=OPERATOR, at=site.clock.now()
        )

    owner = site.browser()
    page = owner.submit(owner.get(path), "Send the code")
    site.clock.advance(minutes=1)
    (caught,) = [mail for mail in site.deliver() if mail.recipients == (ADDRESS,)]
    owner.submit(page, "Undo the change", code=caught.code)

    assert stored(site) == (ADDRESS, None)


def test_undo_of_a_later_change_takes_the_code_from_nobody(site):
    browser, path = changed(site)
    change_again(site, browser, "third@studio.example")
    (later,) = [path_of(mail) for mail in site.deliver() if mail.recipients == (NEW,)]
    owner, thief = site.browser(), site.browser()
    ask = thief.get(later)
    page = owner.submit(owner.get(path), "Send the code")
    (caught,) = [mail for mail in site.deliver() if mail.recipients == (ADDRESS,)]

    assert thief.submit(ask, "Send the code", status=429).status == 429
    owner.submit(page, "Undo the change", code=caught.code)

    assert stored(site) == (ADDRESS, None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path[:-1],
        lambda path: path[:-1] + ("A" if path[-1] != "A" else "B"),
        lambda path: re.sub("/acme/", "/savane/", path),
    ],
)
def test_damaged_undo_links_are_gone(site, damage):
    _, path = changed(site)

    page = site.browser().get(damage(path), status=410)

    assert NEW not in page.text
    assert page.response.headers["Referrer-Policy"] == "same-origin"
