"""Notifications: which mails a customer gets, and links that stop mails without signing in."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest

from portal.audit.models import AuditEntry
from portal.events.models import EventRecord
from portal.merchants.rules.notice_settings import Notices
from portal.notice_kinds import KINDS, STOPPABLE
from portal.sign_in.models import SignInSession
from tests.support import customers
from tests.support.notices import ONE_CLICK, choices, mail_program, open_invoice, set_notices, stop_path
from tests.support.site import ADDRESS, Site

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

    assert set(choices(site)) == {kind.name for kind in STOPPABLE if Notices().of(kind) != "never"}


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
