"""Papers in an office's language with the customer's beside it: labels in both, values once, each in its own direction."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject

from portal.documents.font_files import uncovered
from portal.documents.papers import (
    LAYOUT,
    BankTransfer,
    Buyer,
    InvoiceFacts,
    LineFacts,
    PaidShare,
    Paper,
    PaperBrand,
    ReceiptFacts,
    Seller,
    StatementFacts,
    StatementLine,
    StoredPaper,
    TaxFacts,
)
from portal.documents.rules import DocumentSettings, PaperLanguages, paper_languages
from portal.documents.typesetting import Typesetter
from portal.documents.wording.beside import in_two_languages
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.receipts import receipt_paper
from portal.documents.wording.statements import statement_paper
from portal.documents.wording.words import words_of

SELLER = Seller("Acme Software Inc.", ("500 Yale Avenue North",), "billing@acme.example")
BUYER = Buyer("Lindqvist Studio", ("Maya Lindqvist",), "TN", "1234567/A")
TYPESETTER = Typesetter()


def facts(line_count: int = 1) -> InvoiceFacts:
    lines = tuple(LineFacts("Team plan", Decimal(1), Decimal(1900), Decimal(8), 1900) for _ in range(line_count))
    subtotal = 1900 * line_count
    return InvoiceFacts(
        "ACME-0424", "EUR", date(2026, 11, 30), date(2026, 12, 14), lines, (TaxFacts(Decimal(8), subtotal, subtotal * 8 // 100),),
        subtotal, subtotal * 108 // 100, BankTransfer("Acme SAS", "FR7630006000011234567890189"),
    )  # fmt: skip


def invoice(first: str, second: str, line_count: int = 1) -> Paper:
    return in_two_languages(
        *(invoice_paper(words_of(each), SELLER, BUYER, facts(line_count)) for each in (first, second))
    )


def draw(paper: Paper) -> PdfReader:
    digest = hashlib.sha256(repr(paper).encode()).hexdigest()
    stored = StoredPaper(LAYOUT, paper.content(), PaperBrand("Acme"), datetime(2026, 11, 30, 9, tzinfo=UTC), digest)
    return PdfReader(io.BytesIO(TYPESETTER.draw(stored)))


def languages_within(reader: PdfReader) -> set[str]:
    """The languages that parts of the document say of themselves."""
    found: set[str] = set()

    def look(element: Any) -> None:
        element = element.get_object()
        if isinstance(element, ArrayObject):
            for each in element:
                look(each)
        elif isinstance(element, DictionaryObject):
            if "/Lang" in element:
                found.add(str(element["/Lang"]))
            if "/K" in element:
                look(element["/K"])

    root: Any = reader.trailer["/Root"]
    look(root["/StructTreeRoot"])
    return found


def test_labels_are_in_both_languages_and_values_in_the_first() -> None:
    paper = invoice("fr", "en")

    assert (paper.locale, paper.second_locale, paper.title) == ("fr", "en", "Facture\nInvoice")
    assert paper.document_title == "Facture / Invoice ACME-0424 – Acme Software Inc."
    assert paper.facts[1] == ("Date d’émission\nIssued", "30 nov. 2026")
    assert paper.headline.label == "À payer au plus tard le 14 déc. 2026\nAmount due by Dec 14, 2026"
    assert paper.headline.amount == "20,52\u00a0€"
    assert paper.heads[1] == "Quantité\nQuantity"
    assert paper.rows[0].text == "Team plan"
    assert paper.rows[0].cells[1] == "19,00"
    assert paper.sums[-1].label == "Net à payer\nTo pay"
    assert paper.parties[1].lines[-1] == "Tunisie\nTunisia"
    assert paper.box is not None and ("IBAN", "FR7630006000011234567890189") in [
        (label, value.replace("\u200b", "")) for label, value in paper.box.rows
    ]


def test_value_of_words_is_in_both_languages() -> None:
    receipt = ReceiptFacts(
        "pay_1", "EUR", date(2026, 12, 2), 5000, "credit", shares=(PaidShare("Plan", "ACME-7", 5000),)
    )

    paper = in_two_languages(*(receipt_paper(words_of(each), SELLER, BUYER, receipt) for each in ("de", "fr")))

    assert dict(paper.facts)["Zahlungsmethode\nMoyen de paiement"] == "Ihr Guthaben\nVotre crédit"


@pytest.mark.parametrize(("first", "second"), [("fr", "en"), ("ar", "fr"), ("de", "ar")])
def test_pdf_says_which_part_is_in_which_language(first: str, second: str) -> None:
    reader = draw(invoice(first, second, 40))

    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == first
    assert second in languages_within(reader)
    assert root["/ViewerPreferences"].get("/Direction") == ("/R2L" if first == "ar" else "/L2R")
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert uncovered([str(invoice(first, second).content())]) == ""
    text = "".join(page.extract_text() for page in reader.pages)
    assert {"fr-en": "Invoice", "ar-fr": "Facture", "de-ar": "Rechnung"}[f"{first}-{second}"] in text


def test_statement_is_in_both_languages() -> None:
    account = StatementFacts(
        "EUR", date(2026, 1, 1), date(2026, 12, 31), 0, 500, 1000, 500,
        (StatementLine("payment", date(2026, 3, 1), "N-1", "", 0, 500, 500),), (("30", 500),),
    )  # fmt: skip

    paper = in_two_languages(*(statement_paper(words_of(each), SELLER, BUYER, account) for each in ("ar", "fr")))

    assert paper.rows[1].text.endswith("\nPaiement")
    assert paper.taxes[0][0].endswith("\n1 à 30 jours de retard")
    assert paper.taxes[0][1] == "5.00"
    assert "Relevé de compte" in draw(paper).pages[0].extract_text()


def test_paper_in_one_language_says_nothing_of_a_second() -> None:
    paper = invoice_paper(words_of("en"), SELLER, BUYER, facts())

    assert "second_locale" not in paper.content()
    assert replace(paper, second_locale="fr").content()["second_locale"] == "fr"


@pytest.mark.parametrize(
    ("country", "customer", "expected"),
    [
        ("CM", "en", ("fr", "en")), ("cm", "de", ("fr", "en")), ("CM", "fr-CM", ("fr", None)), ("CM", None, ("fr", None)),
        ("", "fr-CM", ("fr", None)), ("US", None, ("en", None)), ("DE", "xx", ("en", None)),
    ],
)  # fmt: skip
def test_language_is_the_merchants_rule_with_the_customers_beside_it(
    country: str, customer: str | None, expected: tuple[str, str | None]
) -> None:
    found = paper_languages(
        DocumentSettings({"CM": "fr"}),
        country=country,
        customer_locale=customer,
        merchant_locale="en",
        available=("en", "fr"),
    )

    assert found == PaperLanguages(*expected)
