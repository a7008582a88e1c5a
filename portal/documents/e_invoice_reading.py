"""Reads the totals of a `factur-x.xml` back, to compare them with the invoice before it is issued. Pure; for XML that we have written."""

from __future__ import annotations

from decimal import Decimal
from xml.etree import ElementTree as ET

_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_TOTALS = {
    "subtotal": "LineTotalAmount",
    "net": "TaxBasisTotalAmount",
    "tax": "TaxTotalAmount",
    "total": "GrandTotalAmount",
    "due": "DuePayableAmount",
}


def totals_of(xml: str) -> dict[str, Decimal]:
    """Return the totals in major units: `lines` (their sum), `subtotal`, `net`, `tax`, `total`, `due`, and by rate `base 20`, `tax 20`."""
    root = ET.fromstring(xml)  # noqa: S314  # Ours, of a moment ago.
    lines = root.iterfind(f".//{_RAM}SpecifiedTradeSettlementLineMonetarySummation/{_RAM}LineTotalAmount")
    header = _found(root, f".//{_RAM}ApplicableHeaderTradeSettlement")
    sums = _found(header, f"{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation")
    read = {"lines": sum((Decimal(line.text or "") for line in lines), Decimal(0))}
    read |= {name: _number(sums, element) for name, element in _TOTALS.items()}
    for tax in header.iterfind(f"{_RAM}ApplicableTradeTax"):
        rate = f"{_number(tax, 'RateApplicablePercent').normalize():f}"
        read |= {f"base {rate}": _number(tax, "BasisAmount"), f"tax {rate}": _number(tax, "CalculatedAmount")}
    return read


def _number(parent: ET.Element, name: str) -> Decimal:
    return Decimal(_found(parent, _RAM + name).text or "")


def _found(parent: ET.Element, path: str) -> ET.Element:
    found = parent.find(path)
    if found is None:
        raise ValueError(f"the XML has no {path}")
    return found
