"""What can be imported."""

from __future__ import annotations

from portal.importing.operations.customers import write_customers
from portal.importing.operations.invoices import write_documents
from portal.importing.operations.payments import write_payments
from portal.importing.rules import customer_rows, invoice_rows, payment_rows
from portal.importing.rules.results import Kind

KINDS = {
    "customers": Kind(
        "customer", True, customer_rows.FIELDS, customer_rows.CustomerRows, customer_rows.build_customer, write_customers,
        customer_rows.PREVIEW_HEAD, customer_rows.preview,
    ),
    "invoices": Kind(
        "invoice", True, invoice_rows.FIELDS, invoice_rows.InvoiceRows, invoice_rows.build_document, write_documents,
        invoice_rows.PREVIEW_HEAD, invoice_rows.preview,
    ),
    "payments": Kind(
        "payment", False, payment_rows.FIELDS, payment_rows.PaymentRows, payment_rows.build_payment, write_payments,
        payment_rows.PREVIEW_HEAD, payment_rows.preview,
    ),
}  # fmt: skip
