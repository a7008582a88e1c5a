"""Signing in by the mailed link: opening it does not use it, one click signs in one browser (threats, group L)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.audit.models import AuditEntry
from portal.sign_in.models import Challenge, SignInSession
from portal.sign_in.operations import create_portal_session
from portal.worker import clean_up
from tests.support.actors import OPERATOR
from tests.support.page_client import Page
from tests.support.site import ADDRESS, path_of
from tests.support.statements import contents


def test_link_signs_in_after_a_click(site):
    browser = site.browser()
    caught = site.request_mail(browser, next="/invoices")

    page = browser.get(path_of(caught))
    assert page.headline == "Sign in to Acme"
    assert "Maya Lindqvist" in page.text
    assert "maya@lindqvist.example" in page.text
    response = browser.post(path_of(caught))

    assert response.headers["Location"] == "/acme/invoices"
    assert "portal_acme=" in response.headers["Set-Cookie"]
    assert browser.get("/acme/invoices").headline == "Invoices"


def test_opening_a_link_a_hundred_times_changes_nothing(site):
    asker = site.browser()
    path = path_of(site.request_mail(asker))
    before = contents(site.services.database)

    for number in range(100):
        scanner = site.app.test_client()
        method = ("GET", "HEAD", "OPTIONS")[number % 3]
        response = scanner.open(path, method=method, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
        assert response.status_code == (405 if method == "OPTIONS" else 200)
        assert "portal_acme=" not in str(response.headers.getlist("Set-Cookie"))

    assert contents(site.services.database) == before
    asker.post(path)


def posts_itself(page):
    """Whether a script sends the page's form at once; its button is there in any case."""
    form = page.form(action=page.path.rstrip("./"))
    assert form.element.findall(".//{*}button")
    return "post-once" in form.element.get("data-behaviour").split()


def test_page_posts_itself_in_each_browser_that_requested_the_mail_and_in_no_other(site):
    asker, joined, reader, scanner = (site.browser() for _ in range(4))
    site.request_sign_in(asker)
    site.request_sign_in(joined)
    site.request_sign_in(reader, "somebody@else.example")
    path = path_of(site.deliver()[0])

    assert posts_itself(asker.get(path))
    assert posts_itself(joined.get(path))
    for other in (reader, scanner):
        page = other.get(path)
        assert not posts_itself(page)
        assert page.headline == "Is this you?"
    assert site.count(SignInSession) == 0


