"""Invoices and credit notes in the API's shape (contract, section 5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.clock import write_instant
from portal.database import Reader
from portal.invoices.models import CreditNote, Invoice
from portal.invoices.queries.invoices import StoredInvoice, StoredLine, list_lines
from portal.invoices.rules import OUTSTANDING
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.tenancy import MerchantScope


def shape_invoice(reader: Reader, invoice: Invoice, *, at: datetime) -> dict[str, Any]:
    """Return an invoice as the API returns it; `at` decides whether it is overdue, on the merchant's day."""
    merchant = get_merchant(reader, invoice.merchant_id)
    lines = list_lines(reader, MerchantScope(invoice.merchant_id), [invoice.id])
    return _shape(invoice, lines[invoice.id], merchant, at)


def shape_invoices(
    reader: Reader, merchant: MerchantProfile, invoices: Sequence[StoredInvoice], *, at: datetime
) -> list[dict[str, Any]]:
    """Return invoices of a merchant as the API returns them, in one statement however many they are."""
    lines = list_lines(reader, MerchantScope(merchant.id), [invoice.id for invoice in invoices])
    return [_shape(invoice, lines[invoice.id], merchant, at) for invoice in invoices]


def _shape(
    invoice: Invoice | StoredInvoice, lines: Sequence[StoredLine], merchant: MerchantProfile, at: datetime
) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "object": "invoice",
        "number": invoice.number,
        "customer": invoice.customer_id,
        "status": invoice.status,
        "overdue": invoice.status in OUTSTANDING and invoice.due_on < merchant.day_of(at),
        "currency": invoice.currency,
        "lines": [
            {
                "description": line.description,
                "quantity": _shape_quantity(line.quantity),
                "unit_amount_decimal": line.unit_amount_decimal,
                "tax_rate": line.tax_rate,
                "amount": line.amount,
            }
            for line in lines
        ],
        "subtotal": invoice.subtotal,
        "tax": invoice.tax,
        "total": invoice.total,
        "amount_paid": invoice.amount_paid,
        "amount_due": invoice.amount_due,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "amount_mode": invoice.amount_mode or merchant.options.amount_mode,
        "minimum_amount": invoice.minimum_amount,
        "preset_amounts": list(invoice.preset_amounts),
        "metadata": {},
        "created_at": write_instant(invoice.created_at),
        "paid_at": write_instant(invoice.paid_at) if invoice.paid_at else None,
    }


def shape_credit_note(note: CreditNote) -> dict[str, Any]:
    """Return a credit note as the API returns it."""
    return {
        "id": note.id,
        "object": "credit_note",
        "number": note.number,
        "customer": note.customer_id,
        "invoice": note.invoice_id,
        "amount": note.amount,
        "amount_applied": note.amount_applied,
        "currency": note.currency,
        "issued_on": note.issued_on.isoformat(),
        "created_at": write_instant(note.created_at),
    }


def _shape_quantity(quantity: str) -> Any:
    """Return a quantity, which is no money, as the number that JSON has for it."""
    number = Decimal(quantity)
    return json.loads(format(number.normalize(), "f"))
