"""The link of a notice that signs in: from a mail that came, once, for 30 minutes, for an hour, and not to everything."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from portal.events.models import EventRecord
from portal.outbox.models import OutboxMessage
from portal.outbox.operations import enqueue
from portal.sign_in.models import MailedLink, SignInSession
from portal.sign_in.operations import block_customer, delete_old_rows
from tests.support import customers
from tests.support.actors import OPERATOR
from tests.support.mail_catcher import Caught
from tests.support.notices import ACCOUNTANT, insert_copy, open_invoice, set_notices
from tests.support.page_client import PageClient
from tests.support.site import ADDRESS, Site


@pytest.fixture
def allowing(site: Site) -> Site:
    """A site whose merchant lets notices sign in."""
    set_notices(site, sign_in_links=True)
    return site


def receipt(site: Site) -> tuple[Caught, str]:
    """The mail about a payment as it came to the customer, and the path of the payment's page below the merchant's root."""
    with site.services.database.unit_of_work() as session:
        payment = customers.insert_payment(session, site.scope, at=site.clock.now())
        enqueue(session, site.scope.merchant_id, "receipt_mail", {"object": payment}, at=site.clock.now())
    (mail,) = [mail for mail in site.deliver() if "You paid" in str(mail.message["Subject"])]
    return mail, f"/payments/{payment}"


def link_in(mail: Caught) -> str:
    parts = urlsplit(mail.link)
    return f"{parts.path}?{parts.query}"


def entered(site: Site) -> PageClient:
    """A browser that was signed in by the link of a receipt."""
    browser, (mail, _) = site.browser(), receipt(site)
    browser.submit(browser.get(link_in(mail)), "Continue")
    return browser


def assert_leads_to_sign_in(browser: PageClient, path: str, target: str) -> None:
    for answer in (browser.client.get(path), browser.post(path)):
        assert answer.status_code == 303
        assert answer.location == f"/acme/sign-in?next={target}&link=ended"


# --- which mails have one ---


def test_receipt_has_its_plain_link_unless_the_merchant_allows_more(site: Site) -> None:
    mail, path = receipt(site)

    assert urlsplit(mail.link).path == f"/acme{path}"
    assert "signs you in" not in mail.text and site.count(MailedLink) == 0


def test_receipt_signs_in_and_says_so(allowing: Site) -> None:
    mail, path = receipt(allowing)

    assert urlsplit(mail.link).path.startswith("/acme/sign-in/mail/") and mail.link.endswith(f"?next={path}")
    assert mail.link in mail.html.replace("&amp;", "&")
    for part in (mail.text, mail.html):
        assert "signs you in, once and within 30 minutes. Do not forward this email." in part


def test_mail_with_a_pay_link_and_a_copy_have_none(allowing: Site) -> None:
    insert_copy(allowing)
    open_invoice(allowing)
    with allowing.services.database.unit_of_work() as session:
        payment = customers.insert_payment(session, allowing.scope, at=allowing.clock.now())
        enqueue(session, allowing.scope.merchant_id, "receipt_mail", {"object": payment}, at=allowing.clock.now())

    sent = allowing.deliver()

    signing_in = [mail for mail in sent if "/sign-in/" in mail.text + mail.html]
    assert [mail.recipients for mail in sent].count((ACCOUNTANT,)) == 2
    assert [(mail.recipients, "You paid" in str(mail.message["Subject"])) for mail in signing_in] == [
        ((ADDRESS,), True)
    ]


def test_mail_about_a_method_leads_to_its_page(allowing: Site) -> None:
    with allowing.services.database.unit_of_work() as session:
        method = customers.insert_method(session, allowing.scope, at=allowing.clock.now())
        enqueue(session, allowing.scope.merchant_id, "method_added_mail", {"object": method}, at=allowing.clock.now())

    (mail,) = allowing.deliver()

    assert urlsplit(mail.link).path == "/acme/payment-methods"


def test_nothing_at_rest_holds_the_link(allowing: Site) -> None:
    mail, _ = receipt(allowing)
    token = urlsplit(mail.link).path.rpartition("/")[2]

    kept = [str(vars(row)) for table in (MailedLink, OutboxMessage, EventRecord) for row in allowing.rows(table)]
    assert not any(token[22:] in text for text in kept)


# --- the link ---


def test_opening_uses_nothing_up_and_the_button_signs_in_once(allowing: Site) -> None:
    mail, path = receipt(allowing)
    link, browser = link_in(mail), allowing.browser()
    for _ in range(3):
        page = allowing.browser().get(link)
        assert "post-once" not in page.html and page.response.headers["Referrer-Policy"] == "same-origin"
    assert allowing.count(SignInSession) == 0

    shown = browser.submit(page := browser.get(link), "Continue")

    assert "Maya" in page.text or "m•••@lindqvist.example" in page.text
    assert shown.path == f"/acme{path}"
    (session,) = allowing.rows(SignInSession)
    assert (session.kind, session.can_switch) == ("mailed", False)
    (event,) = allowing.rows(EventRecord, type="portal.signed_in")
    assert event.data["object"]["by"] == "notice"
    assert_leads_to_sign_in(allowing.browser(), link, path)


def test_link_ends_after_thirty_minutes_from_the_sending(allowing: Site) -> None:
    mail, path = receipt(allowing)
    allowing.clock.advance(minutes=29, seconds=59)
    allowing.browser().get(link_in(mail))

    allowing.clock.advance(seconds=1)

    assert_leads_to_sign_in(allowing.browser(), link_in(mail), path)


def test_link_of_another_site_needs_our_own_button(allowing: Site) -> None:
    mail, _ = receipt(allowing)

    answer = allowing.app.test_client().post(link_in(mail), headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403 and allowing.count(SignInSession) == 0


@pytest.mark.parametrize("damage", ["cut", "changed", "broken", "merchant"])
def test_damaged_link_leads_to_sign_in_with_its_target(allowing: Site, damage: str) -> None:
    mail, path = receipt(allowing)
    plain, _, query = link_in(mail).partition("?")
    token = plain.rpartition("/")[2]
    if damage == "merchant":
        answer = allowing.app.test_client().get(f"/savane/sign-in/mail/{token}")
        assert answer.location == "/savane/sign-in?link=ended"
        return
    link = {
        "cut": plain[:-9],
        "changed": f"{plain[:-1]}{'A' if plain[-1] != 'A' else 'B'}?{query}",
        "broken": f"{plain[:-9]}/{plain[-9:]}",
    }[damage]

    assert allowing.browser().client.get(link).location == f"/acme/sign-in?next={path}&link=ended"
    assert allowing.browser().client.get("/acme/sign-in/mail/").location == "/acme/sign-in?link=ended"


def test_two_presses_at_once_sign_in_one_browser(allowing: Site) -> None:
    mail, _ = receipt(allowing)
    link, barrier, where = link_in(mail), Barrier(2), list[str]()

    def press(browser: PageClient) -> None:
        barrier.wait()
        where.append(browser.post(link).location)

    threads = [Thread(target=press, args=(allowing.browser(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert allowing.count(SignInSession) == 1
    assert sorted("link=ended" in each for each in where) == [False, True]


@pytest.mark.parametrize("change", ["blocked", "deleted", "address", "withdrawn", "unblocked"])
def test_link_is_dead_once_it_is_somebody_elses(allowing: Site, change: str) -> None:
    mail, path = receipt(allowing)
    at = allowing.clock.now()
    if change == "withdrawn":
        set_notices(allowing, sign_in_links=False)
    elif change == "unblocked":
        with allowing.services.database.unit_of_work() as session:
            block_customer(session, allowing.scope, actor=OPERATOR, at=at)
        allowing.change_customer(allowing.scope, blocked=False)
    else:
        columns: dict[str, dict[str, Any]] = {
            "blocked": {"blocked": True}, "deleted": {"deleted_at": at}, "address": {"email": "new@x.example"},
        }  # fmt: skip
        allowing.change_customer(allowing.scope, **columns[change])

    assert_leads_to_sign_in(allowing.browser(), link_in(mail), path)
    assert allowing.count(SignInSession) == 0


def test_mail_that_is_sent_again_has_the_same_link_and_begins_anew(allowing: Site) -> None:
    mail, path = receipt(allowing)
    allowing.clock.advance(minutes=20)

    (again,) = resend(allowing)

    assert again.link == mail.link
    allowing.clock.advance(minutes=20)
    browser = allowing.browser()
    assert browser.submit(browser.get(link_in(mail)), "Continue").path == f"/acme{path}"
    (third,) = resend(allowing)
    assert urlsplit(third.link).path == f"/acme{path}", "a link that was used is not sent again"
    assert allowing.count(MailedLink) == 1


def test_mail_that_is_sent_again_to_another_mailbox_revives_nothing(allowing: Site) -> None:
    mail, path = receipt(allowing)
    allowing.change_customer(allowing.scope, email="new@lindqvist.example", email_key="new@lindqvist.example")
    allowing.clock.advance(minutes=5)

    (again,) = resend(allowing)

    assert again.recipients == ("new@lindqvist.example",) and urlsplit(again.link).path == f"/acme{path}"
    assert_leads_to_sign_in(allowing.browser(), link_in(mail), path)


def resend(site: Site) -> list[Caught]:
    """Deliver the receipt's message once more, as after a worker's death before it could note that it was sent."""
    (message,) = [row for row in site.rows(OutboxMessage) if row.kind == "receipt_mail"]
    with site.services.database.unit_of_work() as session:
        row = session.get(OutboxMessage, (message.merchant_id, message.id))
        assert row is not None
        row.done_at, row.due_at = None, site.clock.now()
    return site.deliver()


def test_old_links_are_deleted_and_still_lead_to_their_page(allowing: Site) -> None:
    mail, path = receipt(allowing)
    allowing.clock.advance(days=4)

    with allowing.services.database.unit_of_work() as session:
        delete_old_rows(session, at=allowing.clock.now())

    assert allowing.count(MailedLink) == 0
    assert_leads_to_sign_in(allowing.browser(), link_in(mail), path)


def test_who_is_signed_in_already_keeps_that_session_and_the_link(allowing: Site) -> None:
    browser = allowing.signed_in()
    mail, path = receipt(allowing)

    for answer in (browser.client.get(link_in(mail)), browser.post(link_in(mail))):
        assert answer.location == f"/acme{path}"

    assert allowing.rows(MailedLink)[0].used_at is None
    browser.get("/acme/details")


def test_another_customer_who_is_signed_in_here_is_named_and_signed_out(allowing: Site) -> None:
    allowing.add_customer("jonas@weber.example", name="Jonas Weber")
    browser = allowing.browser()
    browser.post(urlsplit(allowing.request_mail(browser, "jonas@weber.example").link).path)
    mail, _ = receipt(allowing)

    page = browser.get(link_in(mail))
    browser.submit(page, "Continue")

    assert "Jonas Weber is signed in here now" in page.text
    assert [row.kind for row in allowing.rows(SignInSession) if row.revoked_at is None] == ["mailed"]


def test_device_that_is_new_is_mailed_about(allowing: Site) -> None:
    allowing.signed_in()

    entered(allowing)

    (mail,) = allowing.deliver()
    assert urlsplit(mail.link).path == "/acme/security" and "New sign-in" in str(mail.message["Subject"])


# --- the session ---


def test_session_lives_an_hour_however_much_it_is_used(allowing: Site) -> None:
    browser = entered(allowing)
    for _ in range(2):
        allowing.clock.advance(minutes=29)
        browser.get("/acme/")

    allowing.clock.advance(minutes=2)

    assert browser.client.get("/acme/").location == "/acme/sign-in"


@pytest.mark.parametrize("path", ["/", "/invoices", "/payments", "/payments.csv", "/statement", "/ask"])
def test_session_opens_invoices_and_payments(allowing: Site, path: str) -> None:
    assert entered(allowing).client.get(f"/acme{path}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/details", "/notices", "/payment-methods", "/people", "/security", "/privacy", "/accounts", "/details/email"],
)
def test_session_leads_to_signing_in_fully_for_everything_else(allowing: Site, path: str) -> None:
    browser = entered(allowing)

    page = browser.get(f"/acme{path}", status=403)

    assert page.headline == "Sign in to open this"
    assert path not in browser.get("/acme/").html, "the navigation does not lead there"
    (button,) = [link for link in page.all("a") if link.get("class") == "button"]
    form = browser.get(button.get("href", ""))
    assert form.path == f"/acme/sign-in?next={path}"
    browser.submit(form, action="/sign-in", email=ADDRESS)
    (mail,) = [mail for mail in allowing.deliver() if mail.has_code]
    answer = browser.post("/acme/sign-in/code", {"code": mail.code})
    assert answer.location == f"/acme{path}"
    assert [row.kind for row in allowing.rows(SignInSession) if row.revoked_at is None] == ["mail"]


def test_act_that_it_may_not_do_changes_nothing_and_leads_back_to_its_page(allowing: Site) -> None:
    browser = entered(allowing)

    answer = browser.post("/acme/details", {"name": "Somebody"}, status=403, referer="http://localhost/acme/details")

    assert 'href="/acme/sign-in?next=/details"' in answer.text


def test_session_pays_with_a_new_method_alone(allowing: Site) -> None:
    invoice = open_invoice(allowing)
    with allowing.services.database.unit_of_work() as session:
        method = customers.insert_method(session, allowing.scope, at=allowing.clock.now(), is_default=True)
    full = allowing.signed_in()
    begun = full.post("/acme/checkout", {"invoice": invoice, "payment_method": method, "amount": "full"}).location
    browser = entered(allowing)

    choice = browser.get(f"/acme/checkout?invoice={invoice}")
    refused = browser.post(
        "/acme/checkout", {"invoice": invoice, "payment_method": method, "amount": "full"}, status=422
    )
    default = browser.post("/acme/checkout", {"invoice": invoice, "payment_method": "default"})
    of_another_session = browser.post(f"{begun}/confirmation", status=422)

    assert full.get(f"/acme/checkout?invoice={invoice}").html.count(method) > 0
    for html in (choice.html, refused.text, of_another_session.text, browser.get(f"/acme/invoices/{invoice}").html):
        assert method not in html and "4242" not in html
    assert ["Pay with" in each.get("/acme/").texts("h2") for each in (full, browser)] == [True, False]
    assert default.location == f"/acme/checkout?invoice={invoice}"
    new = browser.post("/acme/checkout", {"invoice": invoice, "payment_method": "new", "amount": "full"}).location
    assert browser.get(new).status == 200
