"""Nobody keeps an owner out: requests for one mailbox share one link and code, and a browser that is known has budgets of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.outbox.models import OutboxMessage
from portal.sign_in.models import Challenge, KnownBrowser, SignInRequest, SignInSession
from portal.sign_in.operations import Visitor, start_session
from portal.sign_in.rules.tokens import new_token, token_digest
from portal.worker import clean_up
from tests.support.site import ADDRESS, path_of

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
WRONG = "BBBB-BBBB"
KNOWN = "portal_known_acme"


def enter(browser, code, status=422):
    return browser.post("/acme/sign-in/code", {"code": code}, status=status)


def known_browser(site):
    """A browser in which Maya was signed in, an hour ago."""
    browser = site.signed_in()
    browser.post("/acme/sign-out")
    site.clock.advance(hours=1)
    return browser


def stranger_from(site, network):
    browser = site.browser()
    browser.client.environ_base["REMOTE_ADDR"] = network
    return browser


def spend_mails(site, *, minutes=10):
    """Strangers request a mail each minute: after five of them none goes again for a while. Return those that came."""
    mails = []
    for _ in range(minutes):
        site.request_sign_in(site.browser())
        mails += site.deliver()
        site.clock.advance(minutes=1)
    return mails


def spend_tries(site):
    for _ in range(4):
        stranger = site.browser()
        site.request_sign_in(stranger)
        for _ in range(5):
            enter(stranger, WRONG)


# --- one challenge that all share ---


def test_requests_within_ten_minutes_share_one_link_and_code_good_in_each_browser(site):
    first, second = site.browser(), site.browser()
    caught = site.request_mail(first, next="/payments")
    site.clock.advance(minutes=9, seconds=59)

    site.request_sign_in(second, next="/invoices")
    (again,) = site.deliver()

    assert (again.link, again.code) == (caught.link, caught.code)
    assert enter(second, caught.code, 303).headers["Location"] == "/acme/invoices"
    enter(first, caught.code)


def test_request_after_ten_minutes_makes_a_challenge_of_its_own(site):
    first, second = site.browser(), site.browser()
    caught = site.request_mail(first)
    site.clock.advance(minutes=10)

    other = site.request_mail(second)

    assert other.code != caught.code
    assert site.count(Challenge) == 2


def test_twenty_browsers_at_once_make_one_challenge_and_one_mail(site):
    def request(_number):
        return site.app.test_client().post("/acme/sign-in", data={"email": ADDRESS}, headers=SAME_ORIGIN).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(request, range(20)))

    assert answers == [303] * 20
    assert site.count(Challenge) == 1
    assert site.count(SignInRequest) == 20
    assert site.count(OutboxMessage) == 1


def test_used_challenge_is_joined_by_nobody(site):
    owner = site.browser()
    owner.post(path_of(site.request_mail(owner)))
    site.clock.advance(minutes=1)

    other = site.browser()
    enter(other, site.request_mail(other).code, 303)

    assert site.count(Challenge) == 2


def test_link_leads_where_this_browser_wanted_to_go_and_elsewhere_where_the_last_one_did(site):
    owner, stranger = site.browser(), site.browser()
    site.request_sign_in(owner, next="/invoices")
    site.request_sign_in(stranger, next="/payments")
    (caught,) = site.deliver()

    assert "continue to your payments" in site.browser().get(path_of(caught)).text
    assert owner.post(path_of(caught)).headers["Location"] == "/acme/invoices"


def test_outbox_row_names_the_challenge_alone(site):
    site.request_sign_in(site.browser())

    (message,), (challenge,) = site.rows(OutboxMessage), site.rows(Challenge)
    assert message.payload == {"challenge": challenge.id}


def test_customer_created_since_the_first_request_gets_the_mail_and_keeps_it(site):
    late, owner = site.browser(), site.browser()
    site.request_sign_in(late, "jonas@berg.example")
    assert site.deliver() == []
    jonas = site.add_customer("jonas@berg.example", name="Jonas Berg")
    site.clock.advance(minutes=1)
    caught = site.request_mail(owner, "jonas@berg.example")

    # What this browser asked for first had no customer: it takes none out.
    site.clock.advance(minutes=1)
    late.post("/acme/sign-in/code/fresh")

    enter(owner, caught.code, 303)
    assert [row.customer_id for row in site.rows(SignInSession)] == [jonas.customer_id]


def test_twins_of_two_customers_never_share_a_challenge(site):
    """The two addresses find each other's customers, but are two mailboxes: a mail to one signs in nobody of the other."""
    site.add_customer("ſam@scale.example", name="First")
    second = site.add_customer("sam@scale.example", name="Second")
    attacker, owner = site.browser(), site.browser()
    of_first = site.request_mail(attacker, "ſam@scale.example")
    assert of_first.recipients == ("ſam@scale.example",)

    of_second = site.request_mail(owner, "sam@scale.example")
    site.request_sign_in(attacker, "sam@scale.example")

    assert of_second.recipients == ("sam@scale.example",)
    assert of_second.code != of_first.code
    attacker.post(path_of(of_first))
    assert site.count(SignInSession, customer_id=second.customer_id) == 0


