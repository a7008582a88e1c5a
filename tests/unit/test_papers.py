"""Papers without a database: their words, what hostile text does to them, and the PDF that comes of it."""

from __future__ import annotations

import hashlib
import io
import logging
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader

from portal.documents.brands import paper_brand
from portal.documents.errors import InvalidAttachment, PaperNotSet, PaperTooLong
from portal.documents.font_files import uncovered
from portal.documents.operations import buyer_of, check_attachment
from portal.documents.papers import (
    LAYOUT,
    BankTransfer,
    Buyer,
    CreditNoteFacts,
    InvoiceFacts,
    LineFacts,
    PaidInvoice,
    PaidShare,
    Paper,
    PaperBrand,
    ReceiptFacts,
    Seller,
    StoredPaper,
    TaxFacts,
)  # fmt: skip
from portal.documents.rules import (
    MAX_BRAND_NAME,
    breakable,
    clean,
    epc_text,
    file_name,
    shortened,
)
from portal.documents.typesetting import Typesetter
from portal.documents.wording.credit_notes import credit_note_paper
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.receipts import receipt_paper
from portal.documents.wording.words import words_of
from portal.theming.themes import ThemeSet
from portal.web.downloads import disposition
from tests.support.tiers import tier

SELLER = Seller("Acme Software Inc.", ("500 Yale Avenue North", "Seattle, WA 98109"), "billing@acme.example")
BUYER = Buyer("Lindqvist Studio", ("Maya Lindqvist", "1220 Pine Street"), "US", "91-2043318")
BRAND = PaperBrand("Acme")
TYPESETTER = Typesetter()


