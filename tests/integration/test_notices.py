"""Notices beside reminders: what each says, when none is sent, and what the hostile put into them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.documents.typesetting import Typesetter
from portal.emails.handlers import COMPOSERS
from portal.events.listeners import LISTENERS
from portal.gateways.contract import State
from portal.invoices.operations.invoices import void_invoice
from portal.merchants.models import Merchant
from portal.notice_kinds import KINDS, OTHER_MAILS
from portal.notices.models import NoticePreference
from portal.payment_methods.operations.removal import remove_method
from portal.services import Services
from portal.settings import Settings
from portal.worker import build_handlers, deliver_due
from tests.support.actors import OPERATOR
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import Caught, MailCatcher
from tests.support.pay_links import guest_of, make_pay_link, pay_path, revoke
from tests.support.paying import PayingCustomer
from tests.support.site import ADDRESS, Site, path_of


@pytest.fixture
def office(payer: PayingCustomer, settings: Settings, mail: MailCatcher) -> Services:
    """The payer's services, with what it takes to write to its customer."""
    return replace(payer.services, settings=settings.model_copy(update={"smtp_url": mail.url}))


def deliver(office: Services, mail: MailCatcher, typesetter: Typesetter | None = None) -> list[Caught]:
    counts = deliver_due(office, build_handlers(bundled_renderer(), typesetter))
    assert counts["retried"] == counts["dead"] == 0, counts
    return mail.take()


def subjects(mails: list[Caught]) -> list[str]:
    return [str(caught.message["Subject"]) for caught in mails]


def change(payer: PayingCustomer, table: Any, **values: Any) -> None:
    key = table.id if table is Merchant else table.merchant_id
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.update(table).where(key == payer.scope.merchant_id).values(**values))


# --- the closed list ---


def test_every_mail_is_of_one_kind_and_every_kind_has_what_sends_it() -> None:
    listed = [mail for kind in KINDS.values() for mail in kind.mails]
    handlers = build_handlers(bundled_renderer())

    assert {*listed, *OTHER_MAILS} == {name for name in handlers if name.endswith("_mail")}
    assert set(COMPOSERS) <= set(listed)
    heard = {listener.kind for listeners in LISTENERS.values() for listener in listeners}
    assert heard <= set(handlers)


# --- invoice issued ---


def test_invoice_is_announced_with_its_paper(payer: PayingCustomer, office: Services, mail: MailCatcher) -> None:
    invoice = payer.invoice(5000, number="ACME-7")

    (caught,) = deliver(office, mail, Typesetter())

    assert str(caught.message["Subject"]).startswith("Invoice ACME-7, $50.00, due ")
    assert pay_path(office, payer.scope, invoice, payer.slug) in caught.text and "Pay $50.00" in caught.text
    assert "whoever has it can see the invoice and pay it" in caught.text
    (paper,) = caught.message.iter_attachments()
    assert (paper.get_filename(), paper.get_content_type()) == ("invoice-ACME-7.pdf", "application/pdf")
    assert paper.get_content().startswith(b"%PDF-")


