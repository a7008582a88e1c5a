"""From an invoice to its `factur-x.xml`: the profile EN 16931 of Factur-X 1.0 (ZUGFeRD 2), which is UN/CEFACT's Cross Industry Invoice.

It says what the paper says, in amounts that come to the paper's; what we do not know (a day of delivery, a unit) it does not say. The same
facts are the same bytes. Elements stand in the order of the schema.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from portal.documents.e_invoice_reading import totals_of
from portal.documents.e_invoice_rules import (
    SellerNumbers,
    TaxGroup,
    invoice_gaps,
    seller_gaps,
    tax_groups,
)
from portal.documents.papers import BankTransfer, Buyer, InvoiceFacts, LineFacts, Paper, Seller
from portal.documents.rules import clean
from portal.documents.transfer_codes import find_reference
from portal.money import exponent
from portal.vat_numbers import is_vat_number

_log = logging.getLogger(__name__)
_NAMESPACES = {
    "xmlns:rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "xmlns:ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "xmlns:udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_PROFILE = "urn:cen.eu:en16931:2017"
_COMMERCIAL_INVOICE = "380"
_PIECE = "C62"
_SEPA_TRANSFER, _TRANSFER = "58", "30"
_ADDRESS_LINES = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")


def with_e_invoice(paper: Paper, facts: InvoiceFacts, seller: Seller, numbers: SellerNumbers, buyer: Buyer) -> Paper:
    """Return the paper with its e-invoice, or with what it lacks for one: then the log has `document.e_invoice_left_out`."""
    gaps = seller_gaps(numbers) + invoice_gaps(facts, buyer, exemption=numbers.exemption)
    if not clean(seller.name):
        gaps.append("the merchant's legal name")
    xml = "" if gaps else write_e_invoice(facts, seller, numbers, buyer)
    if xml and totals_of(xml) != _expected_totals(facts, numbers):
        gaps, xml = ["totals that are those of the invoice"], ""
    if gaps:
        _log.warning("document.e_invoice_left_out", extra={"number": facts.number, "reason": "; ".join(gaps)})
    return replace(paper, e_invoice=xml, e_invoice_gaps=tuple(gaps))


def write_e_invoice(facts: InvoiceFacts, seller: Seller, numbers: SellerNumbers, buyer: Buyer) -> str:
    """Return the XML of an invoice that has no gaps (`e_invoice_rules`)."""
    root = ET.Element("rsm:CrossIndustryInvoice", _NAMESPACES)
    guideline = _under(root, "rsm:ExchangedDocumentContext", "ram:GuidelineSpecifiedDocumentContextParameter")
    _add(guideline, "ram:ID", _PROFILE)
    document = _under(root, "rsm:ExchangedDocument")
    _add(document, "ram:ID", clean(facts.number))
    _add(document, "ram:TypeCode", _COMMERCIAL_INVOICE)
    _add_day(document, "ram:IssueDateTime", facts.issued_on)
    transaction = _under(root, "rsm:SupplyChainTradeTransaction")
    for position, line in enumerate(facts.lines, start=1):
        _add_line(transaction, position, line, facts.currency, numbers)
    _add_agreement(transaction, seller, numbers, buyer)
    _under(transaction, "ram:ApplicableHeaderTradeDelivery")
    _add_settlement(transaction, facts, numbers)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _add_line(parent: ET.Element, position: int, line: LineFacts, currency: str, numbers: SellerNumbers) -> None:
    quantity, price = line.quantity or Decimal(0), line.unit_amount or Decimal(0)
    if price < 0:  # A price is never below nothing (BR-27): a discount takes pieces back.
        quantity, price = -quantity, -price
    item = _under(parent, "ram:IncludedSupplyChainTradeLineItem")
    _add(_under(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", str(position))
    _add(_under(item, "ram:SpecifiedTradeProduct"), "ram:Name", clean(line.description))
    net = _under(item, "ram:SpecifiedLineTradeAgreement", "ram:NetPriceProductTradePrice")
    _add(net, "ram:ChargeAmount", _plain(price.scaleb(-exponent(currency))))
    _add(_under(item, "ram:SpecifiedLineTradeDelivery"), "ram:BilledQuantity", _plain(quantity), unitCode=_PIECE)
    settlement = _under(item, "ram:SpecifiedLineTradeSettlement")
    tax = _under(settlement, "ram:ApplicableTradeTax")
    rate = line.tax_rate or Decimal(0)
    _add(tax, "ram:TypeCode", "VAT")
    _add(tax, "ram:CategoryCode", "S" if rate else "E" if numbers.exemption else "Z")
    _add(tax, "ram:RateApplicablePercent", _plain(rate))
    total = _under(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _add(total, "ram:LineTotalAmount", _amount(line.amount, currency))


def _add_agreement(parent: ET.Element, seller: Seller, numbers: SellerNumbers, buyer: Buyer) -> None:
    agreement = _under(parent, "ram:ApplicableHeaderTradeAgreement")
    party = _under(agreement, "ram:SellerTradeParty")
    _add(party, "ram:Name", clean(seller.name))
    if numbers.registration_number:
        _add(_under(party, "ram:SpecifiedLegalOrganization"), "ram:ID", clean(numbers.registration_number))
    if seller.email:
        mailbox = _under(party, "ram:DefinedTradeContact", "ram:EmailURIUniversalCommunication")
        _add(mailbox, "ram:URIID", clean(seller.email))
    address = _under(party, "ram:PostalTradeAddress")
    _add_streets(address, seller.lines)
    _add(address, "ram:CountryID", numbers.country)
    for scheme, number in (("VA", numbers.vat_number), ("FC", numbers.tax_number)):
        if number:
            _add(_under(party, "ram:SpecifiedTaxRegistration"), "ram:ID", clean(number), schemeID=scheme)
    _add_buyer(agreement, buyer)
    if order_number := clean(buyer.order_number):
        _add(_under(agreement, "ram:BuyerOrderReferencedDocument"), "ram:IssuerAssignedID", order_number)


def _add_buyer(agreement: ET.Element, buyer: Buyer) -> None:
    party = _under(agreement, "ram:BuyerTradeParty")
    _add(party, "ram:Name", clean(buyer.name))
    address = _under(party, "ram:PostalTradeAddress")
    postal = buyer.postal
    _add_unless_blank(address, "ram:PostcodeCode", postal.postal_code)
    _add_streets(address, postal.streets)
    _add_unless_blank(address, "ram:CityName", postal.city)
    _add(address, "ram:CountryID", buyer.country)
    _add_unless_blank(address, "ram:CountrySubDivisionName", postal.region)
    number = clean(buyer.tax_number).replace(" ", "").upper()
    # Any tax number may stand on a paper; here it is said to be one for value added tax, of the buyer's own country.
    if number.startswith({"GR": "EL"}.get(buyer.country, buyer.country)) and is_vat_number(number):
        _add(_under(party, "ram:SpecifiedTaxRegistration"), "ram:ID", number, schemeID="VA")


def _add_settlement(parent: ET.Element, facts: InvoiceFacts, numbers: SellerNumbers) -> None:
    settlement = _under(parent, "ram:ApplicableHeaderTradeSettlement")
    currency = facts.currency
    if facts.transfer:
        reference = find_reference(facts.transfer, currency, facts.number)
        _add(settlement, "ram:PaymentReference", reference.text if reference else clean(facts.number))
    _add(settlement, "ram:InvoiceCurrencyCode", currency)
    if facts.transfer:
        _add_transfer(settlement, facts.transfer, currency)
    groups = tax_groups(facts, exemption=numbers.exemption)
    for group in groups:
        _add_tax(settlement, group, currency, numbers.exemption)
    _add_day(_under(settlement, "ram:SpecifiedTradePaymentTerms"), "ram:DueDateDateTime", facts.due_on)
    totals = _under(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _add(totals, "ram:LineTotalAmount", _amount(facts.subtotal, currency))
    _add(totals, "ram:TaxBasisTotalAmount", _amount(facts.subtotal, currency))
    tax = sum(group.tax for group in groups)
    _add(totals, "ram:TaxTotalAmount", _amount(tax, currency), currencyID=currency)
    _add(totals, "ram:GrandTotalAmount", _amount(facts.total, currency))
    _add(totals, "ram:DuePayableAmount", _amount(facts.total, currency))


def _add_transfer(settlement: ET.Element, transfer: BankTransfer, currency: str) -> None:
    means = _under(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    _add(means, "ram:TypeCode", _SEPA_TRANSFER if transfer.iban and currency == "EUR" else _TRANSFER)
    account = _under(means, "ram:PayeePartyCreditorFinancialAccount")
    _add_unless_blank(account, "ram:IBANID", transfer.iban.replace(" ", ""))
    _add_unless_blank(account, "ram:AccountName", transfer.holder)
    _add_unless_blank(account, "ram:ProprietaryID", transfer.account)
    if transfer.bic:
        _add(_under(means, "ram:PayeeSpecifiedCreditorFinancialInstitution"), "ram:BICID", clean(transfer.bic))


def _add_tax(settlement: ET.Element, group: TaxGroup, currency: str, exemption: str) -> None:
    tax = _under(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:CalculatedAmount", _amount(group.tax, currency))
    _add(tax, "ram:TypeCode", "VAT")
    if group.category == "E":
        _add(tax, "ram:ExemptionReason", clean(exemption))
    _add(tax, "ram:BasisAmount", _amount(group.taxable, currency))
    _add(tax, "ram:CategoryCode", group.category)
    _add(tax, "ram:RateApplicablePercent", _plain(group.rate))


def _add_streets(address: ET.Element, lines: tuple[str, ...]) -> None:
    """Add the lines of an address; what is beyond the third stands in it."""
    texts = [text for line in lines if (text := clean(line))]
    for name, text in zip(_ADDRESS_LINES, (*texts[:2], ", ".join(texts[2:])), strict=False):
        _add_unless_blank(address, name, text)


def _expected_totals(facts: InvoiceFacts, numbers: SellerNumbers) -> dict[str, Decimal]:
    """Return what the totals of the XML are, from the invoice's minor units, as `totals_of` reads them."""
    return {name: Decimal(amount).scaleb(-exponent(facts.currency)) for name, amount in _amounts(facts, numbers)}


