"""A question about an invoice or a payment: kept with it, mailed to the merchant, answered to the customer's own address."""

from __future__ import annotations

import pytest

from portal.audit.models import AuditEntry
from portal.events.models import EventRecord
from portal.questions.models import Question
from tests.support import customers
from tests.support.site import ADDRESS, Site

CARD = "4242 4242 4242 4242"


def invoice_of(site: Site, number: str = "ACME-1") -> str:
    with site.services.database.unit_of_work() as session:
        at = site.clock.now()
        return customers.add_invoice(session, site.scope, 5000, at=at, due_on=at.date(), number=number)


def test_question_is_kept_with_the_invoice_and_mailed_to_the_merchant(site):
    invoice = invoice_of(site)
    browser = site.signed_in()
    page = browser.get(f"/acme/ask?invoice={invoice}")

    done = browser.submit(page, "Send question", topic="amount", message="Why 50?\r\nI ordered one.\x07")

    assert done.headline == "Your question is sent"
    assert f"answers by email to {ADDRESS}" in done.text
    (kept,) = site.rows(Question)
    assert (kept.object_id, kept.topic, kept.text) == (invoice, "amount", "Why 50?\nI ordered one.")
    (mail,) = site.deliver()
    assert mail.recipients == ("help@acme.example",)
    assert mail.message["reply-to"] == ADDRESS
    assert "ACME-1" in mail.message["subject"]
    assert "Why 50?" in mail.text
    assert "I ordered one." in mail.text


def test_words_of_a_question_are_in_no_event(site):
    browser = site.signed_in()
    browser.submit(browser.get("/acme/ask"), "Send question", message="my secret worry")

    (event,) = [row for row in site.rows(EventRecord) if row.type == "question.asked"]
    assert (event.actor_type, event.customer_id) == ("customer", site.scope.customer_id)
    assert not any("worry" in str(vars(row)) for row in [*site.rows(EventRecord), *site.rows(AuditEntry)])


def test_mail_of_a_question_shows_markup_as_text_and_takes_no_header(site):
    browser = site.signed_in()
    browser.submit(
        browser.get("/acme/ask"), "Send question", message="<img src=x>\nBcc: all@else.example\n=?utf-8?q?x?="
    )

    (mail,) = site.deliver()

    assert "<img src=x" not in mail.html
    assert "&lt;img src=x&gt;" in mail.html
    assert mail.message["bcc"] is None
    assert mail.recipients == ("help@acme.example",)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Write what you want to know."),
        ("\u200b \n", "Write what you want to know."),
        ("x" * 2001, "This is too long"),
        (CARD, "looks like a card number"),
    ],
)
def test_fault_stands_at_the_field_and_nothing_is_sent(site, typed, says):
    browser = site.signed_in()

    page = browser.submit(browser.get("/acme/ask"), "Send question", status=422, message=typed)

    assert says in page.text
    assert site.deliver() == []
    assert site.count(Question) == 0


def test_five_questions_an_hour(site):
    browser = site.signed_in()
    for number in range(5):
        browser.submit(browser.get("/acme/ask"), "Send question", message=f"Question {number}")

    browser.submit(browser.get("/acme/ask"), "Send question", status=429, message="Question 6")

    assert site.count(Question) == 5
    site.clock.advance(hours=1)
    browser.submit(browser.get("/acme/ask"), "Send question", message="Question 7")


def test_nobody_asks_about_what_is_somebody_elses(site):
    other = site.add_customer("noor@haddad.example")
    with site.services.database.unit_of_work() as session:
        at = site.clock.now()
        theirs = customers.add_invoice(session, other, 5000, at=at, due_on=at.date())
    browser = site.signed_in()
    token = browser.get("/acme/ask").form("Send question").fields["csrf_token"]

    for invoice in (theirs, "x", "pay_" + "0" * 22):
        browser.get(f"/acme/ask?invoice={invoice}", status=404)
        browser.post("/acme/ask", {"csrf_token": token, "invoice": invoice, "message": "?"}, status=404)
    assert site.count(Question) == 0
