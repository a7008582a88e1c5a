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
from tests.support.site import path_of
from tests.support.statements import counted_statements


def is_in(browser):
    return browser.client.get("/acme/").status_code == 200


def mint(site, scope=None, target="/invoices", **options):
    with site.services.database.unit_of_work() as session:
        return create_portal_session(
            session, site.services.settings, scope or site.scope, target,
            at=site.clock.now(), actor=OPERATOR, **options,
        )  # fmt: skip


def test_session_ends_after_a_day_without_use_and_says_so(site):
    browser = site.signed_in()
    for _ in range(3):
        site.clock.advance(hours=23, minutes=59)
        assert is_in(browser)

    site.clock.advance(hours=24)

    page = browser.follow("/acme/invoices")
    assert "You were signed out after a day of inactivity" in page.text
    assert 'value="/invoices"' in page.html


def test_session_ends_after_thirty_days_however_much_it_is_used(site):
    browser = site.signed_in()
    for _ in range(59):
        site.clock.advance(hours=12)
        assert is_in(browser)

    site.clock.advance(hours=12)

    assert not is_in(browser)


def test_last_use_is_stamped_at_most_every_five_minutes(site):
    browser = site.signed_in()
    begun = site.clock.now()
    stamps = []
    for _ in range(6):
        site.clock.advance(minutes=2)
        browser.get("/acme/")
        stamps.append((site.rows(SignInSession)[0].last_used_at - begun) / timedelta(minutes=1))

    assert stamps == [0, 0, 6, 6, 6, 12]


def test_signed_in_request_finds_session_and_customer_in_one_statement(site):
    browser = site.signed_in()
    browser.get("/acme/payment-methods")

    with counted_statements(site.services.database) as statements:
        browser.get("/acme/payment-methods")

    assert (
        len([statement for statement in statements if "sign_in_sessions" in statement or "FROM customers" in statement])
        == 1
    )


def test_sign_out_ends_the_session_for_good(site):
    browser = site.signed_in()
    cookie = browser.client.get_cookie("portal_acme").value

    response = browser.post("/acme/sign-out")

    assert response.headers["Location"] == "/acme/sign-in?signed_out=1"
    assert response.headers["Clear-Site-Data"] == '"cache"'
    assert browser.client.get_cookie("portal_acme") is None
    replay = site.browser()
    replay.client.set_cookie("portal_acme", cookie)
    assert not is_in(replay)
    of_session = {row.action for row in site.rows(AuditEntry) if row.object_id.startswith("ses_")}
    assert of_session == {"portal.signed_in", "portal.signed_out"}


def test_sign_out_without_a_session_is_the_same(site):
    response = site.browser().post("/acme/sign-out")

    assert response.headers["Location"] == "/acme/sign-in?signed_out=1"


def test_session_of_one_merchant_is_not_valid_at_another(site):
    cookie = site.signed_in().client.get_cookie("portal_acme").value
    stranger = site.browser()
    stranger.client.set_cookie("portal_savane", cookie)

    assert stranger.client.get("/savane/").status_code == 303


def test_stored_values_sign_nobody_in(site):
    site.signed_in()
    (row,) = site.rows(SignInSession)

    for stolen in (row.id, row.token_digest.hex(), row.token_digest.decode("latin-1"), row.id.removeprefix("ses_")):
        with site.services.database.read() as reader:
            assert find_session(reader, site.scope.merchant_id, stolen, site.clock.now()) is None


def test_oldest_sessions_go_beyond_the_cap(site):
    site = site.with_settings(session_cap=3)
    browsers = []
    for _ in range(5):
        browsers.append(site.signed_in())
        site.clock.advance(minutes=6)

    assert [is_in(browser) for browser in browsers] == [False, False, True, True, True]


def test_customer_lists_and_revokes_own_sessions_alone(site):
    kept = site.signed_in()
    site.clock.advance(minutes=2)
    lost = site.signed_in()
    now = site.clock.now()
    stranger = site.add_customer("jonas@berg.example")

    with site.services.database.unit_of_work() as session:
        rows = list_sessions(session, site.scope, None, now)
        assert len(rows) == 2
        assert list_sessions(session, stranger, None, now) == []
        assert not revoke_session(session, stranger, rows[0].id, actor=CUSTOMER, at=now)
        assert not revoke_session(
            session, Scope(site.other.merchant_id, site.scope.customer_id), rows[0].id, actor=CUSTOMER, at=now
        )
        assert not revoke_session(session, site.scope, "ses_x", actor=CUSTOMER, at=now)
        assert revoke_session(session, site.scope, rows[0].id, actor=CUSTOMER, at=now)

    assert (is_in(kept), is_in(lost)) == (True, False)


