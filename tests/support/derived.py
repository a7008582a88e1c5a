"""What is derived from payments, beside what a plain reading of the payments gives."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from portal.database import Database
from portal.invoices.models import Invoice
from portal.payments.models import Payment, PaymentAllocation, PaymentCount, PaymentSearchTerm
from portal.payments.operations.derived import TermSource, list_terms


def stale_counts(database: Database) -> dict[Any, tuple[int, int]]:
    """Groups of payments of which another number is kept than there are, with both."""
    counted = (Payment.merchant_id, Payment.customer_id, Payment.status, Payment.method_type, Payment.currency)
    with database.read() as reader:
        rows = reader.execute(sa.select(*counted).where(Payment.listed == sa.true())).all()
        kept = {tuple(row[:5]): row[5] for row in reader.execute(sa.select(PaymentCount.__table__))}
    there = Counter(
        (merchant, customer, status, method or "", currency) for merchant, customer, status, method, currency in rows
    )
    return {
        group: (kept.get(group, 0), there[group]) for group in {*kept, *there} if kept.get(group, 0) != there[group]
    }


def stale_terms(database: Database) -> set[tuple[str, str, str]]:
    """Customer, term and payment where a term is kept that the payment does not have, or is not kept that it has."""
    columns = ("customer_id", "id", *TermSource._fields[2:-2])
    statement = (
        sa.select(*(getattr(Payment, name) for name in columns), Invoice.number, Invoice.description)
        .outerjoin(PaymentAllocation, PaymentAllocation.payment_id == Payment.id)
        .outerjoin(Invoice, Invoice.id == PaymentAllocation.invoice_id)
        .order_by(Payment.id, PaymentAllocation.invoice_id)
    )
    with database.read() as reader:
        found = list_terms(reader.execute(statement).all())
        there = {(customer, term, payment) for customer, payment, terms in found for term in terms}
        kept = {tuple(row[1:]) for row in reader.execute(sa.select(PaymentSearchTerm.__table__))}
    return there ^ kept
