"""Signing in by the mailed code: bound to the browser that requested it, few attempts, limits that hold (threats, group L)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from portal.audit.models import AuditEntry
from portal.sign_in.models import Challenge, RateCounter, SignInSession
from portal.sign_in.rules.tokens import code_of
from tests.support.site import ADDRESS, path_of

WRONG = "BBBB-BBBB"


def enter(browser, code, status=422):
    return browser.post("/acme/sign-in/code", {"code": code}, status=status)


def test_code_signs_in_the_browser_that_requested_it(site):
    browser = site.browser()
    page = browser.submit(browser.get("/acme/sign-in"), "Send link and code", email=ADDRESS)
    (caught,) = site.deliver()

    page = browser.submit(page, "Sign in", code=caught.code.lower().replace("-", " "))

    assert page.path == "/acme/"


def test_code_does_not_work_in_a_browser_that_did_not_request_it(site):
    asker, stranger = site.browser(), site.browser()
    code = site.request_mail(asker).code

    assert "Start with your email address" in enter(stranger, code).get_data(as_text=True)
    site.request_sign_in(stranger, "somebody@else.example")
    assert "not the code from our email" in enter(stranger, code).get_data(as_text=True)

    enter(asker, code, 303)


def test_code_of_one_merchant_is_refused_by_another(site):
    browser = site.browser()
    code = site.request_mail(browser).code
    site.request_sign_in(browser, root="/savane")

    browser.post("/savane/sign-in/code", {"code": code}, status=422)

    assert site.count(SignInSession) == 0


def test_five_wrong_codes_use_up_the_tries_of_a_browser_and_leave_the_link(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    for left in (4, 3, 2, 1):
        assert f"{left} attempt" in enter(browser, WRONG).get_data(as_text=True)
    fifth = enter(browser, WRONG).get_data(as_text=True)
    assert "You can enter one again at 11:42" in fifth
    assert "The link in the email still signs you in" in fifth

    sixth = enter(browser, caught.code, 429)

    assert sixth.headers["Retry-After"] == "3600"
    assert site.count(SignInSession) == 0
    assert site.deliver() == []
    assert refusals(site) == ["no_tries_left"]
    browser.post(path_of(caught))


def test_tries_are_not_renewed_by_asking_again(site):
    browser = site.browser()
    site.request_mail(browser)
    for number in range(4):
        enter(browser, WRONG)
        site.clock.advance(minutes=2)
        (browser.post if number % 2 else lambda _: site.request_sign_in(browser))("/acme/sign-in/code/fresh")
        site.deliver()

    # The ten minutes are over: a challenge of its own, with a code of its own, and the last of the same five tries.
    site.clock.advance(minutes=10)
    caught = site.request_mail(browser)
    assert "You can enter one again" in enter(browser, WRONG).get_data(as_text=True)
    enter(browser, caught.code, 429)
    site.clock.advance(minutes=41)
    caught = site.request_mail(browser)
    enter(browser, caught.code, 429)

    site.clock.advance(minutes=1)
    enter(browser, caught.code, 303)


def test_other_browsers_of_the_same_address_have_tries_of_their_own(site):
    attacker, owner = site.browser(), site.browser()
    site.request_sign_in(attacker)
    site.request_sign_in(owner)
    (caught,) = site.deliver()
    for _ in range(5):
        enter(attacker, WRONG)
    enter(attacker, caught.code, 429)

    enter(owner, caught.code, 303)


def test_link_works_on_after_wrong_codes_whatever_was_requested_since(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    for _ in range(5):
        enter(browser, WRONG)
    enter(browser, WRONG, 429)
    site.clock.advance(minutes=2)
    site.request_sign_in(browser)
    site.deliver()

    browser.post(path_of(caught))


def test_expired_code_leads_to_a_fresh_one(site):
    browser = site.browser()
    caught = site.request_mail(browser, next="/invoices")
    site.clock.advance(minutes=10)

    assert "This code no longer works. We have sent you a new one" in enter(browser, caught.code).get_data(as_text=True)
    (fresh,) = site.deliver()

    assert enter(browser, fresh.code, 303).headers["Location"] == "/acme/invoices"


def test_code_works_until_the_last_second(site):
    browser = site.browser()
    caught = site.request_mail(browser)

    site.clock.advance(minutes=9, seconds=59)

    enter(browser, caught.code, 303)


def test_code_is_used_up_by_the_link_and_the_link_by_the_code(site):
    browser, other = site.browser(), site.browser()
    caught = site.request_mail(browser)
    enter(browser, caught.code, 303)
    other.post(path_of(caught), status=410)

    site.clock.advance(minutes=2)
    caught = site.request_mail(browser)
    other.post(path_of(caught))
    assert "This code no longer works" in enter(browser, caught.code).get_data(as_text=True)


def test_code_is_not_known_before_the_mail_leaves(site):
    browser = site.browser()
    site.request_sign_in(browser)
    (challenge,) = site.rows(Challenge)
    code = code_of(site.services.settings.keys, site.scope.merchant_id, challenge.id)

    assert "not the code from our email" in enter(browser, code).get_data(as_text=True)

    assert site.count(SignInSession) == 0
    assert site.count(Challenge) == 1


def test_mail_sent_again_has_the_same_link_and_code(site):
    browser = site.browser()
    first = site.request_mail(browser)
    site.clock.advance(minutes=1)
    page = browser.submit(browser.get("/acme/sign-in/code"), "Send again")
    assert "Another email is on its way" in page.text

    (second,) = site.deliver()

    assert (second.code, second.link) == (first.code, first.link)
    site.clock.advance(minutes=9, seconds=59)
    enter(browser, first.code, 303)


def test_code_of_an_earlier_mail_works_until_its_own_time_is_over(site):
    browser = site.browser()
    site.request_mail(browser)
    site.clock.advance(minutes=9)
    browser.post("/acme/sign-in/code/fresh")
    (first,) = site.deliver()
    site.clock.advance(minutes=2)

    # The ten minutes in which requests join are over.
    second = site.request_mail(browser)
    assert second.code != first.code

    enter(browser, first.code, 303)


def test_requests_and_wrong_codes_of_another_browser_leave_the_code_valid(site):
    owner, attacker = site.browser(), site.browser()
    code = site.request_mail(owner).code

    for _ in range(3):
        site.request_sign_in(attacker)
        attacker.post("/acme/sign-in/code/fresh")
        enter(attacker, WRONG)

    enter(owner, code, 303)


NO_CODES = [
    ("WDJB-MJ", "2 are missing"),
    ("WDJBMJH", "1 is missing"),
    ("", "8 are missing"),
    ("WDJB-MJHTTT", "This is longer"),
    ("B" * 50_000, "This is longer"),
    ("²²²²-²²²²", "other characters"),
    ("١٢٣٤٥٦٧٨", "other characters"),
    ("WDJB-MJH7", "other characters"),
    ("WDJB-MJHA", "other characters"),
    ("ıſWD-JBMJ", "other characters"),
    ("WDJB\ud800", "other characters"),
    ("<script>", "other characters"),
]


def test_malformed_code_is_reported_and_costs_no_attempt(site):
    browser = site.browser()
    site.request_mail(browser)

    for typed, says in NO_CODES:
        answer = browser.post("/acme/sign-in/code", {"code": typed.encode("utf-8", "surrogatepass")}, status=422)
        assert says in answer.get_data(as_text=True)

    assert tries(site) == []


def test_bytes_that_no_form_has_are_refused(site):
    browser = site.browser()
    site.request_mail(browser)

    browser.post("/acme/sign-in/code", {"code": "WDJB\0"}, status=400)
    browser.post("/acme/sign-in/code", {"code": ["WDJB-MJHT", "WDJB-MJHV"]}, status=422)

    assert tries(site) == []


def test_guessing_stops_for_an_address_and_the_owner_signs_in_by_the_link(site):
    owner = site.browser()
    caught = site.request_mail(owner)
    guess_wrongly(site, 20)

    attacker = site.browser()
    site.request_sign_in(attacker)
    answer = enter(attacker, WRONG, 429)
    assert "You can enter one again at 11:42" in answer.get_data(as_text=True)
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert refusals(site).count("too_many_codes") == 1
    enter(owner, caught.code, 429)

    owner.post(path_of(caught))


def test_lock_ends_after_an_hour(site):
    guess_wrongly(site, 20)
    site.clock.advance(hours=1)

    owner = site.browser()

    enter(owner, site.request_mail(owner).code, 303)


def guess_wrongly(site, times):
    """Wrong codes for Maya's address, five from each browser, as often as one has any tries left."""
    browsers = [site.browser() for _ in range((times + 4) // 5)]
    for browser in browsers:
        site.request_sign_in(browser)
    for number in range(times):
        enter(browsers[number // 5], WRONG)


def test_failures_in_a_row_shut_codes_until_a_link_is_used(site):
    site = site.with_settings(sign_in_failures_in_a_row=6)
    owner = site.browser()
    guess_wrongly(site, 6)
    site.clock.advance(hours=3)
    caught = site.request_mail(owner)

    page = enter(owner, caught.code, 429).get_data(as_text=True)
    assert "Too many wrong codes." in page and "again at" not in page
    owner.post(path_of(caught))
    site.clock.advance(minutes=5)

    stranger = site.browser()
    enter(stranger, site.request_mail(stranger).code, 303)


def test_one_network_address_cannot_guess_at_many_customers(site):
    site = site.with_settings(sign_in_failures_per_ip_per_hour=7)
    answers = []
    for number in range(10):
        browser = site.browser()
        site.request_sign_in(browser, f"customer{number}@shop.example")
        answers.append(
            browser.client.post(
                "/acme/sign-in/code", data={"code": WRONG}, headers={"Sec-Fetch-Site": "same-origin"}
            ).status_code
        )

    assert answers == [422] * 7 + [429] * 3


def test_forged_headers_do_not_reset_the_limit(site):
    site = site.with_settings(sign_in_failures_per_ip_per_hour=3)
    answers = []
    for number in range(5):
        browser = site.browser()
        site.request_sign_in(browser, f"customer{number}@shop.example")
        headers = {
            "Sec-Fetch-Site": "same-origin",
            "X-Forwarded-For": f"198.51.100.{number}",
            "Forwarded": f"for=198.51.100.{number}",
            "X-Real-IP": f"198.51.100.{number}",
            "Authorization": f"Bearer {number}",
            "User-Agent": f"agent {number}",
        }
        answers.append(browser.client.post("/acme/sign-in/code", data={"code": WRONG}, headers=headers).status_code)

    assert answers == [422, 422, 422, 429, 429]


def test_correct_code_is_not_counted_as_a_failure(site):
    site = site.with_settings(sign_in_failures_per_ip_per_hour=2)
    for _ in range(5):
        browser = site.browser()
        enter(browser, site.request_mail(browser).code, 303)
        site.clock.advance(minutes=2)


def test_concurrent_guesses_do_not_exceed_the_tries_of_a_browser(site):
    browser = site.browser()
    site.request_mail(browser)

    answers = at_once(site, [browser] * 8, WRONG)

    assert sorted(answers) == [422] * 5 + [429] * 3
    assert refusals(site) == ["no_tries_left"]
    assert site.count(SignInSession) == 0


def test_concurrent_guesses_of_many_browsers_do_not_exceed_those_of_an_address(site):
    browsers = [site.browser() for _ in range(12)]
    for browser in browsers:
        site.request_sign_in(browser)
    site.deliver()

    answers = at_once(site, browsers * 2, WRONG)

    assert sorted(answers) == [422] * 20 + [429] * 4
    assert refusals(site) == ["too_many_codes"]


def test_right_code_from_twenty_browsers_at_once_makes_one_session(site):
    """Ten posts of one browser, and ten of others, which joined its request."""
    browsers = [site.browser() for _ in range(11)]
    for browser in browsers:
        site.request_sign_in(browser)
    (caught,) = site.deliver()

    answers = at_once(site, [browsers[0]] * 10 + browsers[1:], caught.code)

    assert answers.count(303) == 1
    assert site.count(SignInSession) == 1


def at_once(site, browsers, code):
    """Post a code from each of the browsers at the same time; return the statuses."""

    def post(browser):
        client = site.app.test_client()
        client.set_cookie("portal_browser_acme", browser.client.get_cookie("portal_browser_acme").value)
        return client.post(
            "/acme/sign-in/code", data={"code": code}, headers={"Sec-Fetch-Site": "same-origin"}
        ).status_code

    with ThreadPoolExecutor(len(browsers)) as pool:
        return list(pool.map(post, browsers))


def test_two_customers_of_one_mailbox_choose_after_the_code(site):
    second = site.add_customer(ADDRESS, name="Maya L.", company_name="Lindqvist & Berg AB")
    browser = site.browser()
    code = site.request_mail(browser).code

    answer = enter(browser, code)
    assert "Which account?" in answer.get_data(as_text=True)
    assert tries(site) == [0]
    browser.post("/acme/sign-in/code", {"code": code, "account": second.customer_id})

    assert [row.customer_id for row in site.rows(SignInSession)] == [second.customer_id]


def refusals(site):
    """Why somebody was refused, as the audit log says."""
    return [entry.details["reason"] for entry in site.rows(AuditEntry, action="portal.sign_in_refused")]


def tries(site):
    """The counts of tries that were judged, by browser."""
    return [row.count for row in site.rows(RateCounter) if row.key.startswith("code-browser:")]
