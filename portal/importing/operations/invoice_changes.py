"""Changes an invoice that is here already to what another file says of it, where nothing has happened that speaks against it."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.documents.operations import forget_papers
from portal.events.rules import IMPORT, EventType
from portal.importing.operations.bookings import IMPORT_GATEWAY, Share, book_payment_of_invoice
from portal.importing.operations.contents import invoice_content, line_rows
from portal.importing.rules.invoice_changes import Plan, Standing, plan_change
from portal.importing.rules.invoice_rows import Document
from portal.importing.rules.refusals import ValueRefused
from portal.importing.rules.results import Change, Context, Refused, WriteResult
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.operations.status import become, record_invoice
from portal.invoices.queries.imported import lock_invoice
from portal.ledger.operations.posting import post
from portal.ledger.rules import invoice_corrected, invoice_opened
from portal.money import Money
from portal.payments.queries.imported import sum_settled_through
from portal.tenancy import MerchantScope


def change_invoice(
    session: Session, context: Context, document: Document, old: Row[Any]
) -> tuple[WriteResult, str | None]:
    """Bring an invoice up to date; return the result, and the id of the payment that was booked for it."""
    content_digest = (old.import_digest or "").partition(":")[0]
    try:
        plan = plan_change(
            _standing(session, context, old),
            document.total,
            document.settlement,
            is_same_content=content_digest == document.digest,
        )
    except ValueRefused as fault:
        return Refused(str(fault)), None
    if plan.is_empty:
        return Change.UNCHANGED, None
    return Change.UPDATED, _carry_out(session, context, document, old, plan)


def _standing(session: Session, context: Context, old: Row[Any]) -> Standing:
    imported = (
        sum_settled_through(session, MerchantScope(context.merchant.id), old.id, gateway=IMPORT_GATEWAY)
        if old.amount_paid
        else 0
    )
    return Standing(old.status, old.total, old.amount_paid, old.amount_credited, old.amount_reserved, imported)


def _carry_out(session: Session, context: Context, document: Document, old: Row[Any], plan: Plan) -> str | None:
    scope = MerchantScope(context.merchant.id)
    invoice = lock_invoice(session, scope, old.id)
    was_owed = Money(0 if old.status == "draft" else old.total, old.currency)
    if plan.rewrites:
        _rewrite(session, context, document, invoice)
    invoice.import_digest, invoice.updated_at = document.full_digest, context.now
    payment_id = None
    _open(session, context, invoice, was_owed, plan)
    if plan.payment:
        share = Share(invoice.id, invoice.number, invoice.description, plan.payment, invoice.version)
        payment_id = book_payment_of_invoice(
            session, context, invoice.customer_id, share, invoice.currency, refunded=plan.refund, at=document.paid_at
        )
        invoice = lock_invoice(session, scope, old.id)
    _close(session, context, invoice, document, plan)
    session.flush()
    return payment_id


def _rewrite(session: Session, context: Context, document: Document, invoice: Invoice) -> None:
    for name, value in invoice_content(context, document).items():
        setattr(invoice, name, value)
    invoice.version += 1
    forget_papers(session, context.merchant.id, [invoice.id])
    session.execute(
        sa.delete(InvoiceLine).where(
            InvoiceLine.merchant_id == context.merchant.id, InvoiceLine.invoice_id == invoice.id
        )
    )
    session.execute(
        sa.insert(cast(sa.Table, InvoiceLine.__table__)), line_rows(context.merchant.id, invoice.id, document)
    )
    record_invoice(session, invoice, EventType.INVOICE_UPDATED, actor=IMPORT, at=context.now)


def _open(session: Session, context: Context, invoice: Invoice, was_owed: Money, plan: Plan) -> None:
    """Open a draft, or what was written off, and post what is owed now beside what was."""
    is_draft, total = invoice.status == "draft", Money(invoice.total, invoice.currency)
    at, ids = context.now, (invoice.customer_id, invoice.id)
    if plan.opens:
        become(session, invoice, "open", actor=IMPORT, at=at)
    if is_draft and plan.opens:
        post(session, invoice.merchant_id, invoice_opened(*ids, total, at=at))
    elif not is_draft:
        post(session, invoice.merchant_id, invoice_corrected(*ids, invoice.version, was_owed, total, at=at))


def _close(session: Session, context: Context, invoice: Invoice, document: Document, plan: Plan) -> None:
    """Void an invoice, write it off, or call one paid of which nothing is owed."""
    at = context.now
    if plan.ends_as == "void":
        is_owed = Money(0 if invoice.status == "draft" else invoice.total, invoice.currency)
        become(session, invoice, "void", actor=IMPORT, at=at)
        invoice.version += 1
        nothing = Money(0, invoice.currency)
        ids = (invoice.customer_id, invoice.id)
        post(session, invoice.merchant_id, invoice_corrected(*ids, invoice.version, is_owed, nothing, at=at))
    elif plan.ends_as == "uncollectible":
        become(session, invoice, "uncollectible", actor=IMPORT, at=at)
    elif invoice.status == "open" and invoice.amount_due == 0:
        invoice.paid_at = document.paid_at
        become(session, invoice, "paid", actor=IMPORT, at=at)