@pytest.mark.parametrize(
    ("headers", "posts"),
    [
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Referer": "http://localhost/demo/mail"}, True),
        ({}, True),
        ({"Referer": "http://localhost/acme/sign-in/code"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Referer": "https://mail.example/inbox"}, False),
        ({"Referer": "http://localhost.evil.example/"}, False),
        ({"Referer": "http://["}, False),
        ({"Sec-Fetch-Site": "none", "Referer": "https://mail.example/"}, False),
    ],
)
def test_page_waits_where_it_was_reached_from_another_site(site, headers, posts):
    browser = site.browser()
    path = path_of(site.request_mail(browser))
    navigation = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} if headers else {}

    response = browser.client.get(path, headers={**navigation, **headers})

    assert response.status_code == 200
    assert posts_itself(Page(path, response)) == posts


def test_page_waits_and_names_the_account_where_another_customer_is_signed_in(site):
    site.add_customer("jonas@berg.example", name="Jonas Berg")
    browser = site.browser()
    browser.post(path_of(site.request_mail(browser, "jonas@berg.example")))

    page = browser.get(path_of(site.request_mail(browser)))

    assert not posts_itself(page)
    assert "Maya Lindqvist" in page.text
    assert "Jonas Berg is signed in here now" in page.text


def test_page_posts_itself_where_the_same_customer_is_signed_in(site):
    browser = site.signed_in()
    site.clock.advance(minutes=1)

    assert posts_itself(browser.get(path_of(site.request_mail(browser))))


def test_somebody_without_name_and_address_who_is_signed_in_is_not_called_by_nothing(site):
    nameless = site.add_customer(None, name=None, phone="+237677000000")
    with site.services.database.unit_of_work() as session:
        minted = create_portal_session(session, site.services.settings, nameless, at=site.clock.now(), actor=OPERATOR)
    browser = site.browser()
    page = browser.get(f"/acme{minted.path}")
    assert "You sign in and continue to the overview" in page.text
    browser.post(f"/acme{minted.path}")

    page = browser.get(path_of(site.request_mail(browser)))

    assert "Someone else is signed in here now" in page.text
    assert not posts_itself(page)


def test_two_posts_of_one_link_at_once_make_one_session(site):
    """As when the page has posted itself and its reader presses the button too."""
    browser = site.browser()
    path = path_of(site.request_mail(browser))
    token = browser.client.get_cookie("portal_browser_acme").value

    def post(_number):
        client = site.app.test_client()
        client.set_cookie("portal_browser_acme", token)
        return client.post(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(post, range(2)))

    assert answers == [303, 410]
    assert site.count(SignInSession) == 1


@pytest.mark.parametrize("ending", ["/", ".", "./", ".."])
def test_link_with_a_slash_or_full_stop_behind_it_works(site, ending):
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    page = browser.get(path + ending)
    assert page.form(action=path).action == path
    browser.post(path + ending)

    assert browser.get("/acme/").status == 200


def test_session_of_the_api_with_a_slash_or_full_stop_behind_it_works(site):
    for ending in ("/", "."):
        with site.services.database.unit_of_work() as session:
            minted = create_portal_session(
                session, site.services.settings, site.scope, at=site.clock.now(), actor=OPERATOR
            )
        browser = site.browser()
        page = browser.get(f"/acme{minted.path}{ending}")

        browser.submit(page, "Continue")

        assert browser.get("/acme/").status == 200


def test_link_signs_in_only_the_browser_that_clicks(site):
    asker, reader = site.browser(), site.browser()
    path = path_of(site.request_mail(asker))

    reader.post(path)

    assert reader.get("/acme/").status == 200
    assert asker.follow("/acme/").path.startswith("/acme/sign-in")


def test_second_click_says_that_the_link_is_used(site):
    browser = site.browser()
    path = path_of(site.request_mail(browser, next="/invoices"))
    browser.post(path)

    response = browser.post(path, status=410)

    assert "This link has been used" in response.get_data(as_text=True)
    assert site.count(SignInSession) == 1


def test_twenty_clicks_at_once_make_one_session(site):
    path = path_of(site.request_mail(site.browser()))

    def click(_number):
        return site.app.test_client().post(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(click, range(20)))

    assert sorted(answers) == [303, *[410] * 19]
    assert site.count(SignInSession) == 1


@pytest.mark.parametrize(("seconds", "status"), [(599, 303), (600, 410), (601, 410)])
def test_link_lives_ten_minutes_from_its_sending(site, seconds, status):
    browser = site.browser()
    site.request_sign_in(browser)
    site.clock.advance(minutes=3)
    (caught,) = site.deliver()

    site.clock.advance(seconds=seconds)

    answer = browser.post(path_of(caught), status=status).get_data(as_text=True)
    assert ("This link has expired" in answer) == (status == 410)


def test_clock_that_jumps_revives_nothing(site):
    used, expired = site.browser(), site.browser()
    used_path = path_of(site.request_mail(used))
    used.post(used_path)
    site.clock.advance(minutes=2)
    expired_path = path_of(site.request_mail(expired))
    site.clock.advance(hours=1)
    clean_up(site.services)
    for jump in ({"hours": -1}, {"days": 1}, {"days": -2}):
        site.clock.advance(**jump)
        used.post(used_path, status=410)
        expired.post(expired_path, status=410)


def test_expired_link_leads_to_a_fresh_one_at_the_same_target(site):
    asker, reader = site.browser(), site.browser()
    caught = site.request_mail(asker, next="/invoices?status=overdue")
    site.clock.advance(minutes=11)

    page = reader.get(path_of(caught), status=410)
    assert page.headline == "This link has expired"
    page = reader.submit(page, action="/fresh")
    (fresh,) = site.deliver()

    assert page.path.startswith("/acme/sign-in/code")
    assert fresh.link != caught.link
    assert reader.post(path_of(fresh)).headers["Location"] == "/acme/invoices?status=overdue"


DAMAGES = {
    "lower": str.lower,
    "upper": str.upper,
    "cut": lambda token: token[:-1],
    "cut short": lambda token: token[:10],
    "nothing": lambda _: "",
    "longer": lambda token: token + "A",
    "padded": lambda token: token + "=",
    "one letter": lambda token: token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1],
    "another id": lambda token: ("1" if token[0] != "1" else "2") + token[1:],
    "slash within": lambda token: f"{token[:30]}/{token[30:]}",
    "encoded": lambda token: "%25" + token,
    "letters of nowhere": lambda token: token[:-1] + "%EF%BC%A1",
    "raw bytes": lambda token: token[:-1] + "%FF",
    "surrogate": lambda token: token[:-1] + "%ED%A0%80",
    "long": lambda _: "A" * 3000,
}


def test_damaged_link_gets_a_page_that_helps(site):
    browser = site.browser()
    path = path_of(site.request_mail(browser))
    head, _, token = path.rpartition("/")

    for damage in DAMAGES.values():
        page = browser.get(f"{head}/{damage(token)}", status=404)
        assert page.headline == "This link is incomplete"
        assert page.link("Send a new link").startswith("/acme/sign-in")

    browser.post(path)


