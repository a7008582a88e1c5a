"""Whether an invoice can be said in Factur-X truly, and whether what is said comes to what the invoice comes to. Pure.

Factur-X is EN 16931 written in UN/CEFACT's XML; BT and BR below are that norm's business terms and rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from portal.countries import is_country
from portal.documents.papers import Buyer, InvoiceFacts, LineFacts
from portal.documents.rules import clean
from portal.money import exponent

MOST_DECIMALS = 2
"""Decimals of an amount in EN 16931, at most (BR-DEC): a dinar of three cannot be said."""


@dataclass(frozen=True, slots=True)
class SellerNumbers:
    """What a merchant's e-invoices say of it besides name and address; each "" where the merchant set none (`[seller]` of its settings).

    `vat_number` begins with its country; `tax_number` is of another form; `exemption` is why lines without tax bear none.
    """

    country: str = ""
    vat_number: str = ""
    tax_number: str = ""
    registration_number: str = ""
    exemption: str = ""


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """The lines of one rate: their category (`S` taxed, `Z` at nought per cent, `E` exempt), amounts in minor units."""

    category: str
    rate: Decimal
    taxable: int
    tax: int


def seller_gaps(seller: SellerNumbers) -> list[str]:
    """Return what the merchant's settings must have before any invoice of it can carry an e-invoice."""
    gaps = []
    if not seller.country:
        gaps.append("seller.country")
    if not (seller.vat_number or seller.tax_number):
        gaps.append("seller.vat_number or seller.tax_number")
    if not (seller.vat_number or seller.registration_number):
        gaps.append("seller.vat_number or seller.registration_number")
    return gaps


def invoice_gaps(facts: InvoiceFacts, buyer: Buyer, *, exemption: str) -> list[str]:
    """Return what an invoice lacks, in words for the merchant; nothing where it can be said whole and comes to its total."""
    gaps = [] if is_country(buyer.country) else ["the customer's country"]
    if not clean(buyer.name):
        gaps.append("the customer's name")
    if not all(clean(line.description) for line in facts.lines):
        gaps.append("a description on each line")
    if exponent(facts.currency) > MOST_DECIMALS:
        gaps.append(f"a currency of at most {MOST_DECIMALS} decimals")
    if any(line.quantity is None or line.unit_amount is None for line in facts.lines):
        gaps.append("a quantity and a unit price on each line")
    elif not all(map(_comes_to_its_amount, facts.lines)):
        gaps.append("lines that are quantity times unit price")
    if any(line.tax_rate is None for line in facts.lines) and (not exemption or _has_tax_without_rate(facts)):
        gaps.append("a tax rate on each line, or seller.exemption")
    return gaps or list(_differences(facts, exemption=exemption))


def tax_groups(facts: InvoiceFacts, *, exemption: str) -> tuple[TaxGroup, ...]:
    """Return the lines' sums by rate, the highest rate last, with the tax of each as the paper has it."""
    taxes = {tax.rate: tax.amount for tax in facts.taxes if tax.rate is not None}
    bases: dict[Decimal, int] = {}
    for line in facts.lines:
        rate = line.tax_rate or Decimal(0)
        bases[rate] = bases.get(rate, 0) + line.amount
    untaxed = "E" if exemption else "Z"
    return tuple(
        TaxGroup("S" if rate else untaxed, rate, bases[rate], taxes.get(rate, 0) if rate else 0)
        for rate in sorted(bases)
    )


def _has_tax_without_rate(facts: InvoiceFacts) -> bool:
    return any(tax.rate is None and tax.amount for tax in facts.taxes)


def _comes_to_its_amount(line: LineFacts) -> bool:
    if line.quantity is None or line.unit_amount is None:
        return False
    amount = (line.quantity * line.unit_amount).to_integral_value(rounding=ROUND_HALF_UP)
    return amount == line.amount


def _differences(facts: InvoiceFacts, *, exemption: str) -> Iterator[str]:
    """Say which sums differ. A rate's tax is its base times the rate, within one minor unit: the invoice rounds as a whole."""
    groups = tax_groups(facts, exemption=exemption)
    if sum(line.amount for line in facts.lines) != facts.subtotal:
        yield "lines that come to the subtotal"
    if facts.subtotal + sum(group.tax for group in groups) != facts.total:
        yield "taxes that come to the total"
    if any(abs(group.taxable * group.rate / 100 - group.tax) > 1 for group in groups):
        yield "taxes that are rate times base"
