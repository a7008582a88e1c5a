"""Papers: fixed when they are issued, the same bytes for ever, and nobody else's."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from portal.clock import MovableClock
from portal.customers.models import Customer
from portal.database import Database
from portal.doctor import examine
from portal.documents.models import IssuedDocument
from portal.documents.operations import forget_papers
from portal.documents.queries import find_paper
from portal.documents.typesetting import Typesetter
from portal.events.queries import list_events
from portal.events.rules import COMMAND
from portal.invoices.errors import UnknownInvoice
from portal.invoices.models import Invoice
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.invoices.operations.papers import attach_invoice_document, fix_invoice_paper
from portal.merchants.models import Merchant
from portal.public_ids import new_id
from portal.services import Services
from portal.tenancy import MerchantScope
from portal.web.runtime import EXTENSION
from tests.support.accounts import Account, make_account
from tests.support.importing import importer_of
from tests.support.merchant_settings import change_settings
from tests.support.paying import PayingCustomer


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def new_invoice(*lines: NewLine, **fields: object) -> NewInvoice:
    values = {
        "number": "ACME-0424", "currency": "USD", "issued_on": date(2026, 3, 1), "due_on": date(2026, 3, 31),
        "description": "Team plan", "lines": lines or (NewLine("Team plan", Decimal(12), Decimal(1900), Decimal(8)),),
    }  # fmt: skip
    return NewInvoice(**(values | fields))  # type: ignore[arg-type]


def issue(services: Services, account: Account, *lines: NewLine, **fields: object) -> str:
    """Open an invoice of the account by the real operation."""
    new = new_invoice(*lines, **fields)
    at = services.clock.now()
    return services.database.run(lambda session: open_invoice(session, account.scope, new, actor=COMMAND, at=at))


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


def fetch(app: Flask, account: Account, path: str) -> bytes:
    answer = account.sign_in(app).client.get(path)
    assert answer.status_code == 200, answer.status
    content: bytes = answer.data
    return content


def test_invoice_pdf_shows_what_was_issued(app: Flask, services: Services, account: Account) -> None:
    invoice_id = issue(services, account)

    answer = account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf")

    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Invoice-ACME-0424.pdf"'
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    text = text_of(answer.data)
    for part in ("Acme Software Inc.", "410 Union Street", "ACME-0424", "Team plan", "19.00", "8%", "228.00", "$246.24", "Mar 31, 2026", "Page 1 of 1"):  # fmt: skip
        assert part in text, part


def test_issue_fixes_the_paper_in_its_own_transaction(services: Services, account: Account) -> None:
    fixed = sa.select(sa.func.count()).where(IssuedDocument.merchant_id == account.scope.merchant_id)

    with services.database.unit_of_work() as session:
        open_invoice(session, account.scope, new_invoice(), actor=COMMAND, at=services.clock.now())
        within = session.scalar(fixed)
        session.rollback()

    with services.database.read() as reader:
        assert (within, reader.scalar(fixed)) == (1, 0)


def test_paper_stays_as_it_was_issued(app: Flask, services: Services, account: Account) -> None:
    invoice_id = issue(services, account)
    before = fetch(app, account, f"/acme/invoices/{invoice_id}.pdf")

    account.change(
        Customer, account.scope.customer_id, name="Somebody Else", locale="fr", billing_address={"country": "FR"}
    )
    account.change(Merchant, account.scope.merchant_id, name="New name", legal_name="New Ltd", theme="savane", locale="fr", address_lines=[])  # fmt: skip
    account.change(Invoice, invoice_id, amount_paid=1000, status="partially_paid")
    app.extensions[EXTENSION].typesetter = Typesetter()
    after = fetch(app, account, f"/acme/invoices/{invoice_id}.pdf?locale=fr")

    assert after == before


def test_two_processes_draw_the_same_bytes(services: Services, account: Account, tmp_path: Path) -> None:
    invoice_id = issue(services, account, NewLine("Ligne « spéciale » مرحبا", Decimal(1), Decimal(500)))
    with services.database.read() as reader:
        paper = find_paper(reader, account.scope, invoice_id)
    assert paper is not None
    (tmp_path / "paper").write_bytes(pickle.dumps(paper))
    program = (
        "import hashlib, pathlib, pickle, sys; from portal.documents.typesetting import Typesetter\n"
        "paper = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(hashlib.sha256(Typesetter().draw(paper)).hexdigest())"
    )

    drawn = [
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "paper")], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip

    assert drawn == [hashlib.sha256(Typesetter().draw(paper)).hexdigest()] * 2


def test_paper_of_an_older_invoice_is_fixed_by_its_first_download(
    app: Flask, services: Services, account: Account
) -> None:
    invoice_id = account.invoice(5000)
    with services.database.unit_of_work() as session:
        forget_papers(session, account.scope.merchant_id, [invoice_id])

    before = fetch(app, account, f"/acme/invoices/{invoice_id}.pdf")
    account.change(Merchant, account.scope.merchant_id, legal_name="New Ltd")
    app.extensions[EXTENSION].typesetter = Typesetter()

    assert fetch(app, account, f"/acme/invoices/{invoice_id}.pdf") == before


def test_two_first_downloads_at_once_agree(app: Flask, services: Services, account: Account) -> None:
    invoice_id = account.invoice(5000)
    with services.database.unit_of_work() as session:
        forget_papers(session, account.scope.merchant_id, [invoice_id])
    path = f"/acme/invoices/{invoice_id}.pdf"
    browsers = [account.sign_in(app).client for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda browser: browser.get(path), browsers))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.data for answer in answers}) == 1


def test_paper_speaks_the_customers_language_and_not_the_readers(app: Flask, services: Services) -> None:
    account = make_account(services, locale="fr-CM", billing_address={"country": "CM"})
    invoice_id = issue(services, account)

    text = text_of(fetch(app, account, f"/acme/invoices/{invoice_id}.pdf?locale=en"))

    for part in ("Facture", "Cameroun", "31 mars 2026", "Page 1 sur 1", "246,24"):
        assert part in text, part
    assert "Invoice" not in text


def test_paper_for_a_country_has_the_customers_language_beside_the_offices(app: Flask, services: Services) -> None:
    account = make_account(services, locale="en", billing_address={"country": "FR"})
    documents = {"documents": {"languages": {"FR": "fr"}}}
    with services.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, documents, actor=COMMAND, at=services.clock.now())

    text = text_of(fetch(app, account, f"/acme/invoices/{issue(services, account)}.pdf"))

    for part in ("Facture", "Invoice", "Page 1 sur 1 / Page 1 of 1", "31 mars 2026", "246,24"):
        assert part in text, part
    assert "246.24" not in text


@pytest.mark.parametrize("status", ["complete", "partially_refunded", "refunded"])
def test_receipt_of_a_captured_payment(app: Flask, account: Account, status: str) -> None:
    payment_id = account.payment(status, 5000, description="Team plan, ACME-0424", note="ACME-0424")

    text = text_of(fetch(app, account, f"/acme/payments/{payment_id}/receipt.pdf"))

    for part in ("Receipt", "$50.00", "Paid on Mar 19, 2026", "Visa", "4242"):
        assert part in text, part


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "incomplete", "canceled"])
def test_payment_without_money_has_no_receipt(app: Flask, account: Account, status: str) -> None:
    payment_id = account.payment(status, 5000)

    assert account.sign_in(app).client.get(f"/acme/payments/{payment_id}/receipt.pdf").status_code == 404


def test_receipt_is_fixed_with_the_payment_and_says_how_the_invoice_stands(payer: PayingCustomer) -> None:
    invoice_id = payer.invoice(5000)

    first = payer.pay(invoice_id)

    with payer.services.database.read() as reader:
        paper = find_paper(reader, payer.scope, first)
    assert paper is not None
    assert [line["amount"] for line in paper.content["sums"]] == ["$50.00", "−$50.00", "$0.00"]


def test_credit_note_page_and_pdf(app: Flask, account: Account) -> None:
    invoice_id = account.invoice(5000, number="ACME-7")
    note_id = account.credit_note(invoice_id, 1500, "CN-0034")
    browser = account.sign_in(app)

    invoice = browser.get(f"/acme/invoices/{invoice_id}")
    page = browser.get(invoice.link("CN-0034"))
    text = text_of(fetch(app, account, f"/acme/credit-notes/{note_id}.pdf"))

    assert page.headline == "Credit note CN-0034"
    assert "$15.00" in page.text and page.link("ACME-7") == f"/acme/invoices/{invoice_id}"
    assert page.link("Download PDF") == f"/acme/credit-notes/{note_id}.pdf"
    for part in ("Credit note", "CN-0034", "Corrects invoice", "ACME-7", "−$15.00"):
        assert part in text, part


def test_pages_lead_to_their_papers(app: Flask, account: Account) -> None:
    invoice_id = account.invoice(5000, number="ACME-7")
    payment_id = account.payment("complete", 5000)
    browser = account.sign_in(app)

    assert browser.get(f"/acme/invoices/{invoice_id}").link("Download PDF") == f"/acme/invoices/{invoice_id}.pdf"
    paid = browser.get(f"/acme/payments/{payment_id}")
    assert paid.link("Download receipt (PDF)") == f"/acme/payments/{payment_id}/receipt.pdf"
    failed = browser.get(f"/acme/payments/{account.payment('failed', 5000)}")
    assert "receipt.pdf" not in failed.html


# --- nobody else's ---


def test_papers_of_others_are_not_found(app: Flask, services: Services, account: Account) -> None:
    """Another customer of the merchant, the same person at another merchant, and ids of the wrong kind: all the same 404."""
    invoice_id, payment_id = account.invoice(5000), account.payment("complete", 5000)
    note_id = account.credit_note(invoice_id, 1500)
    draft_id = account.invoice(5000, status="draft")
    neighbour = make_account(services, merchant_id=account.scope.merchant_id)
    elsewhere = make_account(services, "other")
    unknown = "0" * 22
    papers = (f"invoices/{invoice_id}.pdf", f"payments/{payment_id}/receipt.pdf", f"credit-notes/{note_id}", f"credit-notes/{note_id}.pdf", f"invoices.zip?invoice={invoice_id}")  # fmt: skip
    wrong = (f"invoices/inv_{unknown}.pdf", f"invoices/{payment_id}.pdf", f"credit-notes/{invoice_id}.pdf", f"payments/{invoice_id}/receipt.pdf", f"invoices.zip?invoice=inv_{unknown}", "invoices.zip?invoice=x")  # fmt: skip

    for path in papers:
        assert account.sign_in(app).client.get(f"/acme/{path}").status_code == 200, path
        assert neighbour.sign_in(app).client.get(f"/acme/{path}").status_code == 404, path
        assert elsewhere.sign_in(app).client.get(f"/other/{path}").status_code == 404, path
        assert app.test_client().get(f"/acme/{path}").status_code == 303, path
    for path in (*wrong, f"invoices/{draft_id}.pdf", f"invoices.zip?invoice={draft_id}"):
        assert account.sign_in(app).client.get(f"/acme/{path}").status_code == 404, path


# --- several at once ---


def test_zip_has_each_invoice_once(app: Flask, services: Services, account: Account) -> None:
    ids = [issue(services, account, number=f"ACME-{number}") for number in (1, 2)]
    older = account.invoice(5000, number="Ü/3")
    query = "&".join(f"invoice={invoice_id}" for invoice_id in (*ids, ids[0], older))

    answer = account.sign_in(app).client.get(f"/acme/invoices.zip?{query}")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="invoices.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.namelist() == ["ACME-1.pdf", "ACME-2.pdf", "Ü-3.pdf"]
    assert archive.testzip() is None
    assert archive.read("ACME-1.pdf") == fetch(app, account, f"/acme/invoices/{ids[0]}.pdf")


def test_zip_with_somebody_elses_invoice_is_not_found(app: Flask, services: Services, account: Account) -> None:
    neighbour = make_account(services, merchant_id=account.scope.merchant_id)
    mine, theirs = account.invoice(5000), neighbour.invoice(5000)

    assert account.sign_in(app).client.get(f"/acme/invoices.zip?invoice={mine}&invoice={theirs}").status_code == 404


def test_zip_is_limited_and_says_so(app: Flask, services: Services, account: Account) -> None:
    query = "&".join(f"invoice={new_id('inv', services.clock.now())}" for _ in range(101))
    browser = account.sign_in(app)

    too_many = browser.get(f"/acme/invoices.zip?{query}", status=422)
    none = browser.get("/acme/invoices.zip", status=422)

    assert "at most 100 invoices" in too_many.text
    assert "Choose at least one" in none.text


def test_head_of_a_zip_gives_its_place_back(app: Flask, account: Account) -> None:
    path = f"/acme/invoices.zip?invoice={account.invoice(5000)}"
    browser = account.sign_in(app).client

    for _ in range(6):
        assert browser.head(path).status_code == 200

    assert browser.get(path).status_code == 200


def test_zips_that_nobody_reads_leave_room_for_single_papers(app: Flask, services: Services, account: Account) -> None:
    invoice_id = issue(services, account)
    browser = account.sign_in(app).client
    unread = [browser.get(f"/acme/invoices.zip?invoice={invoice_id}", buffered=False) for _ in range(6)]

    assert [answer.status_code for answer in unread] == [200, 200, 503, 503, 503, 503]
    assert browser.get(f"/acme/invoices/{invoice_id}.pdf").status_code == 200
    for answer in unread:
        answer.close()
    assert browser.get(f"/acme/invoices.zip?invoice={invoice_id}").status_code == 200


def test_papers_that_wait_never_take_all_threads(app: Flask, services: Services, account: Account) -> None:
    """Places are few: whoever comes when they are taken is asked at once to come again."""
    invoice_id = issue(services, account)
    typesetter = app.extensions[EXTENSION].typesetter = Typesetter(at_once=1, waiting=0)

    with typesetter.place():
        answer = account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "Many documents are being made" in answer.get_data(as_text=True)
    assert account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf").status_code == 200


# --- a merchant's own ---

OWN = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n"


def test_merchants_own_pdf_is_served_in_place_of_ours(app: Flask, services: Services, account: Account) -> None:
    invoice_id, other_id = account.invoice(5000, number="ACME-7"), account.invoice(5000, number="ACME-8")
    at = services.clock.now()
    for content in (OWN + b"%%EOF", OWN):
        with services.database.unit_of_work() as session:
            attach_invoice_document(session, account.scope.merchant_id, invoice_id, content, actor=COMMAND, at=at)

    answer = account.sign_in(app).client.get(f"/acme/invoices/{invoice_id}.pdf")
    zipped = fetch(app, account, f"/acme/invoices.zip?invoice={invoice_id}&invoice={other_id}")

    assert (answer.data, answer.headers["Content-Disposition"]) == (OWN, 'attachment; filename="invoice-ACME-7.pdf"')
    archive = zipfile.ZipFile(io.BytesIO(zipped))
    assert archive.read("ACME-7.pdf") == OWN != archive.read("ACME-8.pdf")
    with services.database.read() as reader:
        events = list_events(reader, account.scope.merchant_id, invoice_id)
    assert [event.type for event in events].count("invoice.document_attached") == 2


def test_own_pdf_of_another_merchants_invoice_is_refused(services: Services, account: Account) -> None:
    elsewhere = make_account(services, "other")
    invoice_id = elsewhere.invoice(5000)

    with pytest.raises(UnknownInvoice), services.database.unit_of_work() as session:
        attach_invoice_document(
            session, account.scope.merchant_id, invoice_id, OWN, actor=COMMAND, at=services.clock.now()
        )


# --- imports, doctor ---


def test_correction_by_an_import_lets_go_of_the_paper(database: Database, clock: MovableClock, tmp_path: Path) -> None:
    importer = importer_of(database, clock, tmp_path)
    scope = MerchantScope(importer.merchant.id)
    head = "number,customer,customer_email,issued_on,currency,quantity,unit_amount,description"

    papers = []
    for amount in ("10.00", "12.00"):
        importer.text(head, f"A-1,C-1,ada@example.com,2026-03-01,USD,1,{amount},Plan")
        (row,) = importer.rows(sa.select(Invoice.id).where(Invoice.merchant_id == scope.merchant_id))
        with database.read() as reader:
            assert find_paper(reader, scope, row.id) is None
        with database.unit_of_work() as session:
            fix_invoice_paper(session, scope.merchant_id, row.id)
        with database.read() as reader:
            papers.append(find_paper(reader, scope, row.id))

    assert [paper.content["headline"]["amount"] for paper in papers if paper] == ["$10.00", "$12.00"]


def test_doctor_names_characters_that_no_font_has(services: Services) -> None:
    account = make_account(services, name="中文")
    issue(services, account)

    found = [str(finding) for finding in examine({}, loaded=services.settings) if finding.subject == "documents"]

    assert len(found) == 1
    assert "中 (U+4E2D), 文 (U+6587)" in found[0]
    assert "FONTS_DIR" in found[0]


def test_doctor_names_a_swiss_account_whose_invoices_have_no_payment_code(services: Services) -> None:
    account = make_account(services)
    holder = {"holder": "Acme AG", "iban": "CH5604835012345678009"}
    address = {"postal_code": "8001", "city": "Zürich", "country": "CH"}

    def found(transfer: dict[str, dict[str, str]]) -> list[str]:
        with services.database.unit_of_work() as session:
            change_settings(
                session, account.scope.merchant_id, {"transfer": transfer}, actor=COMMAND, at=services.clock.now()
            )
        return [str(each) for each in examine({}, loaded=services.settings) if "Swiss" in str(each)]

    (warning,) = found({"CHF": holder})
    assert "transfer.CHF.postal_code, city and country" in warning
    assert found({"CHF": {**holder, **address}}) == []
    assert found({"USD": holder}) == []  # Swiss payment codes are in francs and euros.


def test_lists_have_a_paper_in_each_row_that_has_one(app: Flask, account: Account) -> None:
    invoice_id = account.invoice(5000, number="ACME-7", description="Plan")
    paid, failed = account.payment("complete", 5000), account.payment("failed", 5000)
    browser = account.sign_in(app)

    invoices, payments = browser.get("/acme/invoices"), browser.get("/acme/payments")

    assert f'href="/acme/invoices/{invoice_id}.pdf"' in invoices.html
    assert f'href="payments/{paid}/receipt.pdf"' in payments.html
    assert f"{failed}/receipt.pdf" not in payments.html
