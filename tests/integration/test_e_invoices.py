"""E-invoices from the outside: turned on by the settings document, carried by the PDFs that customers download, fixed with the paper."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import tomli_w
from flask import Flask

from portal.customers.models import Customer
from portal.database import Database
from portal.doctor import examine
from portal.documents.queries import find_paper
from portal.documents.typesetting import Typesetter
from portal.events.rules import COMMAND
from portal.invoices.models import Invoice
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.services import Services
from portal.tenancy import Scope
from portal.web.runtime import EXTENSION
from tests.conftest import SECRET_KEY
from tests.support.accounts import Account, make_account
from tests.support.commands import Commands
from tests.support.e_invoices import e_invoice_in, marks_of
from tests.support.merchant_settings import change_settings

SELLER = {"country": "DE", "vat_number": "DE136695976"}
ON = {"documents": {"factur_x": True}, "seller": SELLER}
PARIS = {"line1": "1 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services, billing_address=PARIS)


@pytest.fixture
def commands(database: Database, capsys, monkeypatch) -> Commands:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    return Commands(capsys)


def decide(services: Services, account: Account, **sections: object) -> None:
    with services.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, sections, actor=COMMAND, at=services.clock.now())


def issue(services: Services, account: Account, *lines: NewLine, number: str = "ACME-1") -> str:
    lines = lines or (NewLine("Team plan", Decimal(12), Decimal(1900), Decimal(20)),)
    new = NewInvoice(
        number=number, currency="EUR", issued_on=date(2026, 3, 1), due_on=date(2026, 3, 31), description="Plan", lines=lines
    )  # fmt: skip
    at = services.clock.now()
    return services.database.run(lambda session: open_invoice(session, account.scope, new, actor=COMMAND, at=at))


def fetch(app: Flask, account: Account, invoice_id: str) -> bytes:
    answer = account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf")
    assert answer.status_code == 200, answer.status
    content: bytes = answer.data
    return content


def test_merchant_turns_it_on_and_off_and_issued_papers_stay(app: Flask, services: Services, account: Account) -> None:
    before = issue(services, account, number="ACME-1")
    decide(services, account, **ON)
    during = issue(services, account, number="ACME-2")
    drawn = {invoice_id: fetch(app, account, invoice_id) for invoice_id in (before, during)}
    decide(services, account, documents={}, seller={})
    after = issue(services, account, number="ACME-3")
    app.extensions[EXTENSION].typesetter = Typesetter()

    said = e_invoice_in(fetch(app, account, during))

    assert said is not None
    assert (said.total("GrandTotalAmount"), said.taxes) == (27_360, [("S", "20", 22_800, 4_560)])
    assert said.text("ram:BuyerTradeParty/ram:PostalTradeAddress/ram:PostcodeCode") == "75002"
    assert e_invoice_in(drawn[before]) is None
    assert e_invoice_in(fetch(app, account, after)) is None
    assert {invoice_id: fetch(app, account, invoice_id) for invoice_id in drawn} == drawn


def test_discount_at_one_of_two_rates_is_in_that_rates_tax(app: Flask, services: Services, account: Account) -> None:
    decide(services, account, **ON)
    lines = [("Machine", 10_000, 20), ("Discount", -5_000, 20), ("Book", 10_000, 10)]
    invoice_id = issue(services, account, *(NewLine(text, Decimal(1), Decimal(price), Decimal(rate)) for text, price, rate in lines))  # fmt: skip

    said = e_invoice_in(fetch(app, account, invoice_id))

    assert said is not None
    assert said.taxes == [("S", "10", 10_000, 1_000), ("S", "20", 5_000, 1_000)]
    with services.database.read() as reader:
        paper = find_paper(reader, account.scope, invoice_id)
    assert paper is not None
    assert [row[-1] for row in paper.content["taxes"]] == ["10.00", "10.00"]


def test_paper_is_issued_without_it_where_something_is_missing(
    app: Flask, services: Services, account: Account
) -> None:
    decide(services, account, **ON)
    account.change(Customer, account.scope.customer_id, billing_address={})
    invoice_id = issue(services, account)

    pdf = fetch(app, account, invoice_id)

    assert e_invoice_in(pdf) is None
    assert (marks_of(pdf)["pdfuaid:part"], marks_of(pdf)["fx:DocumentType"]) == ("1", "")
    assert "ACME-1 lacks the customer's country" in findings(services)[-1]


def test_doctor_says_what_the_settings_lack(services: Services, account: Account) -> None:
    assert not any("Factur-X" in found for found in findings(services))

    decide(services, account, documents={"factur_x": True}, seller={"country": "DE", "tax_number": "12/345"})
    assert "set seller.vat_number or seller.registration_number" in findings(services)[-1]
    decide(services, account, **ON)
    issue(services, account)
    assert "the newest invoices carry Factur-X" in findings(services)[-1]


def findings(services: Services) -> list[str]:
    return [str(found) for found in examine({}, loaded=services.settings) if found.subject == "documents"]


def test_imported_invoice_carries_it_by_commands_alone(
    app: Flask, commands: Commands, services: Services, account: Account, tmp_path: Path
) -> None:
    document = tomllib.loads(commands.run("merchant", "settings", "acme").out)
    assert (document["documents"]["factur_x"], document["seller"]["country"]) == (False, "")
    wrong = {"country": "Germany", "vat_number": "DE136695977", "registration_number": "a\nb"}
    file, rows = tmp_path / "settings.toml", tmp_path / "invoices.csv"
    file.write_text(tomli_w.dumps(document | {"seller": document["seller"] | wrong}))
    refused = commands.run("merchant", "settings", "acme", "--apply", str(file))
    assert refused.code == 1
    assert all(f"seller.{name}" in refused.err for name in wrong), refused.err
    file.write_text(tomli_w.dumps(document | {"documents": document["documents"] | {"factur_x": True}, "seller": document["seller"] | SELLER}))  # fmt: skip
    assert commands.run("merchant", "settings", "acme", "--apply", str(file)).code == 0
    rows.write_text(
        "number,customer,customer_name,customer_country,issued_on,currency,quantity,unit_amount,tax_rate,description\n"
        "I-1,C-1,Ada,FR,2026-03-01,XAF,3,5000,19.25,Plan & <more>\nI-1,C-1,Ada,FR,2026-03-01,XAF,1,1001,19.25,Setup\n"
    )
    ran = commands.run("import", "invoices", str(rows), "--merchant", "acme", "--report", str(tmp_path / "report.csv"))
    assert (ran.code, json.loads(ran.out)["created"]) == (0, 2), ran

    with services.database.read() as reader:
        invoice = reader.execute(sa.select(Invoice.id, Invoice.customer_id, Invoice.total).where(Invoice.number == "I-1")).one()  # fmt: skip
    owner = Account(services, Scope(account.scope.merchant_id, invoice.customer_id), "acme")
    said = e_invoice_in(fetch(app, owner, invoice.id))

    assert said is not None
    assert said.texts("ram:SpecifiedTradeProduct/ram:Name") == ["Plan & <more>", "Setup"]
    # 19.25 % of 16 001 francs, which have no smaller unit.
    assert said.taxes == [("S", "19.25", 16_001, 3_080)]
    assert said.total("GrandTotalAmount") == invoice.total == 19_081
    assert said.text("ram:TaxTotalAmount") == "3080"
