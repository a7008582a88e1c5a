"""Fixes the papers of invoices and credit notes: what they show, as the rows say it at this moment; takes merchants' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from sqlalchemy.orm import Session

from portal.customers.queries.customers import get_contact
from portal.documents.e_invoice_rules import SellerNumbers, seller_gaps
from portal.documents.e_invoices import with_e_invoice
from portal.documents.operations import attach_document, buyer_of, fix_paper
from portal.documents.papers import (
    Buyer,
    CreditNoteFacts,
    InvoiceFacts,
    Issue,
    Kind,
    LineFacts,
    Paper,
    Seller,
    TaxFacts,
)
from portal.documents.transfer_codes import bank_transfer
from portal.documents.wording.credit_notes import credit_note_paper
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.words import Words
from portal.events.rules import Actor, EventType
from portal.invoices.errors import UnknownInvoice
from portal.invoices.models import CreditNote, Invoice
from portal.invoices.operations.status import record_invoice
from portal.invoices.queries.invoices import StoredLine, find_invoice, list_lines
from portal.invoices.rules import read_decimal, taxes_by_rate
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.merchants.rules.seller_settings import Seller as SellerSettings
from portal.tenancy import MerchantScope, Scope


def missing_for_e_invoices(merchant: MerchantProfile) -> list[str]:
    """Return the keys of the merchant's settings without which none of its invoices carries an e-invoice."""
    return seller_gaps(_seller_numbers(merchant.settings.seller))


def fix_invoice_paper(session: Session, merchant_id: str, invoice_id: str) -> None:
    """Fix the paper of an issued invoice; nothing where that is done.

    It says what was owed when the invoice was issued: what was paid of it later stands on receipts. One that is imported, or older
    than papers, gets its paper at the first download.
    """
    invoice = session.get_one(Invoice, (merchant_id, invoice_id))
    contact = get_contact(session, Scope(merchant_id, invoice.customer_id))
    lines = list_lines(session, MerchantScope(merchant_id), [invoice_id])[invoice_id]
    merchant = get_merchant(session, merchant_id)
    account = merchant.settings.transfer.get(invoice.currency)
    facts = replace(_invoice_facts(invoice, lines), transfer=bank_transfer(account) if account else None)
    numbers = _seller_numbers(merchant.settings.seller) if merchant.settings.documents.factur_x else None
    buyer = buyer_of(invoice.bill_to, contact.company_name or contact.name or contact.email or "")
    fix_paper(
        session,
        merchant,
        Issue(Kind.INVOICE, invoice.id, invoice.customer_id, invoice.sent_at or invoice.created_at),
        buyer,
        partial(_invoice, facts),
        customer_locale=contact.locale,
        finish=partial(_with_e_invoice, facts, numbers, buyer) if numbers else None,
    )


def fix_credit_note_paper(session: Session, merchant_id: str, note_id: str) -> None:
    """Fix the paper of a credit note; nothing where that is done."""
    note = session.get_one(CreditNote, (merchant_id, note_id))
    contact = get_contact(session, Scope(merchant_id, note.customer_id))
    invoice = find_invoice(session, MerchantScope(merchant_id), note.invoice_id) if note.invoice_id else None
    now = {"name": contact.name, "company_name": contact.company_name, "address": contact.billing_address}
    facts = CreditNoteFacts(
        note.number, note.currency, note.issued_on, note.description, note.amount, invoice.number if invoice else ""
    )
    fix_paper(
        session,
        get_merchant(session, merchant_id),
        Issue(Kind.CREDIT_NOTE, note.id, note.customer_id, note.created_at),
        buyer_of((invoice.bill_to if invoice else None) or now, contact.name or contact.email or ""),
        partial(_credit_note, facts),
        customer_locale=contact.locale,
    )


def _invoice(facts: InvoiceFacts, words: Words, seller: Seller, buyer: Buyer) -> Paper:
    return invoice_paper(words, seller, buyer, facts)


def _with_e_invoice(facts: InvoiceFacts, numbers: SellerNumbers, buyer: Buyer, paper: Paper, seller: Seller) -> Paper:
    return with_e_invoice(paper, facts, seller, numbers, buyer)


def _seller_numbers(seller: SellerSettings) -> SellerNumbers:
    return SellerNumbers(
        seller.country, seller.vat_number, seller.tax_number, seller.registration_number, seller.exemption
    )


def _credit_note(facts: CreditNoteFacts, words: Words, seller: Seller, buyer: Buyer) -> Paper:
    return credit_note_paper(words, seller, buyer, facts)


def _invoice_facts(invoice: Invoice, lines: Sequence[StoredLine]) -> InvoiceFacts:
    read = tuple(
        LineFacts(
            line.description or invoice.description,
            read_decimal(line.quantity),
            read_decimal(line.unit_amount_decimal),
            read_decimal(line.tax_rate),
            line.amount,
        )
        for line in lines
    )
    return InvoiceFacts(
        number=invoice.number,
        currency=invoice.currency,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        lines=read or (LineFacts(invoice.description, None, None, None, invoice.subtotal),),
        taxes=_taxes(invoice, read),
        subtotal=invoice.subtotal,
        total=invoice.total,
    )


def _taxes(invoice: Invoice, lines: Sequence[LineFacts]) -> tuple[TaxFacts, ...]:
    """The tax by rate, with what bears none; in one sum where no line has a rate, as in an invoice that was imported."""
    by_rate = taxes_by_rate(invoice.tax, [(line.tax_rate, line.amount) for line in lines])
    if not by_rate:
        return (TaxFacts(None, invoice.subtotal, invoice.tax),) if invoice.tax else ()
    taxable: dict[Decimal, int] = {}
    for line in lines:
        rate = line.tax_rate or Decimal(0)
        taxable[rate] = taxable.get(rate, 0) + line.amount
    exempt = taxable.get(Decimal(0), 0)
    return (
        *(TaxFacts(rate, taxable.get(rate, 0), amount) for rate, amount in by_rate),
        *((TaxFacts(Decimal(0), exempt, 0),) if exempt else ()),
    )


def attach_invoice_document(
    session: Session, merchant_id: str, invoice_id: str, content: bytes, *, actor: Actor, at: datetime
) -> None:
    """Take a merchant's own PDF of an invoice in place of ours, and of an earlier one. Raises UnknownInvoice and InvalidAttachment."""
    invoice = session.get(Invoice, (merchant_id, invoice_id), with_for_update=True)
    if invoice is None:
        raise UnknownInvoice
    digest = attach_document(session, merchant_id, invoice_id, content, at=at)
    record_invoice(
        session, invoice, EventType.INVOICE_DOCUMENT_ATTACHED, actor=actor, at=at, sha256=digest, bytes=len(content)
    )
