"""Copies of mails to other addresses: asked for with a fresh code, sent once the address agrees, ended from either side."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

import pytest

from portal.emails.destinations import agree_url, stop_copies_url
from portal.merchants.queries import get_merchant
from portal.notices.errors import TooManyInvitations
from portal.notices.models import NoticeCopy
from portal.notices.operations import add_copy as ask_for_copies
from portal.notices.operations import end_copy
from portal.outbox.jobs import deliver_next
from portal.outbox.models import OutboxMessage
from portal.tenancy import Scope
from portal.worker import build_handlers
from tests.support.actors import OPERATOR
from tests.support.bundled import bundled_renderer
from tests.support.notices import (
    ACCOUNTANT,
    ONE_CLICK,
    add_copy,
    agreed_copy,
    choices,
    insert_copy,
    mail_program,
    open_invoice,
    stop_path,
    with_fresh_code,
)
from tests.support.site import ADDRESS, Site


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


def test_customer_uses_up_no_invitations_of_another(site: Site) -> None:
    other, at = site.add_customer("noor@haddad.example"), site.clock.now()
    ask = partial(add_copy_of, site, ACCOUNTANT, at=at)
    for _ in range(5):
        ask(site.scope)
        (copy,) = site.rows(NoticeCopy, ended_at=None)
        site.services.database.run(partial(end_copy, scope=site.scope, copy_id=copy.id, actor=OPERATOR, at=at))
    with pytest.raises(TooManyInvitations):
        ask(site.scope)

    ask(other)
    for number in range(9):
        ask(site.add_customer(f"c{number}@haddad.example"))

    with pytest.raises(TooManyInvitations):
        ask(site.add_customer("one-more@haddad.example"))


def add_copy_of(site: Site, address: str, scope: Scope, *, at: datetime) -> None:
    settings = site.services.settings
    site.services.database.run(lambda session: ask_for_copies(session, settings, scope, address, actor=OPERATOR, at=at))


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

    browser = site.browser()
    declined = browser.submit(browser.get(path), "No, send none")
    assert "Nothing is sent to this address." in declined.text

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
