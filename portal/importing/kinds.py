"""What can be imported."""

from __future__ import annotations

from portal.importing import (
    customer_rows,
    customer_writing,
    invoice_rows,
    invoice_writing,
    payment_rows,
    payment_writing,
)
from portal.importing.verdicts import Context, Kind


def _invoices(context: Context) -> invoice_rows.InvoiceRows:
    return invoice_rows.InvoiceRows(
        context.calendar, context.merchant.currency, by_reference="customer" in context.mapped, now=context.now
    )


KINDS = {
    "customers": Kind(
        "customer",
        True,
        customer_rows.FIELDS,
        customer_rows.CustomerRows,
        customer_rows.build_customer,
        customer_writing.write_customers,
    ),
    "invoices": Kind(
        "invoice", False, invoice_rows.FIELDS, _invoices, invoice_rows.build_document, invoice_writing.write_documents
    ),
    "payments": Kind(
        "payment",
        True,
        payment_rows.FIELDS,
        payment_rows.PaymentRows,
        payment_rows.build_payment,
        payment_writing.write_payments,
    ),
}
