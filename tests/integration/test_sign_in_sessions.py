"""Sessions: how long they live, how they end, who may list and revoke them; and sessions minted for a customer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import signals
from portal.audit.models import AuditEntry
from portal.errors import NotFound
from portal.sign_in.models import PortalSession, SignInSession
from portal.sign_in.operations import create_portal_session, revoke_session, revoke_sessions
from portal.sign_in.queries import find_session, list_sessions
from portal.tenancy import Scope
from portal.worker import clean_up
from tests.support.actors import CUSTOMER, OPERATOR
from tests.support.front_door import counted_statements, path_of


def is_in(browser):
    return browser.client.get("/acme/").status_code == 200


def mint(door, scope=None, target="/invoices", **options):
    with door.services.database.unit_of_work() as session:
        return create_portal_session(
            session, door.services.settings, scope or door.scope, target,
            at=door.clock.now(), actor=OPERATOR, **options,
        )  # fmt: skip


def test_session_ends_after_a_day_without_use_and_says_so(door):
    browser = door.signed_in()
    for _ in range(3):
        door.clock.advance(hours=23, minutes=59)
        assert is_in(browser)

    door.clock.advance(hours=24)

    page = browser.follow("/acme/invoices")
    assert "You were signed out after a day without use" in page.text
    assert 'value="/invoices"' in page.html


def test_session_ends_after_thirty_days_however_much_it_is_used(door):
    browser = door.signed_in()
    for _ in range(59):
        door.clock.advance(hours=12)
        assert is_in(browser)

    door.clock.advance(hours=12)

    assert not is_in(browser)


def test_last_use_is_stamped_at_most_every_five_minutes(door):
    browser = door.signed_in()
    begun = door.clock.now()
    stamps = []
    for _ in range(6):
        door.clock.advance(minutes=2)
        browser.get("/acme/")
        stamps.append((door.rows(SignInSession)[0].last_used_at - begun) / timedelta(minutes=1))

    assert stamps == [0, 0, 6, 6, 6, 12]


def test_signed_in_request_finds_session_and_customer_in_one_statement(door):
    browser = door.signed_in()
    browser.get("/acme/payment-methods")

    with counted_statements(door.services.database) as statements:
        browser.get("/acme/payment-methods")

    assert (
        len([statement for statement in statements if "sign_in_sessions" in statement or "FROM customers" in statement])
        == 1
    )


def test_sign_out_ends_the_session_for_good(door):
    browser = door.signed_in()
    cookie = browser.client.get_cookie("portal_acme").value

    response = browser.post("/acme/sign-out")

    assert response.headers["Location"] == "/acme/sign-in"
    assert response.headers["Clear-Site-Data"] == '"cache"'
    assert browser.client.get_cookie("portal_acme") is None
    replay = door.browser()
    replay.client.set_cookie("portal_acme", cookie)
    assert not is_in(replay)
    assert {row.action for row in door.rows(AuditEntry)} == {"portal.signed_in", "portal.signed_out"}


def test_sign_out_without_a_session_is_the_same(door):
    response = door.browser().post("/acme/sign-out")

    assert response.headers["Location"] == "/acme/sign-in"


def test_session_of_one_merchant_is_nobody_at_another(door):
    cookie = door.signed_in().client.get_cookie("portal_acme").value
    stranger = door.browser()
    stranger.client.set_cookie("portal_savane", cookie)

    assert stranger.client.get("/savane/").status_code == 303


def test_what_the_database_holds_signs_nobody_in(door):
    door.signed_in()
    (row,) = door.rows(SignInSession)

    for stolen in (row.id, row.token_digest.hex(), row.token_digest.decode("latin-1"), row.id.removeprefix("ses_")):
        with door.services.database.read() as reader:
            assert find_session(reader, door.scope.merchant_id, stolen, door.clock.now()) is None


def test_oldest_sessions_go_beyond_the_cap(door):
    door = door.with_settings(session_cap=3, sign_in_mails_per_address_per_hour=99)
    browsers = []
    for _ in range(5):
        browsers.append(door.signed_in())
        door.clock.advance(minutes=6)

    assert [is_in(browser) for browser in browsers] == [False, False, True, True, True]


def test_customer_lists_and_revokes_own_sessions_alone(door):
    kept = door.signed_in()
    door.clock.advance(minutes=2)
    lost = door.signed_in()
    now = door.clock.now()
    stranger = door.add_customer("jonas@berg.example")

    with door.services.database.unit_of_work() as session:
        rows = list_sessions(session, door.scope, now)
        assert len(rows) == 2
        assert list_sessions(session, stranger, now) == []
        assert not revoke_session(session, stranger, rows[0].id, actor=CUSTOMER, at=now)
        assert not revoke_session(
            session, Scope(door.other.merchant_id, door.scope.customer_id), rows[0].id, actor=CUSTOMER, at=now
        )
        assert not revoke_session(session, door.scope, "ses_x", actor=CUSTOMER, at=now)
        assert revoke_session(session, door.scope, rows[0].id, actor=CUSTOMER, at=now)

    assert (is_in(kept), is_in(lost)) == (True, False)


def test_customer_signs_out_everywhere_else(door):
    kept = door.signed_in()
    door.clock.advance(minutes=2)
    lost = door.signed_in()
    (first, _) = door.rows(SignInSession)

    with door.services.database.unit_of_work() as session:
        assert revoke_sessions(session, door.scope, actor=CUSTOMER, at=door.clock.now(), keep=first.id) == 1

    assert (is_in(kept), is_in(lost)) == (True, False)


def test_minted_session_enters_once_for_an_hour(door):
    minted = mint(door)
    browser = door.browser()

    page = browser.get(f"/acme{minted.path}")
    assert "Maya Lindqvist" in page.text
    assert page.response.headers["Referrer-Policy"] == "same-origin"
    response = browser.post(f"/acme{minted.path}")

    assert response.headers["Location"] == "/acme/invoices"
    browser.post(f"/acme{minted.path}", status=410)
    assert "This link has been used" in door.browser().get(f"/acme{minted.path}", status=410).text
    door.clock.advance(minutes=59)
    assert is_in(browser)
    door.clock.advance(minutes=1)
    assert not is_in(browser)


def test_minted_address_lives_five_minutes(door):
    minted = mint(door)
    door.clock.advance(minutes=5)

    page = door.browser().get(f"/acme{minted.path}", status=410)

    assert page.link("Send a fresh link") == "/acme/sign-in?next=/invoices"
    door.browser().post(f"/acme{minted.path}", status=410)
    assert door.count(SignInSession) == 0


def test_opening_a_minted_address_uses_nothing_up(door):
    minted = mint(door)
    for _ in range(20):
        door.browser().get(f"/acme{minted.path}")

    door.browser().post(f"/acme{minted.path}")


def test_minted_session_of_another_merchant_or_a_blocked_customer_is_refused(door):
    minted = mint(door)
    door.browser().post(f"/savane{minted.path}", status=404)
    door.change_customer(door.scope, blocked=True)

    door.browser().get(f"/acme{minted.path}", status=404)
    door.browser().post(f"/acme{minted.path}", status=404)
    with pytest.raises(NotFound):
        mint(door)


@pytest.mark.parametrize("customer_id", ["cus_0000000000000000000000", "x", "", "cus_'; drop"])
def test_session_for_nobody_is_not_minted(door, customer_id):
    with pytest.raises(NotFound):
        mint(door, Scope(door.scope.merchant_id, customer_id))


def test_minted_target_stays_below_the_root(door):
    minted = mint(door, target="//evil.example")

    assert door.browser().post(f"/acme{minted.path}").headers["Location"] == "/acme/"


def test_host_is_told_who_signed_in_and_out(door):
    heard = []

    def hear(merchant_id, customer_id, portal_id, event_id):
        heard.append((merchant_id, customer_id))

    with signals.signed_in.connected_to(hear), signals.signed_out.connected_to(hear):
        door.signed_in().post("/acme/sign-out")

    assert heard == [(door.scope.merchant_id, door.scope.customer_id)] * 2


def test_signed_in_visitor_of_the_sign_in_page_goes_on(door):
    browser = door.signed_in()

    assert browser.client.get("/acme/sign-in?next=/invoices").headers["Location"] == "/acme/invoices"
    assert browser.client.get("/acme/sign-in/code").headers["Location"] == "/acme/"


def test_old_rows_are_deleted_and_living_ones_stay(door):
    browser = door.signed_in()
    mint(door)
    path = path_of(door.mailed(door.browser())) if door.clock.advance(minutes=2) else ""

    door.clock.advance(hours=23)
    clean_up(door.services)
    assert door.browser().get(path, status=410).headline == "This link has run out"
    assert is_in(browser)
    door.clock.advance(days=70)
    clean_up(door.services)

    assert door.count(PortalSession) == door.count(SignInSession) == 0
