"""Signing in by the mailed code: bound to the browser that requested it, few attempts, limits that hold (threats, group L)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from portal.audit.models import AuditEntry
from portal.sign_in.models import Challenge, SignInSession
from portal.sign_in.rules.tokens import code_of
from tests.support.site import ADDRESS, path_of

WRONG = "0000-0000"


def enter(browser, code, status=422):
    return browser.post("/acme/sign-in/code", {"code": code}, status=status)


def test_code_signs_in_the_browser_that_requested_it(site):
    browser = site.browser()
    page = browser.submit(browser.get("/acme/sign-in"), "Send link and code", email=ADDRESS)
    (caught,) = site.deliver()

    page = browser.submit(page, "Sign in", code=caught.code.lower().replace("-", " "))

    assert page.path == "/acme/"


def test_code_does_not_work_in_another_browser(site):
    asker, stranger = site.browser(), site.browser()
    code = site.request_mail(asker).code

    assert "Start with your address" in enter(stranger, code).get_data(as_text=True)
    site.request_sign_in(stranger)
    assert "not the code we sent last" in enter(stranger, code).get_data(as_text=True)

    enter(asker, code, 303)


def test_code_of_one_merchant_is_refused_by_another(site):
    browser = site.browser()
    code = site.request_mail(browser).code
    site.request_sign_in(browser, root="/savane")

    browser.post("/savane/sign-in/code", {"code": code}, status=422)

    assert site.count(SignInSession) == 0


def test_five_wrong_codes_end_a_challenge(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    for left in (4, 3, 2, 1, 0):
        assert f"{left} tr" in enter(browser, WRONG).get_data(as_text=True)

    answer = enter(browser, caught.code).get_data(as_text=True)

    assert "We have sent a fresh one" in answer
    assert site.count(SignInSession) == 0
    assert refusals(site) == ["no_tries_left"]


def test_link_still_works_after_five_wrong_codes(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    for _ in range(5):
        enter(browser, WRONG)

    browser.post(path_of(caught))


def test_expired_code_leads_to_a_fresh_one(site):
    browser = site.browser()
    caught = site.request_mail(browser, next="/invoices")
    site.clock.advance(minutes=10)

    assert "This code has run out" in enter(browser, caught.code).get_data(as_text=True)
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
    enter(browser, caught.code)


def test_code_is_not_known_before_the_mail_leaves(site):
    browser = site.browser()
    site.request_sign_in(browser)
    (challenge,) = site.rows(Challenge)
    code = code_of(site.services.settings.keys, site.scope.merchant_id, challenge.id)

    assert "not the code we sent last" in enter(browser, code).get_data(as_text=True)

    assert site.count(SignInSession) == 0
    assert site.count(Challenge) == 1


def test_new_request_supersedes_the_earlier_one_of_this_browser(site):
    browser = site.browser()
    first = site.request_mail(browser)
    site.clock.advance(minutes=1)
    page = browser.submit(browser.get("/acme/sign-in/code"), "Send again")
    assert "A fresh message is on its way" in page.text
    (second,) = site.deliver()

    enter(browser, first.code)
    browser.post(path_of(first), status=410)

    enter(browser, second.code, 303)


def test_request_does_not_supersede_that_of_another_browser(site):
    owner, attacker = site.browser(), site.browser()
    code = site.request_mail(owner).code

    for _ in range(3):
        site.request_sign_in(attacker)
        attacker.post("/acme/sign-in/code/fresh")
        enter(attacker, WRONG)

    enter(owner, code, 303)


NO_CODES = [
    ("K7QM-2X", "2 are missing"),
    ("K7QM2XP", "1 is missing"),
    ("", "8 are missing"),
    ("K7QM-2XPA9", "this is longer"),
    ("A" * 50_000, "this is longer"),
    ("²²²²-²²²²", "other signs"),
    ("١٢٣٤٥٦٧٨", "other signs"),
    ("K7QM-2XPU", "other signs"),
    ("ıſK7-2XPA", "other signs"),
    ("K7QM\ud800", "other signs"),
    ("<script>", "other signs"),
]


def test_malformed_code_is_reported_and_costs_no_attempt(site):
    browser = site.browser()
    site.request_mail(browser)

    for typed, says in NO_CODES:
        answer = browser.post("/acme/sign-in/code", {"code": typed.encode("utf-8", "surrogatepass")}, status=422)
        assert says in answer.get_data(as_text=True)

    assert [row.tries_left for row in site.rows(Challenge)] == [5]


def test_bytes_that_no_form_has_are_refused(site):
    browser = site.browser()
    site.request_mail(browser)

    browser.post("/acme/sign-in/code", {"code": "K7QM\0"}, status=400)
    browser.post("/acme/sign-in/code", {"code": ["K7QM-2XPA", "K7QM-2XPB"]}, status=422)

    assert [row.tries_left for row in site.rows(Challenge)] == [5]


def test_guessing_stops_for_an_address_and_the_owner_signs_in_by_the_link(site):
    site = site.with_settings(sign_in_mails_per_address_per_hour=50)
    owner, attacker = site.browser(), site.browser()
    caught = site.request_mail(owner)
    guess_wrongly(site, attacker, 20)

    site.request_sign_in(attacker)
    answer = enter(attacker, WRONG, 429)
    assert "Too many tries. You can go on at 11:42" in answer.get_data(as_text=True)
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert refusals(site).count("too_many_codes") == 1
    enter(owner, caught.code, 429)

    owner.post(path_of(caught))


def test_lock_ends_after_an_hour(site):
    site = site.with_settings(sign_in_mails_per_address_per_hour=50)
    guess_wrongly(site, site.browser(), 20)
    site.clock.advance(hours=1)

    owner = site.browser()

    enter(owner, site.request_mail(owner).code, 303)


def test_code_entered_after_too_many_messages_says_when_to_continue(site):
    for _ in range(5):
        site.request_sign_in(site.browser())
    owner = site.browser()
    site.request_sign_in(owner)

    assert "No more messages before 11:42" in owner.get("/acme/sign-in/code").text
    assert "No more messages before 11:42" in enter(owner, WRONG).get_data(as_text=True)


def guess_wrongly(site, attacker, times):
    """Wrong codes for Maya's address from one browser, which requests a new challenge when one has no attempts left."""
    for number in range(times):
        if number % 5 == 0:
            site.request_sign_in(attacker)
        enter(attacker, WRONG)


