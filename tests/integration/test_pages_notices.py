"""Notifications: which mails a customer gets, copies to other addresses, and links that stop mails without signing in."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest

from portal.audit.models import AuditEntry
from portal.emails.destinations import agree_url, stop_copies_url, stop_url
from portal.events.models import EventRecord
from portal.merchants.queries import get_merchant
from portal.notice_kinds import KINDS, STOPPABLE
from portal.notices.models import NoticeCopy, NoticePreference
from portal.outbox.jobs import deliver_next
from portal.outbox.models import OutboxMessage
from portal.sign_in.models import SignInSession
from portal.tenancy import Scope
from portal.worker import build_handlers
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import Caught
from tests.support.merchant_settings import change_settings
from tests.support.page_client import PageClient
from tests.support.site import ADDRESS, Site

ACCOUNTANT = "accounts@moreau.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def set_notices(site: Site, **notices: Any) -> None:
    with site.services.database.unit_of_work() as session:
        change_settings(session, site.scope.merchant_id, {"notices": notices}, actor=OPERATOR, at=site.clock.now())


def open_invoice(site: Site, scope: Scope | None = None, **details: Any) -> str:
    with site.services.database.unit_of_work() as session:
        return customers.add_invoice(session, scope or site.scope, at=site.clock.now(), number="A-1", **details)


def choices(site: Site) -> dict[str, bool]:
    return {row.kind: row.is_on for row in site.rows(NoticePreference)}


def stop_path(site: Site, kind: str = "receipt", scope: Scope | None = None, address: str = ADDRESS) -> str:
    scope = scope or site.scope
    with site.services.database.read() as reader:
        merchant = get_merchant(reader, scope.merchant_id)
    return urlsplit(stop_url(site.services, merchant, scope.customer_id, kind, address)).path


def mail_program(site: Site) -> Any:
    """What posts to a link of a mail: no cookie, no origin, another site's request where it is a browser's."""
    return site.app.test_client()


def with_fresh_code(site: Site, pages: PageClient | None = None) -> PageClient:
    """A signed-in browser in which a fresh code was entered."""
    pages = pages or site.signed_in()
    pages.post("/acme/security/confirm/code", {"next": "/notices/copies/new"})
    (mail,) = site.deliver()
    pages.post("/acme/security/confirm", {"code": mail.code, "next": "/notices/copies/new"})
    return pages


def add_copy(site: Site, address: str = ACCOUNTANT, pages: PageClient | None = None) -> tuple[NoticeCopy, Caught]:
    pages = with_fresh_code(site, pages)
    pages.post("/acme/notices/copies", {"email": address})
    (mail,) = site.deliver()
    (copy,) = site.rows(NoticeCopy)
    return copy, mail


def agreed_copy(site: Site) -> NoticeCopy:
    copy, mail = add_copy(site)
    site.browser().post(urlsplit(mail.link).path, {})
    return copy


def insert_copy(site: Site, address: str = ACCOUNTANT) -> NoticeCopy:
    """An address that agreed before."""
    Account(site.services, site.scope, "acme").copy(address)
    copy: NoticeCopy = site.rows(NoticeCopy, address=address)[0]
    return copy


# --- the page ---


def test_switches_are_stored_as_the_form_has_them_and_said_once(site: Site) -> None:
    pages = site.signed_in()

    answer = pages.post("/acme/notices", {"invoice_issued": "yes", "receipt": "yes"})

    assert answer.location.endswith("/acme/notices?done=saved")
    page = pages.get("/acme/notices?done=saved")
    assert "Your notifications were saved." in page.text
    assert choices(site) == {
        "invoice_issued": True, "due_soon": False, "receipt": True, "refund": False, "method_expiring": False,
    }  # fmt: skip
    (entry,) = site.rows(AuditEntry, action="notice.preferences_updated")
    assert (entry.actor_type, entry.details["by"]) == ("customer", "page")
    (event,) = site.rows(EventRecord, type="notice.preferences_updated")
    assert event.data["object"]["kinds"] == choices(site)


def test_saving_the_same_again_is_no_event(site: Site) -> None:
    pages = site.signed_in()
    form = {kind.name: "yes" for kind in STOPPABLE}

    pages.post("/acme/notices", form)
    pages.post("/acme/notices", form)

    assert site.count(AuditEntry, action="notice.preferences_updated") == 1


def test_what_cannot_be_stopped_is_not_stored_whatever_is_posted(site: Site) -> None:
    site.signed_in().post("/acme/notices", {"overdue": "", "sign_in": "no", "receipt": "yes"})

    assert set(choices(site)) == {kind.name for kind in STOPPABLE}


def test_kind_that_the_merchant_never_sends_is_neither_shown_nor_sent(site: Site) -> None:
    set_notices(site, invoice_issued="never", overdue="never")
    open_invoice(site)

    page = site.signed_in().get("/acme/notices")

    assert "A new invoice" not in page.text and "Overdue invoice" not in page.text and "Failed payment" in page.text
    assert [str(caught.message["Subject"]) for caught in site.deliver() if "A-1" in caught.text] == []


def test_kind_that_is_off_by_default_goes_to_who_switches_it_on(site: Site) -> None:
    set_notices(site, invoice_issued="off")
    open_invoice(site)
    assert site.deliver() == []

    site.signed_in().post("/acme/notices", {"invoice_issued": "yes"})
    with site.services.database.unit_of_work() as session:
        customers.add_invoice(session, site.scope, at=site.clock.now(), number="A-2")

    assert [str(caught.message["Subject"]).split(",")[0] for caught in site.deliver()] == ["Invoice A-2"]


# --- links that stop ---


def test_mail_that_can_be_stopped_says_so_in_its_headers_and_at_its_end(site: Site) -> None:
    open_invoice(site)

    (caught,) = site.deliver()

    message: EmailMessage = caught.message
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(message["List-Unsubscribe"]).strip("<>")
    assert urlsplit(link).path == stop_path(site, "invoice_issued")
    assert link in caught.text and link in caught.html


def test_one_click_of_a_mail_program_stops_that_kind_alone(site: Site) -> None:
    open_invoice(site)
    (caught,) = site.deliver()
    path = urlsplit(str(caught.message["List-Unsubscribe"]).strip("<>")).path

    answer = mail_program(site).post(path, data=ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200, "RFC 8058 forbids a redirect"
    assert choices(site) == {"invoice_issued": False}
    with site.services.database.unit_of_work() as session:
        customers.add_invoice(session, site.scope, at=site.clock.now(), number="A-2")
    assert site.deliver() == []
    (entry,) = site.rows(AuditEntry, action="notice.preferences_updated")
    assert (entry.customer_id, entry.details["by"]) == (site.scope.customer_id, "link")


def test_opening_the_link_stops_nothing(site: Site) -> None:
    page = site.browser().get(stop_path(site))

    assert "Stop these emails?" in page.text and ADDRESS in page.text
    assert choices(site) == {}


def test_button_of_the_page_stops_and_its_page_says_so(site: Site) -> None:
    browser = site.browser()
    page = browser.get(stop_path(site))

    answer = browser.post(stop_path(site), {})

    assert answer.status_code == 303 and answer.location.endswith(stop_path(site))
    assert "gets no “Receipt”" in browser.get(stop_path(site)).text
    assert page.status == 200 and choices(site) == {"receipt": False}


def test_all_that_can_be_stopped_is_stopped_at_once(site: Site) -> None:
    mail_program(site).post(stop_path(site), data={"all": "yes"})

    assert choices(site) == {kind.name: False for kind in STOPPABLE}


def test_replayed_link_changes_nothing_more(site: Site) -> None:
    for _ in range(3):
        assert mail_program(site).post(stop_path(site), data=ONE_CLICK).status_code == 200

    assert site.count(AuditEntry, action="notice.preferences_updated") == 1


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if not kind.is_stoppable])
def test_no_link_stops_what_cannot_be_stopped(site: Site, kind: str) -> None:
    assert mail_program(site).post(stop_path(site, kind), data=ONE_CLICK).status_code == 410
    assert choices(site) == {}


def test_link_of_another_merchant_of_another_kind_or_cut_off_stops_nothing(site: Site) -> None:
    mine, others = stop_path(site), stop_path(site, scope=site.other)
    token = mine.rpartition("/")[2]
    kind, customer, proof = token.split(".")
    wrong = [
        others.replace("/savane/", "/acme/"),
        f"/acme/notices/unsubscribe/refund.{customer}.{proof}",
        f"/acme/notices/unsubscribe/{kind}.{site.other.customer_id[4:]}.{proof}",
        mine[:-1],
        f"/acme/notices/unsubscribe/{kind}.{customer}.{'A' * 43}",
        "/acme/notices/unsubscribe/é",
        f"/acme/notices/unsubscribe/copy.{customer}.{proof}",
    ]

    for path in wrong:
        assert mail_program(site).post(path, data=ONE_CLICK).status_code == 410, path
        site.browser().get(path, status=410)
    assert choices(site) == {}


def test_token_that_stops_does_nothing_else(site: Site) -> None:
    token = stop_path(site).rpartition("/")[2]

    for path in ("sign-in/link", "sign-in/session", "details/email/undo", "notices/copies"):
        answer = mail_program(site).post(f"/acme/{path}/{token}", headers={"Sec-Fetch-Site": "same-origin"})
        cookies = " ".join(answer.headers.getlist("Set-Cookie"))
        assert "portal_acme=" not in cookies, path
    assert site.count(SignInSession) == 0


def test_link_in_a_mail_to_an_address_of_before_stops_nothing_any_more(site: Site) -> None:
    path = stop_path(site)
    site.change_customer(site.scope, email="maya@studio.example", email_key="maya@studio.example")

    assert mail_program(site).post(path, data=ONE_CLICK).status_code == 410
    assert choices(site) == {}


def test_link_works_for_an_address_in_another_script(site: Site) -> None:
    scope = site.add_customer("مايا@مثال.example")

    answer = mail_program(site).post(stop_path(site, scope=scope, address="مايا@مثال.example"), data=ONE_CLICK)

    assert answer.status_code == 200 and choices(site) == {"receipt": False}


def test_deleted_customer_has_nothing_to_stop(site: Site) -> None:
    site.change_customer(site.scope, deleted_at=site.clock.now())

    assert mail_program(site).post(stop_path(site), data=ONE_CLICK).status_code == 410


# --- copies ---


def test_address_is_added_after_a_fresh_code_and_asked_before_anything_is_sent(site: Site) -> None:
    pages = site.signed_in()
    page = pages.follow("/acme/notices/copies/new")
    assert page.path.endswith("/security/confirm?next=/notices/copies/new")
    assert pages.post("/acme/notices/copies", {"email": ACCOUNTANT}).location.endswith("next=/notices/copies/new")
    assert site.count(NoticeCopy) == 0

    copy, mail = add_copy(site, pages=pages)

    assert mail.recipients == (ACCOUNTANT,) and copy.agreed_at is None
    assert ADDRESS in mail.text and "Maya" not in mail.text, "no text that somebody wrote goes to strangers"
    open_invoice(site)
    assert [caught.recipients for caught in site.deliver()] == [(ADDRESS,)]


def test_agreed_address_gets_copies_without_anything_that_signs_in_or_pays(site: Site) -> None:
    copy = agreed_copy(site)
    invoice = open_invoice(site)

    sent = {caught.recipients[0]: caught for caught in site.deliver()}

    assert set(sent) == {ADDRESS, ACCOUNTANT}
    mail = sent[ACCOUNTANT]
    assert str(mail.message["Subject"]).startswith("Invoice A-1")
    assert invoice not in mail.text + mail.html and "/sign-in" not in mail.text + mail.html
    assert f"This is a copy of an email to {ADDRESS}." in mail.text
    links = [word for word in mail.text.split() if "://" in word]
    assert [urlsplit(link).path for link in links] == [urlsplit(copies_link(site, copy)).path]
    assert mail.message["Message-ID"] != sent[ADDRESS].message["Message-ID"]


def copies_link(site: Site, copy: NoticeCopy) -> str:
    with site.services.database.read() as reader:
        return stop_copies_url(site.services, get_merchant(reader, site.scope.merchant_id), copy.id, copy.address)


def test_copies_go_on_where_the_customer_stopped_its_own(site: Site) -> None:
    agreed_copy(site)
    mail_program(site).post(stop_path(site, "invoice_issued"), data=ONE_CLICK)
    open_invoice(site)

    assert [caught.recipients for caught in site.deliver()] == [(ACCOUNTANT,)]


def test_mail_that_is_sent_twice_has_its_copy_queued_once(site: Site) -> None:
    agreed_copy(site)
    open_invoice(site)
    handlers = build_handlers(bundled_renderer())
    message = site.rows(OutboxMessage, kind="invoice_mail")[0]

    for _ in range(2):
        handlers["invoice_mail"](site.services, site.scope.merchant_id, message.payload, message.id)

    assert site.count(OutboxMessage, kind="copy_mail") == 1


def test_link_in_a_copy_ends_the_copies_to_that_address_alone(site: Site) -> None:
    copy, other = agreed_copy(site), insert_copy(site, "tax@office.example")

    answer = mail_program(site).post(urlsplit(copies_link(site, copy)).path, data=ONE_CLICK)

    assert answer.status_code == 200
    assert {row.id: row.ended_at is not None for row in site.rows(NoticeCopy)} == {copy.id: True, other.id: False}
    assert choices(site) == {}
    open_invoice(site)
    assert sorted(caught.recipients[0] for caught in site.deliver()) == [ADDRESS, "tax@office.example"]


def test_copy_that_was_ended_before_it_left_is_not_sent(site: Site) -> None:
    copy, pages = insert_copy(site), site.signed_in()
    open_invoice(site)
    deliver_next(site.services, build_handlers(bundled_renderer()))  # The customer's own, which queues the copy.
    assert site.count(OutboxMessage, kind="copy_mail") == 1 and len(site.mail.take()) == 1

    pages.post(f"/acme/notices/copies/{copy.id}/removal", {})

    assert site.deliver() == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Enter an email address."),
        ("nobody", "This is not an email address."),
        ("a@x.example,b@y.example", "This is not an email address."),
        ("a@x.example\r\nBcc: b@y.example", "This is not an email address."),
        ("MAYA@lindqvist.example", "This is your own address"),
    ],
)
def test_address_that_cannot_get_copies_is_said_at_its_field(site: Site, address: str, words: str) -> None:
    page = with_fresh_code(site).post("/acme/notices/copies", {"email": address}, status=422)

    assert words in page.text
    assert site.count(NoticeCopy) == 0 and site.deliver() == []


def test_sixth_address_and_one_that_was_asked_are_refused(site: Site) -> None:
    pages = with_fresh_code(site)
    for number in range(5):
        pages.post("/acme/notices/copies", {"email": f"a{number}@moreau.example"}, status=303)

    assert "gets copies already" in pages.post("/acme/notices/copies", {"email": "A1@moreau.example"}, status=422).text
    assert (
        "Five addresses are the most"
        in pages.post("/acme/notices/copies", {"email": "a9@moreau.example"}, status=422).text
    )


def test_nobody_has_a_stranger_asked_again_and_again(site: Site) -> None:
    pages = with_fresh_code(site)
    for _ in range(5):
        pages.post("/acme/notices/copies", {"email": ACCOUNTANT})
        (copy,) = site.rows(NoticeCopy, ended_at=None)
        pages.post(f"/acme/notices/copies/{copy.id}/removal", {})

    pages.post("/acme/notices/copies", {"email": ACCOUNTANT}, status=429)


def test_somebody_elses_copy_is_not_found(site: Site) -> None:
    stranger = site.add_customer("noor@haddad.example")
    with site.services.database.unit_of_work() as session:
        session.add(
            NoticeCopy(
                merchant_id=stranger.merchant_id, id="cpy_" + "0" * 22, customer_id=stranger.customer_id,
                address=ACCOUNTANT, address_key=ACCOUNTANT, created_at=site.clock.now(),
            )
        )  # fmt: skip

    site.signed_in().post(f"/acme/notices/copies/cpy_{'0' * 22}/removal", {}, status=404)

    assert site.rows(NoticeCopy)[0].ended_at is None


def test_link_of_an_invitation_waits_for_its_button_and_ends(site: Site) -> None:
    copy, mail = add_copy(site)
    path = urlsplit(mail.link).path
    assert "Do you want copies?" in site.browser().get(path).text and site.rows(NoticeCopy)[0].agreed_at is None

    site.clock.advance(days=7)

    site.browser().get(path, status=410)
    site.browser().post(path, {}, status=410)
    assert site.rows(NoticeCopy)[0].agreed_at is None
    assert copy.ended_at is None


def test_who_declines_gets_nothing_and_the_link_works_no_more(site: Site) -> None:
    _, mail = add_copy(site)
    path = urlsplit(mail.link).path

    assert "Nothing is sent to this address." in site.browser().post(path, {"act": "decline"}, status=200).text

    site.browser().post(path, {}, status=410)
    assert site.rows(NoticeCopy)[0].agreed_at is None


def test_invitation_needs_a_request_of_our_own_page_and_is_the_merchants_alone(site: Site) -> None:
    copy, mail = add_copy(site)
    path = urlsplit(mail.link).path

    assert mail_program(site).post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    site.browser().post(path.replace("/acme/", "/savane/"), {}, status=410)
    assert site.rows(NoticeCopy)[0].agreed_at is None
    with site.services.database.read() as reader:
        merchant = get_merchant(reader, site.scope.merchant_id)
    assert urlsplit(agree_url(site.services, merchant, copy.id)).path == path
