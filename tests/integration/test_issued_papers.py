"""Invoices as they are issued for a merchant's own country: the Swiss payment part, and the language of an office."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.documents.queries import find_paper
from portal.documents.typesetting import Typesetter
from portal.events.rules import COMMAND
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.services import Services
from portal.web.runtime import EXTENSION
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings

SWISS = {
    "holder": "Robert Schneider AG", "iban": "CH44 3199 9123 0008 8901 2", "street": "Rue du Lac", "building_number": "1268",
    "postal_code": "2501", "city": "Biel", "country": "CH", "reference_prefix": "210000",
}  # fmt: skip
ADDRESS = {"line1": "Grosse Marktgasse 28", "postal_code": "9400", "city": "Rorschach", "country": "CH"}


def decide(account: Account, **sections: object) -> None:
    with account.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, sections, actor=OPERATOR, at=account.now)


def issue(services: Services, account: Account, **fields: object) -> str:
    values = {
        "number": "ACME-0424", "currency": "CHF", "issued_on": date(2026, 3, 1), "due_on": date(2026, 3, 31),
        "description": "Team plan", "lines": (NewLine("Team plan", Decimal(1), Decimal(199500), None),),
    }  # fmt: skip
    new = NewInvoice(**(values | fields))  # type: ignore[arg-type]
    at = services.clock.now()
    return services.database.run(lambda session: open_invoice(session, account.scope, new, actor=COMMAND, at=at))


def fetch(app: Flask, account: Account, invoice_id: str) -> bytes:
    answer = account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf")
    assert answer.status_code == 200, answer.status
    content: bytes = answer.data
    return content


@pytest.mark.parametrize("currency", ["CHF", "EUR"])
def test_invoice_has_the_payment_part_of_the_day_it_was_issued(app: Flask, services: Services, currency: str) -> None:
    account = make_account(services, locale="de", name="Pia Rutschmann", billing_address=ADDRESS)
    decide(account, transfer={currency: SWISS})
    invoice_id = issue(services, account, currency=currency)
    before = fetch(app, account, invoice_id)

    decide(account, transfer={})
    app.extensions[EXTENSION].typesetter = Typesetter()

    assert fetch(app, account, invoice_id) == before
    text = PdfReader(io.BytesIO(before)).pages[-1].extract_text()
    for words in (
        "Zahlteil",
        "Empfangsschein",
        "CH44 3199 9123 0008 8901 2",
        "Pia Rutschmann",
        "9400 Rorschach",
        f"{currency}",
        "1 995.00",
    ):
        assert words in text, words
    with services.database.read() as reader:
        paper = find_paper(reader, account.scope, invoice_id)
    assert paper is not None
    assert paper.content["swiss"]["code"].split("\n")[18:28] == [
        "1995.00", currency, "S", "Pia Rutschmann", "Grosse Marktgasse 28", "", "9400", "Rorschach", "CH", "QRR"
    ]  # fmt: skip


def test_invoice_in_another_currency_has_none(app: Flask, services: Services) -> None:
    account = make_account(services)
    decide(account, transfer={"USD": SWISS})
    invoice_id = issue(services, account, currency="USD")

    text = PdfReader(io.BytesIO(fetch(app, account, invoice_id))).pages[-1].extract_text()

    assert "Payment part" not in text
    assert "CH44 3199 9123 0008 8901 2" in text
