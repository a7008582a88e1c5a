"""Asking for a message: a known and an unknown address are alike, bad input changes nothing, limits hold (threats, group L)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.outbox.models import OutboxMessage
from portal.sign_in.models import Challenge, RateCounter
from portal.worker import clean_up
from tests.support.mail_catcher import Caught
from tests.support.people import insert_person
from tests.support.site import ADDRESS, path_of
from tests.support.statements import contents, counted_statements

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
UNKNOWN = "nora@lindqvist.example"
INVITED = "sami@lindqvist.example"


def work_of(site, address):
    """All effects and responses of a request for an address, without ids and digests."""
    before = contents(site.services.database)
    browser = site.browser()
    with counted_statements(site.services.database) as statements:
        requested = browser.client.post("/acme/sign-in", data={"email": address}, headers=SAME_ORIGIN)
        page = browser.client.get("/acme/sign-in/code")
        wrong = browser.client.post("/acme/sign-in/code", data={"code": "BBBB-BBBB"}, headers=SAME_ORIGIN)
    with counted_statements(site.services.database) as relayed:
        mails = site.deliver()
    after = contents(site.services.database)
    return {
        "answers": [
            (
                each.status_code,
                neutral(str(sorted(each.headers.items()))),
                neutral(each.get_data(as_text=True), address),
            )
            for each in (requested, page, wrong)
        ],
        "statements": statements,
        "relayed": [statement for statement in relayed if "outbox" not in statement],
        "rows": {name: len(after[name]) - len(before[name]) for name in after},
        "lengths": [len(each.get_data()) for each in (requested, page, wrong)],
    }, mails


def neutral(text, address=""):
    """What is different by nature taken out: tokens, the second of the clock, and the address that was typed."""
    text = re.sub(r"[A-Za-z0-9_-]{32,}", "…", text)
    text = re.sub(r"Expires=[^;]+", "Expires=…", text)  # Werkzeug writes it by the machine's clock.
    text = re.sub(r"(portal_address_acme)=\w+", r"\1=…", text)  # What this browser typed, for its own pages.
    return text.replace(address, "…") if address else text


def test_known_and_unknown_addresses_are_the_same_work_and_answer(site):
    work_of(site, "somebody@lindqvist.example")  # From here on the limits of network and merchant have their rows.
    site.clock.advance(minutes=2)
    known, mails = work_of(site, ADDRESS)
    site.clock.advance(minutes=2)
    unknown, none = work_of(site, UNKNOWN)

    assert known == unknown
    assert known["rows"]["sign_in_challenges"] == known["rows"]["outbox_messages"] == 1
    assert len(mails) == 1
    assert none == []


def test_invited_address_is_the_same_work_and_answer_as_an_unknown_one(site):
    insert_person(site, INVITED)
    work_of(site, "somebody@lindqvist.example")
    site.clock.advance(minutes=2)
    invited, mails = work_of(site, INVITED)
    site.clock.advance(minutes=2)
    unknown, none = work_of(site, UNKNOWN)

    assert invited == unknown
    assert [mail.recipients for mail in mails] == [(INVITED,)]
    assert none == []


def test_signing_in_reads_no_table_from_end_to_end(site):
    """Strangers make the rows: what costs more with each of them is a way to slow everybody down."""
    add_challenges(site, 3000)
    browser = site.browser()
    sent = []

    def note(_connection, _cursor, statement, parameters, _context, is_many):
        if not is_many and "sign_in_" in statement and statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE", "DELETE"):
            sent.append((statement, parameters))

    for engine in {site.services.database.reader, site.services.database.writer}:
        sa.event.listen(engine, "before_cursor_execute", note)
    caught = site.request_mail(browser)
    browser.get("/acme/sign-in/code")
    browser.post("/acme/sign-in/code", {"code": "BBBB-BBBB"}, status=422)
    browser.get(path_of(caught))
    browser.post(path_of(caught))
    for engine in {site.services.database.reader, site.services.database.writer}:
        sa.event.remove(engine, "before_cursor_execute", note)

    assert len(sent) > 10
    explain = "EXPLAIN QUERY PLAN" if site.services.database.is_sqlite else "EXPLAIN"
    with site.services.database.read() as reader:
        plans = {
            statement: [str(row) for row in reader.exec_driver_sql(f"{explain} {statement}", parameters)]
            for statement, parameters in sent
        }
    walked = re.compile(r"SCAN sign_in_|Seq Scan on sign_in_challenges|SEARCH sign_in_challenges .*\(merchant_id=\?\)'")
    assert {statement: plan for statement, plan in plans.items() if walked.search("\n".join(plan))} == {}


def add_challenges(site, count):
    """Challenges of as many other mailboxes, whose time is over."""
    at = site.clock.now() - timedelta(hours=1)
    rows = [
        {
            "merchant_id": site.scope.merchant_id, "id": f"sic_{number:022d}", "address_digest": number.to_bytes(32, "big"),
            "masked_address": "x", "browser_digest": number.to_bytes(32, "big"), "target": "/", "locale": "en", "tries_left": 5,
            "created_at": at, "mailed_at": at, "expires_at": at, "is_joinable": True,
        }
        for number in range(count)
    ]  # fmt: skip
    with site.services.database.unit_of_work() as session:
        session.execute(sa.insert(Challenge), rows)
    if not site.services.database.is_sqlite:
        with site.services.database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE sign_in_challenges")


@pytest.mark.parametrize("change", [{"blocked": True}, {"deleted_at": "now"}])
def test_customer_who_may_not_sign_in_looks_unknown(site, change):
    site.change_customer(
        site.scope, **{name: site.clock.now() if value == "now" else value for name, value in change.items()}
    )
    work_of(site, "somebody@lindqvist.example")
    site.clock.advance(minutes=2)
    refused, mails = work_of(site, ADDRESS)
    site.clock.advance(minutes=2)
    unknown, _ = work_of(site, UNKNOWN)

    assert refused == unknown
    assert mails == []


def test_answer_never_holds_link_or_code(site):
    browser = site.browser()
    response = browser.post("/acme/sign-in", {"email": ADDRESS})
    page = browser.get("/acme/sign-in/code")
    (caught,) = site.deliver()

    for text in (
        str(response.headers),
        response.get_data(as_text=True),
        page.html,
        browser.get("/acme/sign-in/code").html,
    ):
        assert caught.code not in text
        assert caught.code.replace("-", "") not in text
        assert path_of(caught).rpartition("/")[2] not in text


def test_mail_goes_to_the_stored_address_alone(site):
    site.add_customer("kelvin@scale.example", name="Kelvin")
    browser = site.browser()

    for typed in ("\u212aELVIN@scale.example", "Kelvin@SCALE.example", "  kelvin@scale.example  "):
        assert site.request_mail(browser, typed).recipients == ("kelvin@scale.example",)
        site.clock.advance(minutes=1)


def test_typed_twin_of_the_stored_address_is_mailed_as_it_is_stored(site):
    site.add_customer("sam@scale.example", name="Sam")

    assert site.request_mail(site.browser(), "ſam@scale.example").recipients == ("sam@scale.example",)


def test_twin_of_another_script_finds_the_customer_but_proves_only_its_own_mailbox(site):
    site.add_customer("ſam@scale.example", name="First")
    site.add_customer("sam@scale.example", name="Second")
    browser = site.browser()

    caught = site.request_mail(browser, "sam@scale.example")

    assert caught.recipients == ("sam@scale.example",)
    assert "Second" in browser.get(path_of(caught)).text
    browser.post(path_of(caught))


BAD_ADDRESSES = [
    "maya@lindqvist", "maya", "@", "a@x,b@y", "a@x.example,b@y.example", "a@x.example;b@y.example", "<maya@lindqvist.example>",
    "Maya <maya@lindqvist.example>", "maya@lindqvist.example\r\nBcc: evil@x.example", "maya@lindqvist.example%0aBcc:x",
    "=?utf-8?q?maya=0D=0ABcc:_evil=40x.example?=@lindqvist.example", "maya @lindqvist.example", '"maya"@lindqvist.example',
    "maya(comment)@lindqvist.example", "maya@[192.0.2.1]", "maya@lindqvist..example", "a" * 300 + "@lindqvist.example",
    "a" * 50_000, "maya\u2028x@lindqvist.example", "\u202emaya@lindqvist.example", "maya@lind\ud800qvist.example", "²@١٢٣",
]  # fmt: skip


def test_malformed_address_comes_back_and_nothing_is_sent(site):
    before = contents(site.services.database)

    for bad in BAD_ADDRESSES:
        response = site.browser().post("/acme/sign-in", {"email": bad.encode("utf-8", "surrogatepass")}, status=422)
        assert "It looks like name@example.com" in response.get_data(as_text=True), bad

    assert contents(site.services.database) == before


def test_invalid_form_shows_address_and_target_again(site):
    browser = site.browser()

    response = browser.post("/acme/sign-in", {"email": "maya@lindqvist", "next": "/invoices"}, status=422)

    html = response.get_data(as_text=True)
    assert 'value="maya@lindqvist"' in html
    assert 'name="next" value="/invoices"' in html
    assert "autofocus" in html


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {}},
        {"data": {"email": ""}},
        {"data": {"email": ["maya@lindqvist.example", "evil@x.example"]}},
        {"data": {"email": ["maya@lindqvist.example", "maya@lindqvist.example"]}},
        {"json": {"email": ADDRESS}},
        {"json": [ADDRESS]},
        {"data": b"\xff\xfe", "content_type": "application/json"},
        {"data": b"email=%ff%fe", "content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_form_that_names_no_single_address_is_refused(site, sent):
    response = site.app.test_client().post("/acme/sign-in", headers=SAME_ORIGIN, **sent)

    assert response.status_code in (415, 422)  # A page takes no JSON.
    assert site.count(Challenge) == 0


def test_mail_goes_again_once_a_minute_at_most(site):
    for _ in range(3):
        site.request_sign_in(site.browser())
    (first,) = site.deliver()
    site.clock.advance(seconds=59)
    site.request_sign_in(site.browser())
    assert site.deliver() == []

    site.clock.advance(seconds=1)
    for _ in range(3):
        site.request_sign_in(site.browser())

    (second,) = site.deliver()
    assert (second.link, second.code) == (first.link, first.code)
    assert site.count(Challenge) == 1


def test_page_says_that_the_earlier_mail_counts(site):
    browser = site.browser()
    site.request_sign_in(browser)
    page = browser.submit(browser.get("/acme/sign-in/code"), "Send again")
    assert "The email is already on its way" in page.text
    site.deliver()
    site.clock.advance(seconds=30)

    page = browser.submit(page, "Send again")

    assert "The email from 10:42 is still valid" in page.text
    assert site.deliver() == []


def test_mail_after_a_sign_in_waits_for_its_minute(site):
    """A stranger who requests right after the owner has signed in: another challenge, and still one mail a minute."""
    owner = site.browser()
    owner.post(path_of(site.request_mail(owner)))

    site.request_sign_in(site.browser())

    assert site.deliver() == []
    site.clock.advance(minutes=1)
    assert len(site.deliver()) == 1


@pytest.mark.parametrize("address", [ADDRESS, UNKNOWN])
def test_strangers_have_ten_mails_an_hour_sent(site, address):
    """However often they request: the first mail of each challenge, six in an hour, and four again."""
    site = site.with_settings(sign_in_mails_per_ip_per_hour=1000)
    queued_at = []
    for minute in range(60):
        for _ in range(2):
            before = site.count(OutboxMessage)
            site.request_sign_in(site.browser(), address)
            queued_at += [minute] * (site.count(OutboxMessage) - before)
        site.deliver()
        site.clock.advance(minutes=1)

    assert queued_at == [0, 1, 2, 3, 4, 10, 20, 30, 40, 50]
    assert site.count(Challenge) == 6
    site.request_sign_in(site.browser(), address)
    assert site.count(OutboxMessage) == 11


def test_requests_of_one_network_address_are_limited(site):
    site = site.with_settings(sign_in_mails_per_ip_per_hour=3)
    for number in range(3):
        site.request_sign_in(site.browser(), f"customer{number}@shop.example")

    response = site.browser().post("/acme/sign-in", {"email": "customer9@shop.example"}, status=429)

    assert "You can try again at 11:42" in response.get_data(as_text=True)
    assert response.headers["Retry-After"] == "3600"
    assert site.count(Challenge) == 3
    other = site.app.test_client().post(
        "/acme/sign-in", data={"email": ADDRESS}, headers=SAME_ORIGIN, environ_base={"REMOTE_ADDR": "198.51.100.7"}
    )
    assert other.status_code == 303


def requested_from(site, network, address):
    return (
        site.app.test_client()
        .post("/acme/sign-in", data={"email": address}, headers=SAME_ORIGIN, environ_base={"REMOTE_ADDR": network})
        .status_code
    )


def test_messages_of_one_merchant_used_up_refuse_busy_networks_alone(site):
    site = site.with_settings(sign_in_mails_per_hour=3, sign_in_spare_mails_per_ip_per_hour=2)
    busy = [requested_from(site, "198.51.100.1", f"customer{number}@shop.example") for number in range(5)]
    quiet = [requested_from(site, "198.51.100.2", f"client{number}@shop.example") for number in range(4)]

    assert busy == [303, 303, 303, 429, 429]
    assert quiet == [303, 303, 429, 429]
    assert requested_from(site, "198.51.100.3", ADDRESS) == 303
    site.request_sign_in(site.browser(), root="/savane")


def test_whole_ipv6_network_does_not_look_like_many_quiet_ones(site):
    site = site.with_settings(sign_in_mails_per_hour=3, sign_in_spare_mails_per_network_per_hour=2)
    of_one_48 = [requested_from(site, f"2001:db8:1:{n:x}::1", f"customer{n}@shop.example") for n in range(8)]

    assert of_one_48 == [303] * 5 + [429] * 3
    assert requested_from(site, "2001:db8:2::1", ADDRESS) == 303


def test_limits_outlive_a_restart(site):
    site.with_settings(sign_in_mails_per_ip_per_hour=1).request_sign_in(site.browser())

    site = site.with_settings(sign_in_mails_per_ip_per_hour=1)

    site.browser().post("/acme/sign-in", {"email": ADDRESS}, status=429)


def test_limits_outlive_the_cleaning_of_old_rows(site):
    site.request_mail(site.browser())
    before = site.count(RateCounter)

    clean_up(site.services)
    assert before > 0 and site.count(RateCounter) == before
    site.clock.advance(days=3)
    clean_up(site.services)
    assert site.count(RateCounter) == 0


def test_ipv6_network_shares_one_limit(site):
    site = site.with_settings(sign_in_mails_per_ip_per_hour=1)
    answers = [
        site.app.test_client().post(
            "/acme/sign-in", data={"email": ADDRESS}, headers=SAME_ORIGIN, environ_base={"REMOTE_ADDR": remote}
        ).status_code
        for remote in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1")
    ]  # fmt: skip

    assert answers == [303, 429, 303]


def test_mail_server_that_is_down_for_a_quarter_hour_makes_no_dead_link(site):
    down = site.with_settings(smtp_url="smtp://127.0.0.1:9")
    browser = site.browser()
    site.request_sign_in(browser)
    for _ in range(15):
        assert down.deliver() == []
        site.clock.advance(minutes=1)

    mails: list[Caught] = []
    while not mails:
        mails = site.deliver()
        site.clock.advance(minutes=1)
    site.clock.advance(minutes=8)

    assert browser.post(path_of(mails[0])).status_code == 303


def test_address_is_nowhere_in_limits_and_payloads(site):
    site.request_sign_in(site.browser())

    for row in site.rows(RateCounter):
        assert "maya" not in row.key
        assert "127.0.0.1" not in row.key
    (message,) = site.rows(OutboxMessage)
    (challenge,) = site.rows(Challenge)
    assert message.payload == {"challenge": challenge.id}


def test_link_in_mail_comes_from_the_settings_whatever_the_host_header(site):
    for headers in ({"X-Forwarded-Host": "evil.example"}, {"Host": "localhost"}, {"X-Forwarded-Proto": "https"}):
        site.app.test_client().post("/acme/sign-in", data={"email": ADDRESS}, headers={**SAME_ORIGIN, **headers})
        (caught,) = site.deliver()
        assert caught.link.startswith("http://127.0.0.1:5000/acme/sign-in/link/")
        site.clock.advance(minutes=1)


def test_foreign_host_is_refused_before_anything_is_done(site):
    response = site.app.test_client().post(
        "/acme/sign-in", data={"email": ADDRESS}, headers={**SAME_ORIGIN, "Host": "evil.example"}
    )

    assert response.status_code == 400
    assert site.count(Challenge) == 0
