"""Composes the notices about invoices: issued, due soon, overdue. Each is true when it leaves, or is not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from portal.emails.destinations import invoice_button_url
from portal.emails.notices import Composed, Writing
from portal.emails.pages import InvoiceMail, ReceiptLine, ReminderMail
from portal.emails.sending import Paper
from portal.invoices.queries.invoices import StoredInvoice, find_invoice, list_lines
from portal.invoices.queries.promises import list_held
from portal.invoices.rules import OUTSTANDING, InvoiceStatus, is_payable, title_without_number
from portal.notice_kinds import DUE_SOON, INVOICE_ISSUED, OVERDUE
from portal.notices.queries import has_reminder
from portal.notices.rules import ISSUED_WITHIN_DAYS

_MAX_LINES = 20
_SEEN = frozenset({*OUTSTANDING})


def compose_invoice(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """An invoice was issued. None once it is paid (its receipt says so), taken back, or of a blocked customer, and for one that was
    issued long before it was opened here."""
    invoice = find_invoice(writing.reader, writing.scope, str(payload["object"]))
    if invoice is None or invoice.status not in _SEEN or invoice.amount_due <= 0:
        return None
    customer = writing.customer(invoice.customer_id)
    opened_on = writing.merchant.day_of(invoice.created_at)
    if customer is None or customer.blocked or invoice.issued_on < opened_on - timedelta(ISSUED_WITHIN_DAYS):
        return None
    lines = list_lines(writing.reader, writing.scope, [invoice.id])[invoice.id]
    page = InvoiceMail(
        brand=writing.brand(customer),
        number=invoice.number,
        title=title_without_number(invoice.description, invoice.number),
        total=invoice.total,
        amount_due=invoice.amount_due,
        currency=invoice.currency,
        due_on=invoice.due_on,
        lines=tuple(
            ReceiptLine(line.description or invoice.description, "", line.amount) for line in lines[:_MAX_LINES]
        )
        if len(lines) <= _MAX_LINES
        else (),
        tax=invoice.tax,
        is_payable=is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved),
        link=invoice_button_url(writing.services, writing.merchant, invoice.id),
    )
    paper = Paper(invoice.id, ("invoice", invoice.number), may_be_own=True)
    return Composed(INVOICE_ISSUED, "invoice", customer, page, paper, pays=invoice.id)


def compose_due_soon(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """An invoice is due soon, or today."""
    return _remind(writing, payload, is_overdue=False)


def compose_overdue(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """An invoice is overdue; None on a day on which the merchant does not remind of it."""
    if int(payload["days"]) not in writing.merchant.settings.notices.after_due:
        return None
    return _remind(writing, payload, is_overdue=True)


def _remind(writing: Writing, payload: dict[str, Any], *, is_overdue: bool) -> Composed | None:
    """Return a reminder as it is true now: None where the invoice is paid, being paid, taken back or written off, its customer is
    blocked, the customer promised to pay on a day that has not passed or said that it was paid, its due date was moved, a later reminder has been recorded since, or it is on the other side of its due date by now."""
    invoice = find_invoice(writing.reader, writing.scope, str(payload["object"]))
    if invoice is None or not is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved):
        return None
    customer = writing.customer(invoice.customer_id)
    if customer is None or customer.blocked:
        return None
    today = writing.merchant.day_of(writing.services.clock.now())
    if list_held(writing.reader, writing.scope, [invoice.id], today):
        return None
    if (invoice.due_on < today) != is_overdue or not _is_newest(writing, invoice, int(payload["days"])):
        return None
    page = ReminderMail(
        brand=writing.brand(customer),
        number=invoice.number,
        title=title_without_number(invoice.description, invoice.number),
        amount=invoice.amount_due,
        currency=invoice.currency,
        due_on=invoice.due_on,
        days=abs((today - invoice.due_on).days),
        is_overdue=is_overdue,
        is_partly_paid=invoice.status == InvoiceStatus.PARTIALLY_PAID,
        link=invoice_button_url(writing.services, writing.merchant, invoice.id),
        ask_link=writing.url(f"/ask?invoice={invoice.id}"),
    )
    return Composed(OVERDUE if is_overdue else DUE_SOON, "reminder", customer, page, pays=invoice.id)


def _is_newest(writing: Writing, invoice: StoredInvoice, days: int) -> bool:
    """Return whether the invoice has this reminder for the due date of now, and none after it."""
    reader, scope = writing.reader, writing.scope
    return has_reminder(reader, scope, invoice.id, invoice.due_on, days) and not has_reminder(
        reader, scope, invoice.id, invoice.due_on, days + 1
    )
