"""An invoice that is paid elsewhere or later: the account to transfer to, "I have paid", and a day that is promised."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.clock import MovableClock
from portal.documents.papers import BankTransfer
from portal.documents.qr_codes import code_picture
from portal.documents.transfer_codes import transfer_code
from portal.invoices.models import Promise
from portal.invoices.queries.promises import list_held
from portal.questions.models import Question
from portal.services import Services
from portal.swiss_bills import reference_of
from portal.tenancy import MerchantScope
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_client import PageClient

IBAN = "DE89 3704 0044 0532 0130 00"


@pytest.fixture
def account(services: Services) -> Account:
    account = make_account(services)
    document = {"transfer": {"USD": {"holder": "Acme GmbH", "iban": IBAN}}, "promises": {"days": 14}}
    with services.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, document, actor=OPERATOR, at=account.now)
    return account


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def questions(account: Account) -> list[tuple[str, str]]:
    with account.database.unit_of_work() as session:
        rows = session.query(Question).filter_by(merchant_id=account.scope.merchant_id).order_by(Question.id)
        return [(row.object_id or "", row.text) for row in rows]


def held(account: Account, invoice_id: str, days: int) -> bool:
    scope = MerchantScope(account.scope.merchant_id)
    with account.database.read() as reader:
        return bool(list_held(reader, scope, [invoice_id], account.today + timedelta(days=days)))


def test_transfer_is_announced_and_the_invoice_stays_open(account: Account, pages: PageClient) -> None:
    invoice_id = account.invoice(5000, number="ACME-7")
    page = pages.get(f"/acme/invoices/{invoice_id}")
    for words in ("Acme GmbH", IBAN, "$50.00", "ACME-7"):
        assert words in page.text

    after = pages.submit(page, "I have paid")

    assert "stays open here until the money is booked" in after.text
    assert "To pay" in after.text and "$50.00" in after.text
    assert questions(account) == [(invoice_id, "I have paid $50.00 by bank transfer.")]
    assert held(account, invoice_id, 7) and not held(account, invoice_id, 8)


def test_transfer_within_switzerland_has_its_reference_and_code(account: Account, pages: PageClient) -> None:
    swiss = {
        "holder": "Robert Schneider AG",
        "iban": "CH44 3199 9123 0008 8901 2",
        "postal_code": "2501",
        "city": "Biel",
        "country": "CH",
    }
    with account.database.unit_of_work() as session:
        change_settings(
            session, account.scope.merchant_id, {"transfer": {"CHF": swiss}}, actor=OPERATOR, at=account.now
        )
    invoice_id = account.invoice(5000, number="ACME-7", currency="CHF", status="partially_paid", amount_paid=2000)

    page = pages.get(f"/acme/invoices/{invoice_id}")

    reference = reference_of(swiss["iban"], "ACME-7")
    assert reference.written in page.text
    transfer = BankTransfer(**swiss)
    code = transfer_code(transfer, 3000, "CHF", "ACME-7")
    assert str(code_picture(code)) in page.html
    assert code.split("\n")[18:20] == ["30.00", "CHF"] and code.split("\n")[28] == reference.text


def test_day_is_promised_within_the_merchants_rule(account: Account, pages: PageClient) -> None:
    invoice_id = account.invoice(5000)
    page = pages.get(f"/acme/invoices/{invoice_id}")

    for days, words in ((0, "after today"), (15, "Choose a day up to"), (-3, "after today")):
        typed = str(account.today + timedelta(days=days))
        refused = pages.submit(page, "Promise to pay", pay_on=typed, status=422)
        assert words in refused.text and typed in refused.html
    for typed in ("", "soon", "2026-02-30", "9999999-01-01"):
        pages.submit(page, "Promise to pay", pay_on=typed, status=422)
    assert questions(account) == []
    pages.submit(page, "Promise to pay", pay_on=str(account.today + timedelta(days=3)))
    promised = pages.submit(page, "Promise to pay", pay_on=str(account.today + timedelta(days=14)))

    assert "You say that you will pay on" in promised.text
    assert [text.startswith("I will pay on") for _, text in questions(account)] == [True, True]
    assert held(account, invoice_id, 14) and not held(account, invoice_id, 15)


def test_nobody_promises_for_others_or_what_cannot_be_paid(account: Account, services: Services, app: Flask) -> None:
    neighbour = make_account(services, merchant_id=account.scope.merchant_id)
    theirs, paid = neighbour.invoice(5000), account.invoice(5000, status="paid")
    euros = account.invoice(5000, currency="EUR")
    pages = account.sign_in(app)
    day = {"pay_on": str(account.today + timedelta(days=3))}
    token = pages.get(f"/acme/invoices/{account.invoice(100)}").form("I have paid").fields["csrf_token"]

    for invoice_id in (theirs, paid, "inv_0"):
        for act in ("transfer", "promise"):
            pages.post(f"/acme/invoices/{invoice_id}/{act}", {"csrf_token": token, **day}, status=404)
    pages.post(f"/acme/invoices/{euros}/transfer", {"csrf_token": token}, status=404)

    assert questions(account) == []
    with account.database.unit_of_work() as session:
        assert session.query(Promise).filter_by(merchant_id=account.scope.merchant_id).all() == []


def test_merchant_that_admits_neither_has_neither(services: Services, app: Flask) -> None:
    account = make_account(services)

    page = account.sign_in(app).get(f"/acme/invoices/{account.invoice(5000)}")

    assert "bank transfer" not in page.text and "Name a day" not in page.text


def test_account_stands_on_the_paper(account: Account, pages: PageClient) -> None:
    paper = pages.client.get(f"/acme/invoices/{account.invoice(5000, number='ACME-7')}.pdf").data

    text = PdfReader(BytesIO(paper)).pages[0].extract_text()
    assert "Acme GmbH" in text and IBAN in text


def test_promising_again_puts_the_reminders_off_no_longer_than_the_first_promise_could(
    account: Account, pages: PageClient, clock: MovableClock
) -> None:
    invoice_id = account.invoice(5000)
    page = pages.get(f"/acme/invoices/{invoice_id}")
    pages.submit(page, "Promise to pay", pay_on=str(account.today + timedelta(days=3)))
    clock.advance(days=10)

    pages = account.sign_in(pages.client.application)
    refused = pages.submit(page, "Promise to pay", pay_on=str(account.today + timedelta(days=5)), status=422)
    pages.submit(page, "Promise to pay", pay_on=str(account.today + timedelta(days=4)))

    assert "Choose a day up to" in refused.text and held(account, invoice_id, 4) and not held(account, invoice_id, 5)
    clock.advance(days=4)
    pages = account.sign_in(pages.client.application)
    assert "Name a day to pay" not in pages.get(f"/acme/invoices/{invoice_id}").html
    pages.post(f"/acme/invoices/{invoice_id}/promise", {"pay_on": str(account.today + timedelta(days=1))}, status=404)


def test_saying_again_that_it_was_paid_holds_the_reminders_no_longer(
    account: Account, pages: PageClient, clock: MovableClock
) -> None:
    with account.services.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, {"promises": {"days": 0}}, actor=OPERATOR, at=account.now)
    clock.advance(minutes=1)
    invoice_id = account.invoice(5000)
    page = pages.get(f"/acme/invoices/{invoice_id}")
    pages.submit(page, "I have paid")
    clock.advance(days=5)

    account.sign_in(pages.client.application).submit(page, "I have paid")

    assert held(account, invoice_id, 2) and not held(account, invoice_id, 3)