def test_failures_in_a_row_shut_codes_until_a_link_is_used(site):
    site = site.with_settings(sign_in_failures_in_a_row=6, sign_in_mails_per_address_per_hour=50)
    owner, attacker = site.browser(), site.browser()
    guess_wrongly(site, attacker, 6)
    site.clock.advance(hours=3)
    caught = site.request_mail(owner)

    assert "Too many tries with codes" in enter(owner, caught.code, 429).get_data(as_text=True)
    owner.post(path_of(caught))
    site.clock.advance(minutes=5)

    enter(owner, site.request_mail(owner).code, 303)


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
    site = site.with_settings(sign_in_failures_per_ip_per_hour=2, sign_in_mails_per_address_per_hour=50)
    for _ in range(5):
        browser = site.browser()
        enter(browser, site.request_mail(browser).code, 303)
        site.clock.advance(minutes=2)


def test_concurrent_guesses_do_not_exceed_the_attempts(site):
    browser = site.browser()
    site.request_mail(browser)
    (challenge,) = site.rows(Challenge)
    cookie = browser.client.get_cookie("portal_browser_acme")

    def guess(_number):
        client = site.app.test_client()
        client.set_cookie("portal_browser_acme", cookie.value)
        return client.post(
            "/acme/sign-in/code", data={"code": WRONG}, headers={"Sec-Fetch-Site": "same-origin"}
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(8)))

    (guessed,) = site.rows(Challenge, id=challenge.id)
    assert guessed.tries_left == 0
    assert refusals(site) == ["no_tries_left"]
    assert site.count(SignInSession) == 0


def test_twenty_right_codes_at_once_make_one_session(site):
    browser = site.browser()
    code = site.request_mail(browser).code
    cookie = browser.client.get_cookie("portal_browser_acme")

    def enter_at_once(_number):
        client = site.app.test_client()
        client.set_cookie("portal_browser_acme", cookie.value)
        return client.post(
            "/acme/sign-in/code", data={"code": code}, headers={"Sec-Fetch-Site": "same-origin"}
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(enter_at_once, range(20)))

    assert answers.count(303) == 1
    assert site.count(SignInSession) == 1


def test_two_customers_of_one_mailbox_choose_after_the_code(site):
    second = site.add_customer(ADDRESS, name="Maya L.", company_name="Lindqvist & Berg AB")
    browser = site.browser()
    code = site.request_mail(browser).code

    answer = enter(browser, code)
    assert "Which account?" in answer.get_data(as_text=True)
    assert [row.tries_left for row in site.rows(Challenge)] == [5]
    browser.post("/acme/sign-in/code", {"code": code, "account": second.customer_id})

    assert [row.customer_id for row in site.rows(SignInSession)] == [second.customer_id]


def refusals(site):
    """Why somebody was refused, as the audit log says."""
    return [entry.details["reason"] for entry in site.rows(AuditEntry, action="portal.sign_in_refused")]
