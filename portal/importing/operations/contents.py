"""The columns of an invoice and of its lines that a file decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from portal.importing.rules.invoice_rows import Document
from portal.importing.rules.people import Person
from portal.importing.rules.results import Context


def invoice_content(context: Context, document: Document) -> dict[str, Any]:
    """Return the columns of an invoice that its file decides."""
    return {
        "currency": document.currency, "description": document.description, "subtotal": document.subtotal,
        "tax": document.tax, "total": document.total, "issued_on": document.issued_on,
        "bill_to": _bill_to(document.person), "import_digest": document.full_digest,
        "due_on": document.due_on or document.issued_on + timedelta(days=context.merchant.due_days), "updated_at": context.now,
    }  # fmt: skip


def _bill_to(person: Person) -> dict[str, Any]:
    country = person.country or person.country_name
    return {"name": person.name, "address": {"country": country} if country else {}} if person.name else {}


def line_rows(merchant_id: str, invoice_id: str, document: Document) -> list[dict[str, Any]]:
    """Return the rows of an invoice's lines."""
    return [
        {
            "merchant_id": merchant_id, "invoice_id": invoice_id, "position": position, "description": line.description,
            "quantity": line.quantity, "unit_amount_decimal": line.unit_amount, "tax_rate": line.tax_rate,
            "amount": line.amount,
        }
        for position, line in enumerate(document.lines, start=1)
    ]  # fmt: skip