def invoice(*lines: LineFacts, currency: str = "USD", transfer: BankTransfer | None = None) -> InvoiceFacts:
    lines = lines or (LineFacts("Team plan", Decimal(12), Decimal(1900), Decimal(8), 22800),)
    subtotal = sum(line.amount for line in lines)
    taxes = (TaxFacts(Decimal(8), subtotal, subtotal * 8 // 100),)
    return InvoiceFacts("ACME-0424", currency, date(2026, 11, 30), date(2026, 12, 14), lines, taxes, subtotal, subtotal + taxes[0].amount, transfer)  # fmt: skip


def item(text: str) -> LineFacts:
    return LineFacts(text, Decimal(1), Decimal(100), Decimal(8), 100)


def draw(paper: Paper, brand: PaperBrand = BRAND) -> PdfReader:
    digest = hashlib.sha256(repr((paper, brand)).encode()).hexdigest()
    stored = StoredPaper(LAYOUT, paper.content(), brand, datetime(2026, 11, 30, 9, tzinfo=UTC), digest)
    return PdfReader(io.BytesIO(TYPESETTER.draw(stored)))


def root_of(reader: PdfReader) -> Any:
    """The document's own entry, which pypdf types as anything."""
    return reader.trailer["/Root"]


def text_of(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages).replace("\u200b", "")


# --- the PDF ---


def test_pdf_is_tagged_for_accessibility() -> None:
    reader = draw(invoice_paper(words_of("fr"), SELLER, BUYER, invoice()))

    root = root_of(reader)
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert root["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "fr"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert reader.metadata is not None
    assert reader.metadata.title == "Facture ACME-0424 – Acme Software Inc."
    assert reader.metadata.creation_date == datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_fonts_are_embedded() -> None:
    reader = draw(invoice_paper(words_of("en"), SELLER, BUYER, invoice(item("مرحبا שלום नमस्ते ሰላም Ελλάδα Україна"))))

    resources: list[Any] = [page["/Resources"] for page in reader.pages]
    fonts = [font.get_object() for each in resources for font in each["/Font"].values()]
    names = {str(font["/BaseFont"]) for font in fonts}
    assert {name.partition("+")[2].partition("-")[0] for name in names} >= {
        "NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansDevanagari", "NotoSansEthiopic",
    }  # fmt: skip
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_long_invoice_carries_its_sum_from_page_to_page() -> None:
    lines = [LineFacts(f"Line {number}", Decimal(1), Decimal(number), Decimal(8), number) for number in range(1, 61)]

    reader = draw(invoice_paper(words_of("en"), SELLER, BUYER, invoice(*lines)))

    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 1
    for number, (page, following) in enumerate(pairwise(pages), start=1):
        carried = page.partition(f"Carried over to page {number + 1}")[2].split()[0]
        brought = following.partition(f"Brought forward from page {number}")[2].split()[0]
        shown = [
            int(line.split()[1]) for text in pages[:number] for line in text.splitlines() if line.startswith("Line ")
        ]
        assert carried == brought == f"{sum(shown) / 100:.2f}"
        assert f"Page {number} of {len(pages)}" in page
    assert "Carried over" not in pages[-1]
    assert "Brought forward" not in pages[0]


def test_invoice_of_thousands_of_lines_is_set() -> None:
    last = tier(1_500, 10_000) - 1
    lines = [item(f"Line {number}") for number in range(last + 1)]

    reader = draw(invoice_paper(words_of("en"), SELLER, BUYER, invoice(*lines)))

    assert any(f"Line {last}" in page.extract_text() for page in (reader.pages[-1], reader.pages[-2]))


HOSTILE = (
    '#read("/etc/passwd")', "#panic()", "= Heading *bold* _x_ $x^2$ `raw` <label> @ref \\ #let x = 1", "{pages} {page} %(day)s %s %%",
    "a\x00b\x07c\x1b[31m", "\u202e00.001$\u202c", "<script>alert(1)</script>", '"); #import "x.typ"', "\ud800", "line\nbreak\u2028two",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_markup(text: str) -> None:
    seller, buyer = replace(SELLER, name=text, lines=(text,)), Buyer(text, (text,), "US", text)
    facts = replace(invoice(item(text)), number=text)

    shown = text_of(draw(invoice_paper(words_of("en"), seller, buyer, facts), replace(BRAND, name=clean(text))))

    assert "root:" not in shown
    wanted = "".join(clean(text).split())
    assert "".join(shown.split()).count(wanted) >= 5


def test_override_of_direction_is_dropped() -> None:
    paper = invoice_paper(words_of("en"), SELLER, BUYER, invoice(item("Refund \u202e00.001$\u2066x\u061c")))

    assert paper.rows[0].text == "Refund 00.001$x"


SCRIPTS = ("Wxyz", "ΑΒΓω", "Ждщю", "مرحبا", "שלום", "नमस्ते", "ሰላም", "中文字", "ไทย", "👩‍👩‍👧", "W̷̢̛")


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_name_of_255_characters_stays_on_the_page(script: str, locale: str) -> None:
    name = (script * 255)[:255]
    buyer = Buyer(name, (name,), "US", name)
    paper = invoice_paper(words_of(locale), Seller(name, (name,), ""), buyer, replace(invoice(item(name)), number=name))

    reader = draw(paper, replace(BRAND, name=breakable(shortened(name, MAX_BRAND_NAME))))

    for page in reader.pages:
        places: list[float] = []

        def note(text: str, _cm: Any, matrix: Any, _font: Any, _size: Any, places: list[float] = places) -> None:
            if text.strip():
                places.append(matrix[4])

        page.extract_text(visitor_text=note)
        assert places
        assert all(0 <= place <= float(page.mediabox.width) for place in places)


def test_character_that_no_font_has_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    paper = invoice_paper(words_of("en"), SELLER, replace(BUYER, name="中文 Studio"), invoice())

    with caplog.at_level(logging.WARNING):
        reader = draw(paper)

    assert "Studio" in text_of(reader)
    assert [record.message for record in caplog.records] == ["document.glyph_missing"]
    assert uncovered([paper.parties[1].name]) == "中文"
    assert Typesetter().lacks("中") and not Typesetter().lacks("Ж")


def test_shipped_fonts_cover_what_the_words_use() -> None:
    for locale in ("en", "fr", "ar", "de", "es", "pt"):
        facts = invoice(currency="XAF", transfer=BankTransfer("Acme", "FR7630006000011234567890189"))
        for paper in (
            invoice_paper(words_of(locale), SELLER, BUYER, facts),
            receipt_paper(
                words_of(locale), SELLER, BUYER, ReceiptFacts("pay_1", "XOF", date(2026, 1, 1), 1, "Visa •••• 4242")
            ),
        ):
            assert uncovered([str(paper.content())]) == ""


def test_arabic_paper_runs_from_right_to_left_with_figures_on_their_last_digit() -> None:
    lines = [LineFacts("بند", Decimal(1), Decimal(amount), Decimal(8), amount) for amount in (5, 500, 50000)]

    reader = draw(invoice_paper(words_of("ar"), SELLER, BUYER, invoice(*lines)))

    assert root_of(reader)["/Lang"] == "ar"
    assert root_of(reader)["/ViewerPreferences"].get("/Direction") == "/R2L"


# --- words and figures ---


def test_invoice_in_french_as_its_readers_write() -> None:
    facts = invoice(
        LineFacts("Prime fixe", Decimal("1.5"), Decimal("1412.5551"), Decimal("19.25"), 2119), currency="XAF"
    )

    paper = invoice_paper(words_of("fr"), SELLER, replace(BUYER, country="CM"), facts)

    assert paper.heads == ("Désignation", "Quantité", "Prix unitaire", "Taxe", "Montant HT (FCFA)")
    assert paper.rows[0].cells == ("1,5", "1\u202f412,5551", "19,25\u00a0%", "2\u202f119")
    assert paper.parties[1].lines[-1] == "Cameroun"
    assert paper.headline.amount == "2\u202f288\u00a0FCFA"


def test_credit_note_is_written_below_zero() -> None:
    paper = credit_note_paper(words_of("en"), SELLER, BUYER, CreditNoteFacts("CN-1", "USD", date(2026, 12, 4), "Cancelled", 333, "ACME-7"))  # fmt: skip

    assert (paper.headline.amount, paper.sums[-1].amount, paper.rows[0].cells) == ("−$3.33", "−$3.33", ("−3.33",))
    assert ("Corrects invoice", "ACME-7") in paper.facts


def test_receipt_says_where_the_money_went() -> None:
    facts = ReceiptFacts("pay_1", "USD", date(2026, 12, 2), 5000, "Visa •••• 4242", credit_used=1000, credited=300, shares=(PaidShare("Plan", "ACME-7", 4700),), invoice=PaidInvoice("ACME-7", 6000, 500, 800))  # fmt: skip

    paper = receipt_paper(words_of("en"), SELLER, BUYER, facts)

    assert [(line.label, line.amount) for line in paper.sums] == [
        ("From your credit", "$10.00"), ("By your payment method", "$40.00"), ("Total of ACME-7", "$60.00"), ("Settled before", "−$5.00"),
        ("Paid on Dec 2, 2026", "−$47.00"), ("Still to pay after this payment", "$8.00"),
    ]  # fmt: skip
    assert paper.remark is not None and "$3.00" in paper.remark.text


def test_transfer_in_euro_has_the_code_of_the_payments_council() -> None:
    transfer = BankTransfer("Acme SAS", "FR76 3000 6000 0112 3456 7890 189", "AGRIFRPP")

    paper = invoice_paper(words_of("en"), SELLER, BUYER, invoice(currency="EUR", transfer=transfer))

    assert paper.box is not None
    assert paper.box.qr == "BCD\n002\n1\nSCT\nAGRIFRPP\nAcme SAS\nFR7630006000011234567890189\nEUR246.24\n\n\nACME-0424"
    assert "IBAN" in text_of(draw(paper))
    assert epc_text(transfer, 100, "USD", "x") == epc_text(transfer, 0, "EUR", "x") == ""
    assert invoice_paper(words_of("en"), SELLER, BUYER, invoice()).box is None


# --- brand ---


def test_papers_wear_the_brand(themes: ThemeSet) -> None:
    acme, savane = (paper_brand(themes.get(slug), slug) for slug in ("acme", "savane"))

    assert (acme.bar, acme.accent, acme.is_serif, acme.is_bold) == (("#2f3f9e",), "#2f3f9e", False, True)
    assert (savane.bar, savane.tint, savane.is_serif, savane.is_bold) == (
        ("#0b4a2d", "#f3b23c"),
        "#f6f0e2",
        True,
        False,
    )
    for brand in (acme, savane):
        assert brand.mark.startswith("<svg xmlns=") and "currentColor" not in brand.mark
        assert "Acme Software" in text_of(draw(invoice_paper(words_of("en"), SELLER, BUYER, invoice()), brand))


# --- names, texts, files ---


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("Invoice", "ACME-1"), "Invoice-ACME-1.pdf"), (("Facture", "../../etc/passwd"), "Facture-etc-passwd.pdf"),
        (("فاتورة", "١٢"), "فاتورة-١٢.pdf"), (("\u202egpj.exe", ""), "gpj.exe.pdf"), (("/", "\x00"), "document.pdf"),
        (("a" * 300,), "a" * 120 + ".pdf"),
    ],
)  # fmt: skip
def test_file_names_are_safe(parts: tuple[str, ...], expected: str) -> None:
    assert file_name(*parts) == expected


def test_download_names_a_file_in_ascii_and_in_utf8() -> None:
    assert disposition("Invoice-1.pdf") == 'attachment; filename="Invoice-1.pdf"'
    assert disposition("Reçu-é.pdf") == "attachment; filename=\"Recu-e.pdf\"; filename*=UTF-8''Re%C3%A7u-%C3%A9.pdf"
    assert (
        disposition("فاتورة.pdf")
        == "attachment; filename=\"document.pdf\"; filename*=UTF-8''%D9%81%D8%A7%D8%AA%D9%88%D8%B1%D8%A9.pdf"
    )
    assert "\n" not in disposition('a"\r\nSet-Cookie: x.pdf')


def test_long_words_break_at_their_punctuation_and_keep_their_letters() -> None:
    word = "W̷̢̛" * 30
    broken = breakable(f"short billing@an-address-of-some-length.example {word}")

    assert broken.startswith("short billing@\u200ban-address-of-some-length.\u200bexample ")
    assert broken.replace("\u200b", "").endswith(word)
    assert all(not unicodedata.combining(part[0]) for part in broken.split("\u200b"))


def test_bill_to_in_every_form_that_is_stored() -> None:
    address = {"line1": "1 Main St", "city": "Seattle", "postal_code": "98101", "state": "WA", "country": "US"}

    buyer = buyer_of({"name": "Maya", "company_name": "Studio", "address": address, "tax_number": "91"})

    assert (buyer.name, buyer.lines, buyer.country, buyer.tax_number) == ("Studio", ("Maya", "1 Main St", "Seattle, WA 98101"), "US", "91")  # fmt: skip
    assert buyer_of({}, "maya@example.com") == Buyer("maya@example.com")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello", "not a PDF"), (b"%PDF-1.7 cut", "cut off"), (b"%PDF-1.7 /Encrypt startxref 1 %%EOF", "encrypted"),
        (b"%PDF-1.7 /JavaScript startxref 1 %%EOF", "runs a program"), (b"%PDF-1.7" + b"0" * 10_500_000 + b"startxref %%EOF", "larger"),
    ],
)  # fmt: skip
def test_what_is_no_safe_pdf_is_not_attached(content: bytes, why: str) -> None:
    with pytest.raises(InvalidAttachment, match=why):
        check_attachment(content)


def test_paper_of_more_lines_than_it_can_have_is_refused() -> None:
    with pytest.raises(PaperTooLong):
        draw(invoice_paper(words_of("en"), SELLER, BUYER, invoice(*[item("x")] * 20_001)))


def test_long_paper_that_cannot_be_drawn_is_a_fault_and_no_file(caplog: pytest.LogCaptureFixture) -> None:
    content = invoice_paper(words_of("en"), SELLER, BUYER, invoice()).content()
    broken = StoredPaper(
        99, content | {"rows": content["rows"] * 500}, BRAND, datetime(2026, 1, 1, tzinfo=UTC), "broken"
    )

    with pytest.raises(PaperNotSet):
        TYPESETTER.draw(broken)

    assert [record.message for record in caplog.records] == ["document.not_drawn"]