def test_link_of_one_merchant_is_refused_by_another(site):
    browser = site.browser()
    path = path_of(site.request_mail(browser)).replace("/acme/", "/savane/")

    browser.get(path, status=404)
    browser.post(path, status=404)

    assert site.count(SignInSession) == 0
    assert site.count(AuditEntry, action="portal.sign_in_refused", merchant_id=site.other.merchant_id) == 1


def test_foreign_links_are_remembered_a_few_times_an_hour(site):
    for _ in range(10):
        site.browser().post(f"/savane/sign-in/link/{'A' * 65}", status=404)

    assert site.count(AuditEntry, action="portal.sign_in_refused") == 3


def test_click_does_not_sign_in_the_browser_that_requested_the_link(site):
    attacker, owner = site.browser(), site.browser()
    path = path_of(site.request_mail(attacker))

    owner.post(path)

    assert attacker.follow("/acme/invoices").path.startswith("/acme/sign-in")
    assert "no longer works" in attacker.post("/acme/sign-in/code", {"code": "BBBB-BBBB"}, status=422).get_data(
        as_text=True
    )


def test_other_signed_in_customer_is_named_and_signed_out(site):
    jonas = site.add_customer("jonas@berg.example", name="Jonas Berg")
    browser = site.browser()
    browser.post(path_of(site.request_mail(browser, "jonas@berg.example")))
    path = path_of(site.request_mail(site.browser()))

    page = browser.get(path)
    assert "Jonas Berg is signed in here now" in page.text
    browser.post(path)

    (ended,) = site.rows(SignInSession, customer_id=jonas.customer_id)
    assert ended.revoked_at is not None
    assert "Maya Lindqvist" in browser.get("/acme/").text


@pytest.mark.parametrize("change", [{"blocked": True}, {"deleted_at": "now"}])
def test_customer_who_may_not_sign_in_any_more_is_refused(site, change):
    inside = site.signed_in()
    site.clock.advance(minutes=2)
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    site.change_customer(
        site.scope, **{name: site.clock.now() if value == "now" else value for name, value in change.items()}
    )

    browser.get(path, status=410)
    browser.post(path, status=410)
    assert inside.follow("/acme/").path.startswith("/acme/sign-in")


def test_session_id_is_new_at_every_sign_in_and_the_old_one_ends(site):
    browser = site.signed_in()
    (old,) = site.rows(SignInSession)
    site.clock.advance(minutes=2)

    browser.post(path_of(site.request_mail(site.browser())))

    old, new = site.rows(SignInSession)
    assert old.token_digest != new.token_digest
    assert old.revoked_at is not None
    assert new.revoked_at is None


def test_pages_with_a_token_keep_it_to_themselves(site):
    caught = site.request_mail(site.browser())

    response = site.app.test_client().get(path_of(caught))

    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"
    assert "http" not in response.get_data(as_text=True).replace("http-equiv", "")


@pytest.mark.parametrize(
    "origin", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}]
)
def test_link_posted_from_another_site_is_refused(site, origin):
    path = path_of(site.request_mail(site.browser()))

    assert site.app.test_client().post(path, headers=origin).status_code == 403

    assert site.count(SignInSession) == 0


TARGETS = [
    "//evil.example", "////evil.example", "/\\evil.example", "https:evil.example", "https://evil.example", "\t//evil.example",
    "javascript:alert(1)", "%2f%2fevil.example", "/%5cevil.example", "/%2fevil.example", "/..//evil.example", "/./x", "/a//b",
    "invoices", "", "/sign-out", "/sign-in/code", "/invoices\r\nSet-Cookie: a=b", "/" + "a" * 600, "/\x7f", "/é", "/ſ",
]  # fmt: skip


def test_target_elsewhere_leads_to_the_overview(site):
    browser = site.browser()

    for target in TARGETS:
        path = path_of(site.request_mail(browser, next=target))
        assert browser.post(path).headers["Location"] == "/acme/", target
        site.clock.advance(minutes=1)


def test_two_customers_of_one_mailbox_choose_after_the_proof(site):
    second = site.add_customer(ADDRESS.upper(), name="Maya L.", company_name="Lindqvist & Berg AB")
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    page = browser.get(path)
    assert "Maya" not in page.text
    choice = browser.post(path, status=422).get_data(as_text=True)
    assert "Lindqvist &amp; Berg AB" in choice
    assert site.count(Challenge, used_at=None) == 1
    browser.post(path, {"account": second.customer_id})

    (session,) = site.rows(SignInSession)
    assert session.customer_id == second.customer_id


def test_account_that_the_mailbox_does_not_prove_cannot_be_chosen(site):
    site.add_customer(ADDRESS, name="Maya L.")
    foreign = site.add_customer("jonas@berg.example", name="Jonas Berg")
    browser = site.browser()
    path = path_of(site.request_mail(browser))

    browser.post(path, {"account": foreign.customer_id}, status=422)
    browser.post(path, {"account": site.other.customer_id}, status=422)

    assert site.count(SignInSession) == 0
