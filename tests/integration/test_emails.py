"""The mails as they leave: their text, their headers byte for byte, and what is refused."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from portal.customers.models import Customer
from portal.emails.messages import HEADERS, HeaderRefused, check_head
from portal.merchants.models import Merchant
from portal.outbox.models import OutboxMessage
from portal.outbox.operations import enqueue
from portal.payments.models import Payment, PaymentAllocation
from tests.support.customers import add_invoice, insert_payment
from tests.support.site import ADDRESS

EVIL_NAMES = [
    "Acme =?utf-8?q?x=0D=0ABcc:_evil=40x.example?=",
    "=?utf-8?b?eA0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    "Acme\r\nBcc: evil@x.example",
    "Acme\nBcc: evil@x.example",
    "Acme\x0bBcc: evil@x.example",
    "Acme\u2028Bcc: evil@x.example",
]


def header_names(content: bytes) -> list[str]:
    head = content.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]


def test_sign_in_mail_has_the_code_and_then_the_link_alone_on_a_line(site):
    caught = site.request_mail(site.browser(), next="/invoices")

    lines = caught.text.splitlines()
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", lines[lines.index(caught.code)])
    assert lines.index(caught.code) < lines.index(caught.link)
    before = caught.text[: caught.text.index(caught.link)]
    assert "http" not in before
    assert "@" not in before
    assert len(re.findall(r"https?://", caught.text)) == 1
    assert caught.link in caught.html
    assert caught.code in caught.html
    assert "for 10 minutes" in caught.text


def test_mail_has_these_headers_and_no_others(site):
    caught = site.request_mail(site.browser())
    (row,) = site.rows(OutboxMessage)

    names = header_names(caught.content)
    assert len(names) == len(set(names))
    assert set(names) <= HEADERS
    message = caught.message
    assert message["From"] == "Acme <billing@portal.example>"
    assert message["To"] == ADDRESS
    assert message["Reply-To"] == "help@acme.example"
    assert message["Message-ID"] == f"<{row.id}@portal.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == f"{caught.code} is your code for Acme"
    assert message["Date"].datetime == site.clock.now()


def test_repeated_delivery_has_the_same_message_id(site):
    browser = site.browser()
    first = site.request_mail(browser)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(OutboxMessage).values(done_at=None, leased_until=None))

    (second,) = site.deliver()

    assert second.message["Message-ID"] == first.message["Message-ID"]
    assert second.link == first.link


@pytest.mark.parametrize(
    "head",
    [
        b"Bcc: evil@x.example",
        b"To: a@x.example\r\nTo: b@x.example",
        b"Subject: a\nBcc: evil@x.example",
        b"X-Other: 1",
        b"\xff: 1",
    ],
)
def test_finished_bytes_with_a_header_that_is_not_ours_are_refused(head):
    check_head(b"From: a@x.example\r\n\r\nBcc: in the text")
    with pytest.raises(HeaderRefused):
        check_head(b"From: a@x.example\r\n" + head + b"\r\n\r\ntext")


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_name_that_would_become_a_header_is_refused(site, name):
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == site.scope.merchant_id).values(name=name))
    site.request_sign_in(site.browser())

    mails = site.deliver()

    assert mails == []
    (row,) = site.rows(OutboxMessage)
    assert row.dead_at is not None
    assert row.last_error.startswith("HeaderRefused")


@pytest.mark.parametrize(
    "stored",
    [
        "maya@lindqvist.example, evil@x.example",
        "maya@lindqvist.example\r\nBcc: evil@x.example",
        "=?utf-8?q?a?=@x.example",
        "maya",
        "a@b@x.example",
    ],
)
def test_invalid_stored_address_gets_no_mail(site, stored):
    site.change_customer(site.scope, email=stored)
    site.request_sign_in(site.browser())

    assert site.deliver() == []
    assert site.rows(OutboxMessage)[0].dead_at is not None


def test_recipient_refused_permanently_is_a_dead_letter_without_the_address(site, mail):
    mail.answer = "550 no such user maya@lindqvist.example"
    site.request_sign_in(site.browser())

    site.deliver()

    (row,) = site.rows(OutboxMessage)
    assert row.dead_at is not None
    assert row.last_error == "Refused recipient refused, 550"


def test_recipient_refused_temporarily_is_retried(site, mail):
    mail.answer = "451 later"
    site.request_sign_in(site.browser())
    site.deliver()
    (row,) = site.rows(OutboxMessage)
    assert row.dead_at is None
    assert "maya" not in row.last_error

    mail.answer = "250 OK"
    site.clock.move_to(row.due_at)

    assert len(site.deliver()) == 1


def test_mail_is_in_the_language_of_the_customer(site):
    site.change_customer(site.scope, locale="fr")

    caught = site.request_mail(site.browser())

    assert "Se connecter" in caught.html or "Connexion" in caught.html
    assert 'lang="fr"' in caught.html
    assert caught.text.splitlines().index(caught.code) < caught.text.splitlines().index(caught.link)


def test_mail_to_an_address_of_another_script_arrives(site):
    site.add_customer("用户@例子.example", name="Li")

    caught = site.request_mail(site.browser(), "用户@例子.example")

    assert caught.recipients == ("用户@xn--fsqu00a.example",)


def test_html_part_has_its_styles_inline_and_loads_nothing(site):
    caught = site.request_mail(site.browser())

    (rest,) = re.findall(r"<style>(.*?)</style>", caught.html, re.DOTALL)
    assert set(re.findall(r"@media [^{]+", rest)) == {
        "@media (max-width: 480px) ",
        "@media (prefers-color-scheme: dark) ",
    }
    assert re.sub(r"@media[^{]+\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", rest).strip() == ""
    assert "style=" in caught.html
    assert "<script" not in caught.html
    assert "url(" not in caught.html and "@import" not in caught.html
    addresses = re.findall(r'(?:src|href)="(?!mailto:|cid:)([^"]*)"', caught.html)
    assert addresses == [caught.link]


def test_mail_carries_the_merchants_mark_for_light_and_dark(site):
    caught = site.request_mail(site.browser())

    shown = re.findall(r'src="cid:([^"]*)"', caught.html)
    pictures = {part["Content-ID"]: part for part in caught.message.walk() if part.get_content_maintype() == "image"}
    assert [f"<{cid}>" for cid in shown] == list(pictures) and len(shown) == 2
    for part in pictures.values():
        assert part.get_content_type() == "image/png" and part.get_content().startswith(b"\x89PNG")
        assert part.get_content_disposition() == "inline"


def test_message_is_ascii_for_servers_without_8bitmime(site):
    site.change_customer(site.scope, locale="fr")

    caught = site.request_mail(site.browser())

    assert "é" in caught.text
    assert caught.content.isascii()


def pay(site, name="Team plan"):
    """A complete payment of one invoice, and its receipt in the outbox."""
    now, scope, total = site.clock.now(), site.scope, 32598
    with site.services.database.unit_of_work() as session:
        invoice_id = add_invoice(
            session,
            scope,
            total,
            at=now,
            number="ACME-0412",
            description=name,
            status="paid",
            amount_paid=total,
            paid_at=now,
        )
        payment_id = insert_payment(session, scope, amount=total, at=now, description=name, pays={invoice_id: total})
        enqueue(session, scope.merchant_id, "receipt_mail", {"payment": payment_id}, at=now)
    return payment_id


def test_receipt_has_payee_amount_method_and_invoice(site):
    payment_id = pay(site, "Team plan <b>& more</b>")

    (caught,) = site.deliver()

    assert caught.recipients == (ADDRESS,)
    assert caught.message["Subject"] == "You paid $325.98 to Acme Inc."
    for word in (
        "$325.98",
        "Acme Inc.",
        "Visa\u00a0••••\u00a04242",
        "Team plan <b>& more</b>",
        "ACME-0412",
        payment_id,
    ):
        assert word in caught.text, word
    assert caught.link == f"http://127.0.0.1:5000/acme/payments/{payment_id}"
    assert "Team plan &lt;b&gt;&amp; more&lt;/b&gt;" in caught.html
    assert set(header_names(caught.content)) <= HEADERS


@pytest.mark.parametrize(
    ("description", "item"),
    [
        ("Team plan", "Team plan"),
        ("Invoice ACME-0412", "Invoice"),
        ("Team plan, ACME-0412", "Team plan"),
        ("ACME-0412", "Invoice"),
        ("", "Invoice"),
    ],
)
def test_item_and_reference_of_a_receipt_have_lines_of_their_own(site, description, item):
    pay(site, description)

    (caught,) = site.deliver()

    lines = caught.text.splitlines()
    at = lines.index("ACME-0412")
    assert lines[at - 1 : at + 2] == [item, "ACME-0412", "$325.98"]
    assert re.search(rf"<td[^>]*>{item}<span[^>]*>ACME-0412</span></td>\s*<td[^>]*>\$325.98</td>", caught.html)
    assert caught.html.count("ACME-0412") == 1


@pytest.mark.parametrize(("locale", "name"), [("en", "Credit added"), ("fr", "Crédit ajouté")])
def test_receipt_of_money_in_advance_names_it_in_the_customers_language(site, locale, name):
    payment_id = pay(site)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.delete(PaymentAllocation).where(PaymentAllocation.payment_id == payment_id))
        session.execute(
            sa.update(Payment).where(Payment.id == payment_id).values(kind="top_up", description="", method_type=None)
        )
        session.execute(sa.update(Customer).where(Customer.id == site.scope.customer_id).values(locale=locale))

    (caught,) = site.deliver()

    assert name in caught.text and name in caught.html


@pytest.mark.parametrize("change", [{"email": None, "email_key": None}, {"deleted_at": "now"}])
def test_customer_without_address_gets_no_receipt(site, change):
    pay(site)
    site.change_customer(
        site.scope, **{name: site.clock.now() if value == "now" else value for name, value in change.items()}
    )

    assert site.deliver() == []
    assert site.rows(OutboxMessage)[0].done_at is not None


def test_mount_of_a_host_is_where_its_links_lead(site):
    site = site.with_settings(url_prefix="/billing")

    caught = site.request_mail(site.browser())

    assert caught.link.startswith("http://127.0.0.1:5000/billing/sign-in/link/")
