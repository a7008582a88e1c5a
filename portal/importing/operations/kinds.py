"""What can be imported."""

from __future__ import annotations

from portal.importing.operations.customers import write_customers
from portal.importing.operations.invoices import write_documents
from portal.importing.operations.payments import write_payments
from portal.importing.rules import customer_rows, invoice_rows, payment_rows
from portal.importing.rules.results import Context, Kind


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
        write_customers,
    ),
    "invoices": Kind("invoice", False, invoice_rows.FIELDS, _invoices, invoice_rows.build_document, write_documents),
    "payments": Kind(
        "payment",
        True,
        payment_rows.FIELDS,
        payment_rows.PaymentRows,
        payment_rows.build_payment,
        write_payments,
    ),
}
