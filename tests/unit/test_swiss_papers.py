"""Papers with the payment part of a Swiss QR-bill: what stands where, in which words, and that a banking app reads the code."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import typst
import zxingcpp
from pypdf import PageObject, PdfReader

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
)
from portal.documents.qr_codes import swiss_qr_svg
from portal.documents.typesetting import LAYOUTS, Typesetter
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.words import words_of

SELLER = Seller("Robert Schneider AG", ("Rue du Lac 1268", "2501 Biel"), "billing@schneider.example")
ACCOUNT = BankTransfer(
    "Robert Schneider AG", "CH5800791123000889012", "POFICHBE", street="Rue du Lac", building_number="1268", postal_code="2501",
    city="Biel", country="CH",
)  # fmt: skip
BUYER = Buyer(
    "Pia-Maria Rutschmann-Schnyder", ("Grosse Marktgasse 28", "9400 Rorschach"), "CH",
    postal=PostalAddress(("Grosse Marktgasse 28",), "9400", "Rorschach"),
)  # fmt: skip
TYPESETTER = Typesetter()
MM = 72 / 25.4


def paper(locale: str = "de", buyer: Buyer = BUYER, account: BankTransfer = ACCOUNT, lines: int = 1) -> Paper:
    facts = InvoiceFacts(
        "RS-0424", "CHF", date(2026, 11, 30), date(2026, 12, 30),
        tuple(LineFacts("Arbeitsplatz", Decimal(1), Decimal(199500), None, 199500) for _ in range(lines)), (),
        199500 * lines, 199500 * lines, account,
    )  # fmt: skip
    return invoice_paper(words_of(locale), SELLER, buyer, facts)


def draw(drawn: Paper) -> PdfReader:
    digest = hashlib.sha256(repr(drawn).encode()).hexdigest()
    stored = StoredPaper(LAYOUT, drawn.content(), PaperBrand("RS"), datetime(2026, 11, 30, 9, tzinfo=UTC), digest)
    return PdfReader(io.BytesIO(TYPESETTER.draw(stored)))


def places(page: PageObject) -> dict[str, tuple[float, float]]:
    """Where each text of a page begins, in mm from its left and upper edge."""
    found: dict[str, tuple[float, float]] = {}

    def note(text: str, cm: Any, matrix: Any, _font: Any, _size: Any) -> None:
        x = matrix[4] * cm[0] + cm[4]
        y = matrix[5] * cm[3] + cm[5]
        if text.strip():
            found.setdefault(text.strip(), (x / MM, 297 - y / MM))

    page.extract_text(visitor_text=note)
    return found


def test_payment_part_stands_at_the_foot_of_the_page_where_the_standard_wants_it() -> None:
    reader = draw(paper())

    found = places(reader.pages[-1])
    for words, left, upper in (
        ("Empfangsschein", 5, 197),
        ("Zahlteil", 67, 197),
        ("Referenz", 5, 205),
        ("Zusätzliche Informationen", 118, 197),
    ):
        assert left - 0.5 < found[words][0] < left + 0.5, words
        assert upper < found[words][1] < 260, words
    assert 186 < found["Vor der Einzahlung abzutrennen"][1] < 192
    assert found["Seite 1 von 1"][1] < 186
    text = reader.pages[-1].extract_text()
    for words in (
        "CH58 0079 1123 0008 8901 2",
        "1 995.00",
        "Pia-Maria Rutschmann-Schnyder",
        "9400 Rorschach",
        "RF",
        "RS-0424",
    ):
        assert words in text
    assert "Zahlungsmöglichkeiten" not in text


@pytest.mark.parametrize(
    ("locale", "heading"), [("de", "Zahlteil"), ("fr", "Section paiement"), ("en", "Payment part"), ("ar", "Payment part"), ("es", "Payment part")]
)  # fmt: skip
def test_headings_are_the_standards_own(locale: str, heading: str) -> None:
    drawn = paper(locale)

    assert drawn.swiss is not None
    assert drawn.swiss.words["payment_part"] == heading
    assert heading in draw(drawn).pages[-1].extract_text()


def test_paper_with_a_payment_part_is_tagged_and_embeds_a_font_of_the_standard() -> None:
    reader = draw(paper())

    root: Any = reader.trailer["/Root"]
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert "/StructTreeRoot" in root
    fonts = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]  # pypdf types it as anything.
    }
    assert {"LiberationSans", "LiberationSans-Bold"} <= {name.removesuffix("-Identity-H") for name in fonts}


def test_long_invoice_gets_its_payment_part_on_a_page_of_its_own() -> None:
    reader = draw(paper(lines=14))

    assert "Zahlteil" not in reader.pages[0].extract_text()
    assert "Zahlteil" in reader.pages[-1].extract_text()
    assert "Seite 1 von 2" in reader.pages[0].extract_text()
    assert "Seite 2 von 2" in reader.pages[-1].extract_text()


def test_payer_abroad_has_the_account_in_the_box_too() -> None:
    abroad = paper(buyer=replace(BUYER, country="DE"))

    assert paper().box is None
    assert abroad.box is not None and abroad.swiss is not None
    assert abroad.box.qr == ""
    assert ("BIC", "POFICHBE") in abroad.box.rows
    assert any(value == abroad.swiss.reference for _, value in abroad.box.rows)


@pytest.mark.parametrize(
    "name", ["W" * 70, "Gesellschaft für die Erhaltung der historischen Altstadthäuser in Biel", "محمد"]
)
def test_names_of_any_length_stay_within_their_part(name: str) -> None:
    account = replace(ACCOUNT, holder="Gesellschaft zur Förderung der zeitgenössischen Kunst in Winterthur AG")
    address = PostalAddress(
        ("An der langen Strasse zum alten Bahnhof hinter dem Dorf 1234567890",), "9400", "Rorschach"
    )

    found = places(draw(paper(buyer=replace(BUYER, name=name, postal=address), account=account)).pages[-1])

    assert all(0 <= x <= 205 and y <= 292 for x, y in found.values())
    below = [y for text, (x, y) in found.items() if x < 60 and 203 < y < 259.5 and text != "Währung"]
    assert below and max(below) < 260


def test_code_is_read_as_a_banking_app_reads_it() -> None:
    drawn = paper()
    assert drawn.swiss is not None
    source = (
        b'#set page(width: 56mm, height: 56mm, margin: 5mm)\n#image(bytes(sys.inputs.code), format: "svg", width: 46mm)'
    )

    picture = typst.compile(source, format="png", ppi=120, sys_inputs={"code": swiss_qr_svg(drawn.swiss.code)})

    [code] = zxingcpp.read_barcodes(memoryview_of(picture))
    assert code.text == drawn.swiss.code
    assert "M" in str(code.ec_level)


def test_layout_of_papers_that_were_issued_stays() -> None:
    first = (LAYOUTS / "paper-1.typ").read_bytes()

    assert hashlib.sha256(first).hexdigest() == "83079370fb88ff363764d676cfbe788ca57a88b7dc5c86a270ee6eb57023dbbf"


def memoryview_of(png: bytes) -> memoryview:
    """Return the red of a PNG of eight bits, which is all of a picture in black and white, as rows."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (depth, kind) == (8, 6)
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, size = zlib.decompress(data), width * 4
    rows: list[bytearray] = [bytearray(size)]
    for number in range(height):
        start = number * (size + 1)
        rows.append(_row(raw[start], bytearray(raw[start + 1 : start + 1 + size]), rows[-1]))
    return memoryview(b"".join(bytes(row[::4]) for row in rows[1:])).cast("B", (height, width))


def _row(filter_kind: int, row: bytearray, above: bytearray) -> bytearray:
    for at in range(len(row)):
        left, up, corner = (row[at - 4], above[at], above[at - 4]) if at >= 4 else (0, above[at], 0)
        nearest = min(
            (left, up, corner), key=lambda each: (abs(left + up - corner - each), (left, up, corner).index(each))
        )
        row[at] = (row[at] + (0, left, up, (left + up) // 2, nearest)[filter_kind]) % 256
    return row
