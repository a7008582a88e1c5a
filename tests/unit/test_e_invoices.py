"""E-invoices without a database: valid by the norm's schema, no amount other than the invoice's, and none where it cannot be said."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from portal.documents.e_invoice_rules import SellerNumbers
from portal.documents.e_invoices import with_e_invoice
from portal.documents.papers import (
    LAYOUT,
    BankTransfer,
    Buyer,
    InvoiceFacts,
    LineFacts,
    Paper,
    PaperBrand,
    PostalAddress,
    Seller,
    StoredPaper,
    TaxFacts,
)  # fmt: skip
from portal.documents.pdf_metadata import declare_factur_x
from portal.documents.rules import clean
from portal.documents.typesetting import Typesetter
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.words import words_of
from portal.vat_numbers import is_vat_number
from tests.support.e_invoices import ReadEInvoice, e_invoice_in, marks_of
from tests.support.tiers import tier

SELLER = Seller("Acme GmbH", ("Hauptstraße 1", "Hinterhaus", "10115 Berlin", "Germany"), "billing@acme.example")
NUMBERS = SellerNumbers("DE", "DE136695976")
BUYER = Buyer(
    "Atelier Lindqvist", ("1 rue de la Paix", "75002 Paris"), "FR", "FR61954506077", "PO-7",
    PostalAddress(("1 rue de la Paix",), "75002", "Paris"),
)  # fmt: skip
TYPESETTER = Typesetter()


def line(quantity: str, price: str, rate: str | None = "20", text: str = "Team plan") -> LineFacts:
    """A line as it is stored: quantity times the price in minor units, rounded half up."""
    amount = int((Decimal(quantity) * Decimal(price)).to_integral_value(rounding=ROUND_HALF_UP))
    return LineFacts(text, Decimal(quantity), Decimal(price), None if rate is None else Decimal(rate), amount)


def invoice(*lines: LineFacts, currency: str = "EUR", transfer: BankTransfer | None = None) -> InvoiceFacts:
    """An invoice as the operation writes it: each rate's tax is that of its lines' sum, rounded half up."""
    lines = lines or (line("12", "1900"),)
    bases: dict[Decimal, int] = {}
    for each in lines:
        bases[each.tax_rate or Decimal(0)] = bases.get(each.tax_rate or Decimal(0), 0) + each.amount
    taxes = tuple(
        TaxFacts(rate, base, int((base * rate / 100).to_integral_value(rounding=ROUND_HALF_UP)))
        for rate, base in bases.items()
        if rate or len(bases) > 1
    )
    subtotal = sum(bases.values())
    total = subtotal + sum(tax.amount for tax in taxes)
    return InvoiceFacts("ACME-0424", currency, date(2026, 11, 30), date(2026, 12, 14), lines, taxes, subtotal, total, transfer)  # fmt: skip


def paper_of(
    facts: InvoiceFacts, *, seller: Seller = SELLER, numbers: SellerNumbers = NUMBERS, buyer: Buyer = BUYER
) -> Paper:
    return with_e_invoice(invoice_paper(words_of("en"), seller, buyer, facts), facts, seller, numbers, buyer)


def read(paper: Paper) -> ReadEInvoice:
    assert not paper.e_invoice_gaps
    return ReadEInvoice(paper.e_invoice.encode())


def draw(paper: Paper, digest: str, typesetter: Typesetter = TYPESETTER) -> bytes:
    stored = StoredPaper(LAYOUT, paper.content(), PaperBrand("Acme"), datetime(2026, 11, 30, 9, tzinfo=UTC), digest)
    return typesetter.draw(stored)


def assert_same_amounts(read: ReadEInvoice, facts: InvoiceFacts) -> None:
    """Every amount of the XML is the invoice's, and they sum to one another, in minor units."""
    assert read.minor("ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount") == [
        each.amount for each in facts.lines
    ]
    assert read.total("LineTotalAmount") == read.total("TaxBasisTotalAmount") == facts.subtotal
    assert read.total("TaxTotalAmount") == facts.total - facts.subtotal
    assert read.total("GrandTotalAmount") == read.total("DuePayableAmount") == facts.total
    assert sum(base for *_, base, _ in read.taxes) == facts.subtotal
    assert sum(tax for *_, tax in read.taxes) == facts.total - facts.subtotal
    shown = {Decimal(rate): (base, tax) for _, rate, base, tax in read.taxes}
    for tax in facts.taxes:
        assert tax.rate is not None
        assert shown[tax.rate] == (tax.taxable, tax.amount)
    prices = [Decimal(text) for text in read.texts("ram:NetPriceProductTradePrice/ram:ChargeAmount")]
    assert all(price >= 0 for price in prices)


# --- what it says ---


