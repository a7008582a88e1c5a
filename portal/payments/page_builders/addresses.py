"""Addresses of the checkout that lead to given invoices."""

from __future__ import annotations

from collections.abc import Sequence

MAX_INVOICES = 20
"""How many invoices the address of a checkout lists."""


def retry_url(root: str, payment_id: str, invoice_ids: Sequence[str]) -> str:
    """Return the address of a checkout of what a payment would have paid; for more than twenty invoices by the payment's id."""
    if len(invoice_ids) > MAX_INVOICES:
        return f"{root}/checkout?payment={payment_id}"
    return checkout_url(root, invoice_ids)


def checkout_url(root: str, invoice_ids: Sequence[str]) -> str:
    """Return the address of a checkout of these invoices."""
    return f"{root}/checkout?" + "&".join(f"invoice={invoice_id}" for invoice_id in invoice_ids)
