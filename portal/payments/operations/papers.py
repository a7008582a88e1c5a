"""Fixes the receipt of a payment: what it paid, as the rows say it at this moment."""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from portal.customers.queries.customers import get_contact
from portal.documents.operations import buyer_of, fix_paper
from portal.documents.papers import Buyer, Issue, Kind, PaidInvoice, PaidShare, Paper, ReceiptFacts, Seller
from portal.documents.wording.receipts import receipt_paper
from portal.documents.wording.words import Words
from portal.invoices.queries.invoices import StoredInvoice, find_invoices
from portal.invoices.rules import title_without_number
from portal.merchants.queries import get_merchant
from portal.payment_methods.pages import method_name
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.locks import list_allocations
from portal.tenancy import Scope


def fix_receipt(session: Session, payment: Payment) -> None:
    """Fix the receipt of a payment that has just been completed, with how its invoice stands after it."""
    _fix(session, payment, is_at_once=True)


def fix_earlier_receipt(session: Session, merchant_id: str, payment_id: str) -> None:
    """Fix the receipt of a payment that was completed earlier, or elsewhere: how its invoice stood then is not known any more."""
    _fix(session, session.get_one(Payment, (merchant_id, payment_id)), is_at_once=False)


def _fix(session: Session, payment: Payment, *, is_at_once: bool) -> None:
    scope = Scope(payment.merchant_id, payment.customer_id)
    merchant = get_merchant(session, payment.merchant_id)
    contact = get_contact(session, scope)
    settled = [part for part in list_allocations(session, payment) if part.state == "settled"]
    invoices = find_invoices(session, scope, [part.invoice_id for part in settled])
    settled = [part for part in settled if part.invoice_id in invoices]
    settled.sort(key=lambda part: (invoices[part.invoice_id].due_on, part.invoice_id))
    at = payment.completed_at or payment.updated_at
    is_one = is_at_once and len(settled) == 1
    facts = ReceiptFacts(
        payment_id=payment.id,
        currency=payment.currency,
        paid_on=merchant.day_of(at),
        amount=payment.amount,
        method=_method(payment),
        credit_used=payment.credit_amount,
        credited=payment.credit_granted,
        is_top_up=payment.kind == "top_up",
        description=payment.description,
        shares=tuple(_share(part, invoices[part.invoice_id]) for part in settled),
        invoice=_paid_invoice(payment, settled[0], invoices[settled[0].invoice_id]) if is_one else None,
    )
    first = invoices[settled[0].invoice_id] if settled else None
    now = {"name": contact.name, "company_name": contact.company_name, "address": contact.billing_address}
    fix_paper(
        session,
        merchant,
        Issue(Kind.RECEIPT, payment.id, payment.customer_id, at),
        buyer_of((first.bill_to if first else None) or now, contact.name or contact.email or ""),
        partial(_receipt, facts),
        customer_locale=contact.locale,
    )


def _receipt(facts: ReceiptFacts, words: Words, seller: Seller, buyer: Buyer) -> Paper:
    return receipt_paper(words, seller, buyer, facts)


def _share(part: PaymentAllocation, invoice: StoredInvoice) -> PaidShare:
    paid = part.amount if part.price is None else part.price
    return PaidShare(title_without_number(invoice.description, invoice.number), invoice.number, paid)


def _paid_invoice(payment: Payment, part: PaymentAllocation, invoice: StoredInvoice) -> PaidInvoice | None:
    if invoice.currency != payment.currency or part.price is not None:
        return None
    settled_before = invoice.total - invoice.amount_due - part.amount
    return PaidInvoice(invoice.number, invoice.total, settled_before, invoice.amount_due)


def _method(payment: Payment) -> str:
    if payment.charge_amount == 0:
        return "credit"
    brand = payment.method_brand
    # Who paid by the invoice's link is not the customer, whose history has the receipt.
    last4 = payment.method_last4 if payment.pay_link_id is None else None
    return method_name(payment.method_type or "other", brand, last4, brand)