def test_mail_to_an_address_that_the_customer_has_left_signs_nobody_in(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    site.change_customer(site.scope, email="maya@new.example", email_key="maya@new.example")

    browser.get(path_of(caught), status=410)
    browser.post(path_of(caught), status=410)
    enter(browser, caught.code)
    assert site.count(SignInSession) == 0


def test_mail_that_waits_is_not_sent_to_an_address_that_has_changed(site):
    site.request_sign_in(site.browser())

    site.change_customer(site.scope, email="maya@new.example", email_key="maya@new.example")

    assert site.deliver() == []


def test_clock_that_was_set_back_keeps_nobody_out(site):
    site.request_mail(site.browser())
    site.clock.advance(hours=-1)
    owner = site.browser()

    site.request_sign_in(owner)
    # By the turns of before, strangers' mails are an hour away; a challenge of its own is there all the same.
    assert site.count(Challenge) == 2
    site.clock.advance(hours=1, minutes=1)
    assert enter(owner, site.deliver()[-1].code, 303)


# --- strangers spend their budgets, and the owner comes all the same ---


@pytest.mark.parametrize("minutes", [1, 9, 37])
def test_owner_in_a_new_browser_gets_in_however_long_strangers_requested(site, minutes):
    mails = spend_mails(site, minutes=minutes)
    owner = site.browser()

    site.request_sign_in(owner)

    # Whoever requested the last mail: its code is good here.
    enter(owner, (mails + site.deliver())[-1].code, 303)


def test_known_browser_has_mails_of_its_own(site):
    owner = known_browser(site)
    spend_mails(site, minutes=7)
    site.request_sign_in(site.browser())
    assert site.deliver() == []

    site.request_sign_in(owner)

    assert len(site.deliver()) == 1


def test_mails_of_a_known_browser_are_limited_too(site):
    owner = known_browser(site)
    site = site.with_settings(sign_in_mails_per_address_per_hour=3)
    owner.client.application = site.app
    sent = 0
    for _ in range(15):
        site.request_sign_in(owner)
        sent += len(site.deliver())
        site.clock.advance(minutes=1)

    # The first mail of two challenges, and three again.
    assert sent == 5


def test_known_browser_does_not_wait_for_the_turn_of_strangers(site):
    owner, stranger = known_browser(site), site.browser()
    owner.post(path_of(site.request_mail(stranger)))
    site.request_sign_in(stranger)
    assert site.deliver() == []

    site.request_sign_in(owner)

    assert len(site.deliver()) == 1


def test_known_browser_is_served_where_network_and_merchant_are_used_up(site):
    owner = known_browser(site)
    site = site.with_settings(sign_in_mails_per_ip_per_hour=2, sign_in_mails_per_hour=2)
    owner.client.application = site.app
    for number in range(2):
        site.request_sign_in(site.browser(), f"customer{number}@shop.example")
    site.browser().post("/acme/sign-in", {"email": ADDRESS}, status=429)

    site.request_sign_in(owner)

    enter(owner, site.deliver()[-1].code, 303)
    site.request_sign_in(owner)
    # It has as many requests for itself as a network has, and is a stranger after them.
    owner.post("/acme/sign-in", {"email": ADDRESS}, status=429)


def test_known_browser_has_tries_of_its_own(site):
    owner = known_browser(site)
    spend_tries(site)
    site.request_sign_in(owner)
    caught = site.deliver()[-1]
    stranger = site.browser()
    site.request_sign_in(stranger)
    enter(stranger, caught.code, 429)
    for left in (4, 3, 2, 1):
        assert f"{left} attempt" in enter(owner, WRONG).get_data(as_text=True)

    enter(owner, caught.code, 303)


def test_tries_of_a_known_browser_end_too(site):
    owner = known_browser(site)
    caught = site.request_mail(owner)
    for _ in range(5):
        enter(owner, WRONG)

    enter(owner, caught.code, 429)


def test_tries_in_a_row_do_not_shut_out_a_known_browser(site):
    owner = known_browser(site)
    site = site.with_settings(sign_in_failures_in_a_row=5)
    owner.client.application = site.app
    spend_five = site.browser()
    site.request_sign_in(spend_five)
    for _ in range(5):
        enter(spend_five, WRONG)
    site.clock.advance(hours=2)
    stranger = site.browser()
    enter(stranger, site.request_mail(stranger).code, 429)

    site.request_sign_in(owner)

    enter(owner, path_code(site), 303)


def path_code(site):
    """The code of the newest mail."""
    site.clock.advance(minutes=1)
    site.request_sign_in(site.browser())
    return site.deliver()[-1].code


def test_wrong_codes_at_one_merchant_are_limited_and_links_work_on(site):
    site = site.with_settings(sign_in_failures_per_hour=3)
    owner = site.browser()
    caught = site.request_mail(owner)
    for number in range(3):
        stranger = stranger_from(site, f"198.51.100.{number}")
        site.request_sign_in(stranger, f"customer{number}@shop.example")
        enter(stranger, WRONG)

    enter(owner, caught.code, 429)

    owner.post(path_of(caught))


# --- which browsers are known ---


@pytest.fixture
def spent(site):
    """A site on which strangers have no tries left for Maya's address."""
    spend_tries(site)
    return site


def test_cookie_of_another_customers_browser_makes_nobody_known(site, spent):
    site.deliver()  # Mails of one instant have no order: Mallory's comes alone.
    site.add_customer("mallory@shop.example", name="Mallory")
    mallory = site.browser()
    mallory.post(path_of(site.request_mail(mallory, "mallory@shop.example")))
    mallory.post("/acme/sign-out")
    site.clock.advance(minutes=1)

    site.request_sign_in(mallory)

    enter(mallory, site.deliver()[-1].code, 429)


@pytest.mark.parametrize(
    "token", [new_token(), "a" * 43, "", "x"], ids=["of its form", "of one letter", "empty", "short"]
)
def test_cookie_that_was_never_issued_makes_nobody_known(site, spent, token):
    stranger = site.browser()
    stranger.client.set_cookie(KNOWN, token)
    site.clock.advance(minutes=1)
    caught = site.request_mail(stranger)

    enter(stranger, caught.code, 429)

    # Nor does it become known by being there when somebody signs in.
    stranger.post(path_of(caught))
    assert stranger.client.get_cookie(KNOWN).value != token
    assert token_digest(token) not in [row.browser_digest for row in site.rows(KnownBrowser)]


def test_cookie_of_another_merchant_makes_nobody_known(site, spent):
    owner = site.browser()
    site.request_sign_in(owner, root="/savane")
    owner.post(path_of(site.deliver()[-1]))
    stranger = site.browser()
    stranger.client.set_cookie(KNOWN, owner.client.get_cookie("portal_known_savane").value)
    site.clock.advance(minutes=1)

    enter(stranger, site.request_mail(stranger).code, 429)


def test_browser_that_two_customers_share_is_known_to_both(site):
    jonas = site.add_customer("jonas@berg.example", name="Jonas Berg")
    browser = site.signed_in()
    first = browser.client.get_cookie(KNOWN).value
    browser.post("/acme/sign-out")

    browser.post(path_of(site.request_mail(browser, "jonas@berg.example")))

    assert browser.client.get_cookie(KNOWN).value == first
    assert {row.customer_id for row in site.rows(KnownBrowser)} == {site.scope.customer_id, jonas.customer_id}


def test_cookie_of_a_known_browser_signs_nobody_in_and_outlives_the_sign_out(site):
    browser = site.signed_in()
    token = browser.client.get_cookie(KNOWN).value
    browser.post("/acme/sign-out")

    assert browser.client.get_cookie(KNOWN).value == token
    for name in ("portal_acme", KNOWN):
        other = site.app.test_client()
        other.set_cookie(name, token)
        assert other.get("/acme/").status_code == 303


def test_browser_that_the_host_signs_in_for_each_page_is_not_remembered(site):
    with site.services.database.unit_of_work() as session:
        visitor = Visitor("b" * 43, "127.0.0.1")
        for kind in ("frame", "mail"):
            start_session(
                session,
                site.services.settings,
                site.scope,
                visitor,
                kind=kind,
                by="link",
                target="/",
                at=site.clock.now(),
            )

    assert site.count(KnownBrowser) == 1


def test_browser_is_forgotten_after_a_year(site):
    owner = site.signed_in()
    site.clock.advance(days=364)
    clean_up(site.services)
    assert site.count(KnownBrowser) == 1

    site.clock.advance(days=2)
    clean_up(site.services)

    assert site.count(KnownBrowser) == 0
    assert site.count(SignInRequest) == site.count(Challenge) == 0
    owner.post(path_of(site.request_mail(owner)))