def test_invoice_whose_link_was_revoked_is_opened_by_signing_in(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    invoice = payer.invoice(5000)
    make_pay_link(office, payer.scope, invoice)
    revoke(office, payer.scope, invoice)

    (caught,) = deliver(office, mail)

    assert f"/invoices/{invoice}" in caught.text and "/pay/" not in caught.text
    assert "You may be asked to sign in first" in caught.text


def test_invoice_that_is_paid_at_once_has_its_receipt_alone_with_its_paper(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    payer.pay(payer.invoice(5000, number="ACME-7"))

    (caught,) = deliver(office, mail, Typesetter())

    assert "You paid $50.00" in str(caught.message["Subject"])
    assert [part.get_filename() for part in caught.message.iter_attachments()] == ["receipt-ACME-7.pdf"]


def test_invoice_from_long_ago_is_not_announced(payer: PayingCustomer, office: Services, mail: MailCatcher) -> None:
    payer.invoice(issued_on=payer.clock.now().date() - timedelta(8))
    payer.invoice(number="NEW-1", issued_on=payer.clock.now().date() - timedelta(7))

    assert [subject.split(",")[0] for subject in subjects(deliver(office, mail))] == ["Invoice NEW-1"]


@pytest.mark.parametrize("act", ["void", "block", "delete", "disable"])
def test_invoice_is_not_announced_once_that_is_not_true(
    payer: PayingCustomer, office: Services, mail: MailCatcher, act: str
) -> None:
    invoice, at = payer.invoice(), payer.clock.now()
    if act == "void":
        with payer.services.database.unit_of_work() as session:
            void_invoice(session, payer.scope.merchant_id, invoice, actor=OPERATOR, at=at)
    elif act == "disable":
        change(payer, Merchant, status="disabled")
    else:
        change(payer, Customer, **({"blocked": True} if act == "block" else {"deleted_at": at}))

    assert deliver(office, mail) == []


def test_paper_that_cannot_be_drawn_keeps_no_mail_back(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    payer.invoice()

    (caught,) = deliver(office, mail, Typesetter(at_once=1, waiting=-1))

    assert list(caught.message.iter_attachments()) == []


# --- payment failed ---


def fail(payer: PayingCustomer, *invoices: str) -> str:
    payer.gateway.becomes.append(State.FAILED)
    return payer.pay(*invoices)


def test_failed_payment_is_mailed_about_after_a_while_with_what_to_do(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    invoice = payer.invoice(5000, number="ACME-7")
    payment = fail(payer, invoice)
    deliver(office, mail)

    payer.clock.advance(minutes=14)
    assert deliver(office, mail) == []
    payer.clock.advance(minutes=2)
    (caught,) = deliver(office, mail)

    assert caught.message["Subject"] == "Your payment of $50.00 did not go through"
    assert "Nothing was taken" in caught.text and "ACME-7" in caught.text
    assert f"/invoices/{invoice}" in caught.text and f"/payments/{payment}" in caught.text
    assert caught.message["List-Unsubscribe"] is None


def test_payment_that_was_made_good_is_not_mailed_about_as_failed(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    invoice = payer.invoice()
    fail(payer, invoice)
    payer.pay(invoice)
    payer.clock.advance(minutes=16)

    assert all("You paid" in subject for subject in subjects(deliver(office, mail)))


def test_of_several_failed_payments_the_last_is_mailed_about(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    invoice = payer.invoice()
    deliver(office, mail)
    fail(payer, invoice)
    payer.clock.advance(minutes=1)
    last = fail(payer, invoice)
    payer.clock.advance(minutes=20)

    (caught,) = deliver(office, mail)

    assert last in caught.text


def test_customer_is_not_mailed_about_somebody_elses_failed_attempt(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    guest = guest_of(payer.services, payer.scope, payer.invoice())
    deliver(office, mail)
    payment = guest.pay()
    payer.gateway.pay_page(payment, State.FAILED)
    payer.record(payment)
    payer.clock.advance(minutes=16)

    assert payer.status(payment) == "failed"
    assert deliver(office, mail) == []


# --- payment methods ---


def test_removed_method_is_mailed_about_whatever_was_chosen(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    with payer.services.database.unit_of_work() as session:
        session.add(
            NoticePreference(
                merchant_id=payer.scope.merchant_id, customer_id=payer.scope.customer_id, kind="method_changed",
                is_on=False, updated_at=payer.clock.now(),
            )
        )  # fmt: skip
        remove_method(
            session, payer.services.method_users, payer.scope, payer.method_id, move_to="", has_fresh_code=True,
            actor=payer.actor, at=payer.clock.now(),
        )  # fmt: skip

    sent = [each for each in deliver(office, mail) if "removed" in str(each.message["Subject"])]

    assert len(sent) == 1 and "/payment-methods" in sent[0].text


# --- new device ---


def new_device_mails(mails: list[Caught]) -> list[Caught]:
    return [caught for caught in mails if "New sign-in" in str(caught.message["Subject"])]


def test_first_sign_in_is_no_new_device_and_one_in_another_browser_is(site: Site) -> None:
    first = site.signed_in()
    assert new_device_mails(site.deliver()) == []
    site.clock.advance(hours=1)

    site.signed_in()

    (caught,) = new_device_mails(site.deliver())
    assert caught.recipients == (ADDRESS,)
    assert "/acme/security" in caught.text and caught.message["List-Unsubscribe"] is None
    (entry,) = site.rows(AuditEntry, action="portal.new_device")
    assert (entry.actor_type, entry.customer_id) == ("customer", site.scope.customer_id)
    assert first.get("/acme/").status == 200


def test_browser_in_which_the_customer_was_signed_in_is_no_new_device(site: Site) -> None:
    browser = site.signed_in()
    browser.post("/acme/sign-out")
    site.clock.advance(days=3)

    browser.post(path_of(site.request_mail(browser)))

    assert site.count(AuditEntry, action="portal.signed_in") == 2
    assert site.count(AuditEntry, action="portal.new_device") == 0


def test_cookie_of_another_customers_browser_makes_no_device_known(site: Site) -> None:
    noor = "noor@haddad.example"
    site.add_customer(noor)
    elsewhere = site.browser()
    elsewhere.post(path_of(site.request_mail(elsewhere, noor)))
    site.signed_in()
    elsewhere.post("/acme/sign-out")
    site.clock.advance(hours=1)

    elsewhere.post(path_of(site.request_mail(elsewhere)))

    (entry,) = site.rows(AuditEntry, action="portal.new_device")
    assert entry.customer_id == site.scope.customer_id


# --- the hostile ---


@pytest.mark.parametrize(
    "text",
    [
        "W" * 255,
        "م" * 255,
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "=?utf-8?q?x=0D=0ABcc:_evil@x.example?=",
        "{{ 7 * 7 }}{% raw %}",
        "Maya & Söhne «GmbH» \u202e evil",
    ],
)
def test_names_and_titles_stay_text_in_every_part_of_a_mail(
    payer: PayingCustomer, office: Services, mail: MailCatcher, text: str
) -> None:
    change(payer, Customer, name=text, company_name=text)
    payer.invoice(description=text, number="ACME-7")

    (caught,) = deliver(office, mail)

    assert set(caught.message.keys()) <= {
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
        "List-Unsubscribe", "List-Unsubscribe-Post",
    }  # fmt: skip
    assert "<script" not in caught.html and "<img src=x" not in caught.html
    assert "49" not in str(caught.message["Subject"]) and text[:20] in caught.text


def test_number_that_would_make_a_header_is_refused_and_makes_a_dead_letter(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    payer.invoice(number="=?utf-8?q?x=0D=0ABcc:_evil@x.example?=")

    counts = deliver_due(office, build_handlers(bundled_renderer()))

    assert counts == {"done": 0, "retried": 0, "dead": 1} and mail.take() == []


def test_address_beyond_ascii_gets_its_mail_and_a_link_in_ascii(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    change(payer, Customer, email="مايا@مثال.example", email_key="مايا@مثال.example")
    payer.invoice()

    (caught,) = deliver(office, mail)

    assert caught.content.count(b"List-Unsubscribe: <http") == 1
    assert str(caught.message["List-Unsubscribe"]).isascii()