def test_it_says_what_the_paper_says() -> None:
    transfer = BankTransfer("Acme GmbH", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX")
    facts = invoice(
        line("12", "1900"), line("1", "-800", text="Discount"), line("3", "333.33", "5.5"), transfer=transfer
    )

    said = read(paper_of(facts))

    assert_same_amounts(said, facts)
    assert said.taxes == [("S", "5.5", 1000, 55), ("S", "20", 22000, 4400)]
    assert said.text("ram:GuidelineSpecifiedDocumentContextParameter/ram:ID") == "urn:cen.eu:en16931:2017"
    assert said.text("rsm:ExchangedDocument/ram:TypeCode") == "380"
    assert said.text("ram:IssueDateTime/udt:DateTimeString") == "20261130"
    assert said.text("ram:DueDateDateTime/udt:DateTimeString") == "20261214"
    assert said.text("ram:SellerTradeParty/ram:SpecifiedTaxRegistration/ram:ID") == "DE136695976"
    assert said.text("ram:SellerTradeParty/ram:PostalTradeAddress/ram:LineThree") == "10115 Berlin, Germany"
    assert said.text("ram:BuyerTradeParty/ram:Name") == "Atelier Lindqvist"
    assert said.text("ram:BuyerTradeParty/ram:SpecifiedTaxRegistration/ram:ID") == "FR61954506077"
    assert said.text("ram:BuyerTradeParty/ram:PostalTradeAddress/ram:CityName") == "Paris"
    assert said.text("ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID") == "PO-7"
    assert said.text("ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode") == "58"
    assert said.text("ram:PayeePartyCreditorFinancialAccount/ram:IBANID") == "DE89370400440532013000"
    # A price is never below nothing: of the discount, the quantity is.
    assert said.texts("ram:BilledQuantity") == ["12", "-1", "3"]
    assert said.texts("ram:NetPriceProductTradePrice/ram:ChargeAmount") == ["19", "8", "3.3333"]


def test_tax_number_of_another_form_is_not_said_to_be_one_for_vat() -> None:
    assert not read(paper_of(invoice(), buyer=replace(BUYER, tax_number="954506077"))).texts("ram:BuyerTradeParty/ram:SpecifiedTaxRegistration")  # fmt: skip
    # A Mexican number that begins as if it were Colombian.
    mexican = replace(BUYER, country="MX", tax_number="COCA850101ABC")
    assert not read(paper_of(invoice(), buyer=mexican)).texts("ram:BuyerTradeParty/ram:SpecifiedTaxRegistration")


def test_lines_without_tax_are_exempt_only_where_the_merchant_says_why() -> None:
    zero, none = invoice(line("1", "1000", "0")), invoice(line("1", "1000", None))
    exempt = replace(NUMBERS, exemption="Exempt, section 19 UStG")

    assert read(paper_of(zero)).taxes == [("Z", "0", 1000, 0)]
    for facts in (zero, none):
        said = read(paper_of(facts, numbers=exempt))
        assert said.taxes == [("E", "0", 1000, 0)]
        assert said.text("ram:ExemptionReason") == "Exempt, section 19 UStG"
    assert paper_of(none).e_invoice_gaps == ("a tax rate on each line, or seller.exemption",)


quantities = st.decimals("0.01", "500", places=2).map(str)
prices = st.decimals("-9000", "90000", places=3).map(str)
rates = st.sampled_from(["0", "5.5", "7", "19", "19.25", "20"])


@given(
    lines=st.lists(st.tuples(quantities, prices, rates), min_size=1, max_size=6),
    currency=st.sampled_from(["EUR", "XAF", "JPY", "USD"]),
)
@settings(max_examples=tier(60, 500), deadline=None)
def test_every_amount_is_the_invoices(lines: list[tuple[str, str, str]], currency: str) -> None:
    facts = invoice(*(line(*each) for each in lines), currency=currency)

    said = read(paper_of(facts))

    assert_same_amounts(said, facts)
    assert said.text("ram:InvoiceCurrencyCode") == currency


SCRIPTS = (
    "Wxyz",
    "ΑΒΓω",
    "Ждщю",
    "مرحبا",
    "שלום",
    "नमस्ते",
    "ሰላም",
    "中文字",
    "👩‍👩‍👧",
    "<&\"']]>",
    "a\x00\x1b\x07",
    "\ud800\ufffe\u202e\u2028",
    "&#0;",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_text_of_255_characters_stays_valid(script: str) -> None:
    text = (script * 255)[:254] + "x"
    facts = replace(invoice(line("1", "100", text=text)), number=text, transfer=BankTransfer(text, "", text, text))
    postal = PostalAddress((text, text), text, text, text)
    seller, buyer = Seller(text, (text,) * 4, text), Buyer(text, (text,), "FR", text, text, postal)

    said = read(paper_of(facts, seller=seller, numbers=replace(NUMBERS, registration_number=text), buyer=buyer))

    assert said.text("ram:BuyerTradeParty/ram:Name") == clean(text)
    assert said.text("ram:SpecifiedTradeProduct/ram:Name") == clean(text)


# --- what cannot be said ---


@pytest.mark.parametrize(
    ("facts", "numbers", "buyer", "gap"),
    [
        (invoice(), replace(NUMBERS, country=""), BUYER, "seller.country"),
        (invoice(), SellerNumbers("DE"), BUYER, "seller.vat_number or seller.tax_number"),
        (invoice(), SellerNumbers("DE", tax_number="12/345/6789"), BUYER, "seller.vat_number or seller.registration_number"),
        (invoice(), NUMBERS, replace(BUYER, country=""), "the customer's country"),
        (invoice(), NUMBERS, replace(BUYER, name="\x00"), "the customer's name"),
        (invoice(line("1", "100", text="\x07")), NUMBERS, BUYER, "a description on each line"),
        (invoice(currency="KWD"), NUMBERS, BUYER, "a currency of at most 2 decimals"),
        (invoice(LineFacts("Plan", None, None, Decimal(20), 100)), NUMBERS, BUYER, "a quantity and a unit price on each line"),
        (invoice(replace(line("3", "100"), amount=299)), NUMBERS, BUYER, "lines that are quantity times unit price"),
        (replace(invoice(), subtotal=22_801), NUMBERS, BUYER, "lines that come to the subtotal"),
        (replace(invoice(), total=27_361), NUMBERS, BUYER, "taxes that come to the total"),
        (
            replace(invoice(), taxes=(TaxFacts(Decimal(20), 22800, 4562),), total=22800 + 4562), NUMBERS, BUYER,
            "taxes that are rate times base",
        ),
        (
            # A file that gave the tax in one sum: an exemption of the merchant's does not make it go away.
            replace(invoice(line("1", "1000", None)), taxes=(TaxFacts(None, 1000, 190),), total=1190),
            replace(NUMBERS, exemption="Exempt"), BUYER, "a tax rate on each line, or seller.exemption",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_nothing_is_said(
    facts: InvoiceFacts, numbers: SellerNumbers, buyer: Buyer, gap: str, caplog: pytest.LogCaptureFixture
) -> None:
    paper = paper_of(facts, numbers=numbers, buyer=buyer)

    assert not paper.e_invoice
    assert gap in paper.e_invoice_gaps
    (record,) = [record for record in caplog.records if record.message == "document.e_invoice_left_out"]
    assert gap in record.reason  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("DE136695976", True), ("DE136695977", False), ("FR61954506077", True), ("EL094259216", True), ("EL094259217", False),
        ("CHE123456788", True), ("136695976", False), ("ZZ123456", False), ("de136695976", False), ("", False),
    ],
)  # fmt: skip
def test_number_for_vat_has_its_country_and_its_check_digits(number: str, is_one: bool) -> None:
    assert is_vat_number(number) is is_one


# --- the PDF ---


def test_pdf_carries_it_and_keeps_all_its_marks() -> None:
    facts = invoice()
    paper = paper_of(facts)
    pdf, without = draw(paper, "with"), draw(replace(paper, e_invoice=""), "without")

    said = e_invoice_in(pdf)

    assert said is not None
    assert said.xml.decode() == paper.e_invoice
    assert_same_amounts(said, facts)
    assert marks_of(pdf) == {
        "pdfaid:part": "3", "pdfaid:conformance": "B", "pdfuaid:part": "1", "fx:ConformanceLevel": "EN 16931",
        "fx:DocumentFileName": "factur-x.xml", "fx:DocumentType": "INVOICE", "fx:Version": "1.0",
    }  # fmt: skip
    root: Any = PdfReader(io.BytesIO(pdf), strict=True).trailer["/Root"].get_object()
    assert root["/AF"][0]["/AFRelationship"] == "/Alternative"
    assert root["/MarkInfo"]["/Marked"]
    assert [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages] == [
        page.extract_text() for page in PdfReader(io.BytesIO(without)).pages
    ]
    assert e_invoice_in(without) is None
    assert marks_of(without) == dict.fromkeys(marks_of(pdf), "") | {"pdfuaid:part": "1"}


def test_paper_without_one_is_stored_as_before_there_were_any() -> None:
    content = invoice_paper(words_of("en"), SELLER, BUYER, invoice()).content()

    assert not any(name.startswith("e_invoice") for name in content)


def test_same_paper_is_the_same_bytes() -> None:
    drawn = {draw(paper_of(invoice()), "with", Typesetter()) for _ in range(2)}

    assert len(drawn) == 1


def test_long_paper_drawn_apart_carries_it() -> None:
    pdf = draw(paper_of(invoice(*(line("1", "100") for _ in range(401)))), "long")

    said = e_invoice_in(pdf)

    assert said is not None
    assert len(said.texts("ram:IncludedSupplyChainTradeLineItem")) == 401
    assert marks_of(pdf)["fx:ConformanceLevel"] == "EN 16931"


def test_paper_with_a_box_for_a_character_carries_it_without_the_marks() -> None:
    pdf = draw(paper_of(invoice(line("1", "100", text="中文"))), "boxed")

    said = e_invoice_in(pdf)

    assert said is not None
    assert said.text("ram:SpecifiedTradeProduct/ram:Name") == "中文"
    assert set(marks_of(pdf).values()) == {""}


@pytest.mark.parametrize("pdf", [b"", b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \nstartxref\n9\n%%EOF"])
def test_pdf_of_another_kind_is_not_rewritten(pdf: bytes) -> None:
    with pytest.raises(ValueError, match="typst"):
        declare_factur_x(pdf)