def test_customer_signs_out_everywhere_else(site):
    kept = site.signed_in()
    site.clock.advance(minutes=2)
    lost = site.signed_in()
    (first, _) = site.rows(SignInSession)

    with site.services.database.unit_of_work() as session:
        assert revoke_sessions(session, site.scope, actor=CUSTOMER, at=site.clock.now(), keep=first.id) == 1

    assert (is_in(kept), is_in(lost)) == (True, False)


def test_minted_session_enters_once_for_an_hour(site):
    minted = mint(site)
    browser = site.browser()

    page = browser.get(f"/acme{minted.path}")
    assert "Maya Lindqvist" in page.text
    assert page.response.headers["Referrer-Policy"] == "same-origin"
    response = browser.post(f"/acme{minted.path}")

    assert response.headers["Location"] == "/acme/invoices"
    browser.post(f"/acme{minted.path}", status=410)
    assert "This link has been used" in site.browser().get(f"/acme{minted.path}", status=410).text
    site.clock.advance(minutes=59)
    assert is_in(browser)
    site.clock.advance(minutes=1)
    assert not is_in(browser)


def test_minted_address_lives_five_minutes(site):
    minted = mint(site)
    site.clock.advance(minutes=5)

    page = site.browser().get(f"/acme{minted.path}", status=410)

    assert page.link("Send a new link") == "/acme/sign-in?next=/invoices"
    site.browser().post(f"/acme{minted.path}", status=410)
    assert site.count(SignInSession) == 0


def test_opening_a_minted_address_uses_nothing_up(site):
    minted = mint(site)
    for _ in range(20):
        site.browser().get(f"/acme{minted.path}")

    site.browser().post(f"/acme{minted.path}")


def test_minted_session_of_another_merchant_or_a_blocked_customer_is_refused(site):
    minted = mint(site)
    site.browser().post(f"/savane{minted.path}", status=404)
    site.change_customer(site.scope, blocked=True)

    site.browser().get(f"/acme{minted.path}", status=404)
    site.browser().post(f"/acme{minted.path}", status=404)
    with pytest.raises(NotFound):
        mint(site)


@pytest.mark.parametrize("customer_id", ["cus_0000000000000000000000", "x", "", "cus_'; drop"])
def test_session_for_nobody_is_not_minted(site, customer_id):
    with pytest.raises(NotFound):
        mint(site, Scope(site.scope.merchant_id, customer_id))


def test_minted_target_stays_below_the_root(site):
    minted = mint(site, target="//evil.example")

    assert site.browser().post(f"/acme{minted.path}").headers["Location"] == "/acme/"


def test_host_receives_signals_of_signing_in_and_out(site):
    heard = []

    def hear(merchant_id, customer_id, portal_id, event_id):
        heard.append((merchant_id, customer_id))

    with signals.signed_in.connected_to(hear), signals.signed_out.connected_to(hear):
        site.signed_in().post("/acme/sign-out")

    assert heard == [(site.scope.merchant_id, site.scope.customer_id)] * 2


def test_signed_in_visitor_of_the_sign_in_page_goes_on(site):
    browser = site.signed_in()

    assert browser.client.get("/acme/sign-in?next=/invoices").headers["Location"] == "/acme/invoices"
    assert browser.client.get("/acme/sign-in/code").headers["Location"] == "/acme/"


def test_old_rows_are_deleted_and_living_ones_stay(site):
    browser = site.signed_in()
    mint(site)
    path = path_of(site.request_mail(site.browser())) if site.clock.advance(minutes=2) else ""

    site.clock.advance(hours=23)
    clean_up(site.services)
    assert site.browser().get(path, status=410).headline == "This link has expired"
    assert is_in(browser)
    site.clock.advance(days=70)
    clean_up(site.services)

    assert site.count(PortalSession) == site.count(SignInSession) == 0
