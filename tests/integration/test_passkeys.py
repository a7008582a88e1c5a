"""Passkeys: added after a fresh code, and a second way in; bound to one merchant, one host and one browser's challenge."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.customers.operations import update_customer
from portal.customers.rules.profiles import CustomerDetails
from portal.sign_in.models import Passkey, SignInSession, UsedChallenge
from portal.sign_in.operations.housekeeping import delete_old_rows
from portal.sign_in.rules.passkeys import FORGET_AFTER, MAX_PASSKEYS
from tests.support.actors import OPERATOR
from tests.support.authenticator import NEW, PRESENT, Authenticator, add_passkey, options_of
from tests.support.notices import with_fresh_code
from tests.support.page_client import Page, PageClient
from tests.support.people import insert_person, person_signed_in, remove
from tests.support.site import ADDRESS, Site


def sign_in(browser: PageClient, device: Authenticator, *, root: str = "/acme", status: int = 303, **said: Any) -> Any:
    options = options_of(browser.get(f"{root}/sign-in?next=/invoices"), "/sign-in/passkey")
    answer = device.get(options, **said)
    return browser.post(f"{root}/sign-in/passkey", {"answer": answer, "next": "/invoices"}, status=status)


def is_signed_in(browser: PageClient, root: str = "/acme") -> bool:
    return browser.client.get(f"{root}/invoices", headers={"Sec-Fetch-Site": "none"}).status_code == 200


# --- adding ---


def test_passkey_signs_in_where_its_target_leads(site: Site) -> None:
    device = Authenticator()
    add_passkey(site, device)
    browser = site.browser()

    answer = sign_in(browser, device)

    assert answer.location.endswith("/acme/invoices") and is_signed_in(browser)
    assert sorted(row.kind for row in site.rows(SignInSession)) == ["mail", "passkey"]
    assert "You signed in with a passkey" in browser.get("/acme/security").text
    (row,) = site.rows(Passkey)
    assert (row.host, row.last_used_at) == ("localhost", site.clock.now())


def test_fresh_code_comes_before_adding_and_removing(site: Site) -> None:
    pages, device = site.signed_in(), Authenticator()

    shown = pages.client.get(NEW, headers={"Sec-Fetch-Site": "none"})
    posted = pages.post(NEW, {"answer": "{}"})

    assert shown.location.endswith("/acme/security/confirm?next=/security/passkeys/new")
    assert posted.location == shown.location
    add_passkey(site, device, pages)
    (row,) = site.rows(Passkey)
    site.clock.advance(minutes=15)
    assert pages.post(f"/acme/security/passkeys/{row.id}/removal").location.endswith("confirm?next=/security")
    assert site.rows(Passkey)[0].removed_at is None


def test_both_acts_are_mailed_and_recorded_with_who_did_them(site: Site) -> None:
    device = Authenticator()
    pages = add_passkey(site, device)
    (added,) = [each for each in site.deliver() if "passkey" in str(each.message["Subject"])]
    (row,) = site.rows(Passkey)

    left = pages.submit(pages.get("/acme/security"), action=f"/passkeys/{row.id}/removal")

    (removed,) = [each for each in site.deliver() if "passkey" in str(each.message["Subject"])]
    assert (str(added.message["Subject"]), str(removed.message["Subject"])) == (
        "A passkey was added", "A passkey was removed",
    )  # fmt: skip
    assert "The passkey was removed" in left.text and not [each for each in left.all("li") if each.get("data-passkey")]
    entries = [*site.rows(AuditEntry, action="passkey.added"), *site.rows(AuditEntry, action="passkey.removed")]
    assert [(each.actor_type, each.actor_id, each.object_id) for each in entries] == [
        ("customer", site.scope.customer_id, row.id)
    ] * 2
    sign_in(site.browser(), device, status=422)


def test_passkey_of_a_device_that_does_not_make_sure_who_holds_it_is_refused(site: Site) -> None:
    pages, device = with_fresh_code(site), Authenticator(flags=PRESENT)

    pages.post(NEW, {"answer": device.create(options_of(pages.get(NEW), "/passkeys/new"))}, status=422)

    assert site.rows(Passkey) == []


@pytest.mark.parametrize("said", [{"origin": "http://evil.example"}, {"type": "webauthn.get"}, {"challenge": "AAAA"}])
def test_passkey_made_elsewhere_is_refused(site: Site, said: dict[str, str]) -> None:
    pages = with_fresh_code(site)

    answer = Authenticator().create(options_of(pages.get(NEW), "/passkeys/new"), **said)
    pages.post(NEW, {"answer": answer}, status=422)

    assert site.rows(Passkey) == []


def test_answer_is_kept_once_and_only_in_the_session_that_asked(site: Site) -> None:
    other, device = with_fresh_code(site), Authenticator()
    site.clock.advance(minutes=1)
    pages = with_fresh_code(site)
    answer = device.create(options_of(pages.get(NEW), "/passkeys/new"))

    other.post(NEW, {"answer": answer}, status=422)
    pages.post(NEW, {"answer": answer})
    pages.post(NEW, {"answer": answer}, status=422)

    assert len(site.rows(Passkey)) == 1


def test_there_are_ten_at_most(site: Site) -> None:
    pages = with_fresh_code(site)
    for _ in range(MAX_PASSKEYS):
        pages.post(NEW, {"answer": Authenticator().create(options_of(pages.get(NEW), "/passkeys/new"))})

    refused = pages.post(
        NEW, {"answer": Authenticator().create(options_of(pages.get(NEW), "/passkeys/new"))}, status=409
    )

    assert "There are ten passkeys already" in refused.get_data(as_text=True)
    assert len(options_of(pages.get(NEW), "/passkeys/new")["excludeCredentials"]) == MAX_PASSKEYS


def test_customer_without_an_address_adds_none(site: Site) -> None:
    pages = site.signed_in()
    site.change_customer(site.scope, email=None, email_key=None)

    assert "passkey" not in pages.get("/acme/security").html.lower()
    pages.get(NEW, status=404)
    pages.post(NEW, status=404)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:5000", "http://[::1]:5000", "http://shop.example"])
def test_where_browsers_have_no_passkeys_none_is_offered(site: Site, base_url: str) -> None:
    client = site.app.test_client()
    headers = {"Host": base_url.removeprefix("http://")}

    page = client.get("/acme/sign-in", headers=headers)

    assert "passkey" not in page.get_data(as_text=True)
    answer = client.post("/acme/sign-in/passkey", headers={**headers, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code in (400, 404)


# --- signing in ---


def test_answer_signs_in_once(site: Site) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)
    options = options_of(browser.get("/acme/sign-in"), "/sign-in/passkey")
    answer = device.get(options)
    browser.post("/acme/sign-in/passkey", {"answer": answer})
    browser.post("/acme/sign-out")

    refused = browser.post("/acme/sign-in/passkey", {"answer": answer}, status=422)

    assert "open for too long" in refused.get_data(as_text=True) and not is_signed_in(browser)


def test_answer_signs_in_only_in_the_browser_that_asked(site: Site) -> None:
    device, browser, thief = Authenticator(), site.browser(), site.browser()
    add_passkey(site, device)
    thief.get("/acme/sign-in")
    answer = device.get(options_of(browser.get("/acme/sign-in"), "/sign-in/passkey"))

    thief.post("/acme/sign-in/passkey", {"answer": answer}, status=422)

    assert not is_signed_in(thief)


def test_page_that_was_open_for_too_long_offers_another_challenge(site: Site) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)
    options = options_of(browser.get("/acme/sign-in"), "/sign-in/passkey")
    site.clock.advance(minutes=30)

    late = Page("", browser.post("/acme/sign-in/passkey", {"answer": device.get(options)}, status=422))

    answer = device.get(options_of(late, "/sign-in/passkey"))
    assert browser.post("/acme/sign-in/passkey", {"answer": answer}).status_code == 303


@pytest.mark.parametrize("said", [{"origin": "http://evil.example"}, {"type": "webauthn.create"}])
def test_answer_given_to_another_page_signs_nobody_in(site: Site, said: dict[str, str]) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)

    sign_in(browser, device, status=422, **said)

    assert not is_signed_in(browser)


def test_key_that_is_not_the_passkeys_signs_nobody_in(site: Site) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)
    forged = Authenticator(credential_id=device.credential_id)

    refused = sign_in(browser, forged, status=422)

    assert "not known here" in refused.get_data(as_text=True) and not is_signed_in(browser)


def test_copied_passkey_is_refused_by_its_count(site: Site) -> None:
    device, browser = Authenticator(count=4), site.browser()
    add_passkey(site, device)
    device.count = 5
    sign_in(browser, device)

    device.count = 5
    sign_in(site.browser(), device, status=422)


def test_passkey_of_one_merchant_is_unknown_at_another(site: Site) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)

    sign_in(browser, device, root="/savane", status=422)

    assert not is_signed_in(browser, "/savane")


@pytest.mark.parametrize("change", [{"blocked": True}, {"deleted_at": "now"}])
def test_who_may_not_sign_in_does_not_by_a_passkey(site: Site, change: dict[str, Any]) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)
    site.change_customer(
        site.scope, **{name: site.clock.now() if name == "deleted_at" else value for name, value in change.items()}
    )

    sign_in(browser, device, status=422)


def test_answers_of_a_network_are_limited_and_good_ones_do_not_count(site: Site) -> None:
    few = site.with_settings(sign_in_failures_per_ip_per_hour=2)
    device = Authenticator()
    add_passkey(few, device)
    for _ in range(3):
        sign_in(few.browser(), device)

    stranger = Authenticator()
    statuses = [sign_in(few.browser(), stranger, status=status).status_code for status in (422, 422, 429)]

    assert statuses == [422, 422, 429]
    assert sign_in(few.browser(), device, status=429).headers["Retry-After"] == "3600"
    few.clock.advance(hours=1)
    sign_in(few.browser(), device)


def test_another_browser_is_a_new_device_also_by_a_passkey(site: Site) -> None:
    device = Authenticator()
    add_passkey(site, device)
    site.deliver()

    sign_in(site.browser(), device)

    assert [each.message["Subject"] for each in site.deliver() if "New sign-in" in str(each.message["Subject"])]


def test_used_challenges_are_forgotten_when_they_are_too_old_for_every_clock(site: Site) -> None:
    device = Authenticator()
    add_passkey(site, device)
    assert len(site.rows(UsedChallenge)) == 1
    for wait, left in ((FORGET_AFTER, 1), (timedelta(seconds=1), 0)):
        site.clock.advance(seconds=int(wait.total_seconds()))
        with site.services.database.unit_of_work() as session:
            delete_old_rows(session, at=site.clock.now())
        assert len(site.rows(UsedChallenge)) == left


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "rawId", "response", "type", "clientDataJSON", "challenge"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.text(max_size=60) | _JSON.map(json.dumps))
def test_no_input_is_more_than_refused(site: Site, answer: str) -> None:
    refused = site.browser().client.post(
        "/acme/sign-in/passkey", data={"answer": answer}, headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert refused.status_code in (400, 422, 429)


def test_address_of_the_account_is_what_the_browser_shows_for_it(site: Site) -> None:
    (maya,) = site.rows(Customer, merchant_id=site.scope.merchant_id)
    pages = with_fresh_code(site)

    options = options_of(pages.get(NEW), "/passkeys/new")

    assert options["user"]["name"] == f"{ADDRESS} (Acme)" and options["rp"] == {"name": "Acme", "id": "localhost"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert maya.name not in json.dumps(options)


def test_passkey_of_who_had_the_address_before_is_dead_where_the_merchant_gives_the_account_another(site: Site) -> None:
    device, browser = Authenticator(), site.browser()
    add_passkey(site, device)
    with site.services.database.unit_of_work() as session:
        update_customer(
            session, site.scope.merchant_id, site.scope.customer_id, CustomerDetails(email="ines@vogel.example"),
            actor=OPERATOR, at=site.clock.now(),
        )  # fmt: skip

    sign_in(browser, device, status=422)

    assert not is_signed_in(browser)


# --- persons of an account ---


def test_persons_passkey_signs_that_person_in_and_is_nobody_elses(site: Site) -> None:
    insert_person(site, "jonas@weber.example", "viewer")
    person, device = person_signed_in(site, "jonas@weber.example"), Authenticator()
    site.clock.advance(minutes=1)
    add_passkey(site, device, person)
    (row,) = site.rows(Passkey)
    (mail,) = [each for each in site.deliver() if "passkey" in str(each.message["Subject"])]
    browser = site.browser()

    sign_in(browser, device)

    assert mail.recipients == ("jonas@weber.example",)
    assert device.holder == row.person_id.encode() != site.scope.customer_id.encode()
    assert site.rows(SignInSession, kind="passkey")[0].person_id == row.person_id
    browser.post("/acme/details", status=403)
    owner = site.signed_in()
    assert row.id not in owner.get("/acme/security").html
    owner.post(f"/acme/security/passkeys/{row.id}/removal", status=404)


def test_passkey_of_a_person_who_is_removed_is_dead_at_once(site: Site) -> None:
    person_id = insert_person(site, "jonas@weber.example", "owner")
    device, browser = Authenticator(), site.browser()
    pages = person_signed_in(site, "jonas@weber.example")
    site.clock.advance(minutes=1)
    add_passkey(site, device, pages)
    sign_in(browser, device)

    remove(site, person_id)

    assert not is_signed_in(browser)
    sign_in(browser, device, status=422)
    assert [row.removed_at is None for row in site.rows(Passkey)] == [False]