def _amounts(facts: InvoiceFacts, numbers: SellerNumbers) -> Iterator[tuple[str, int]]:
    yield from (("lines", sum(line.amount for line in facts.lines)), ("subtotal", facts.subtotal))
    yield from (("net", facts.subtotal), ("tax", facts.total - facts.subtotal))
    yield from (("total", facts.total), ("due", facts.total))
    for group in tax_groups(facts, exemption=numbers.exemption):
        yield f"base {group.rate.normalize():f}", group.taxable
        yield f"tax {group.rate.normalize():f}", group.tax


def _under(parent: ET.Element, *names: str) -> ET.Element:
    for name in names:
        parent = ET.SubElement(parent, name)
    return parent


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = text


def _add_unless_blank(parent: ET.Element, name: str, text: str) -> None:
    if text := clean(text):
        _add(parent, name, text)


def _add_day(parent: ET.Element, name: str, day: date) -> None:
    _add(_under(parent, name), "udt:DateTimeString", f"{day.year:04}{day:%m%d}", format="102")


def _amount(amount: int, currency: str) -> str:
    """Return minor units as a decimal in major ones: 1999 of EUR is 19.99."""
    return f"{Decimal(amount).scaleb(-exponent(currency)):f}"


def _plain(number: Decimal) -> str:
    """Return a decimal without an exponent or noughts at its end."""
    return f"{number.normalize() or Decimal(0):f}"
