"""`become`, the only writer of an invoice's status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.invoices.models import Invoice
from portal.invoices.rules import InvoiceStatus, may_follow
from portal.invoices.shapes import shape_invoice

EVENT_OF: Mapping[str, EventType] = MappingProxyType(
    {
        InvoiceStatus.DRAFT.value: EventType.INVOICE_CREATED,
        InvoiceStatus.OPEN.value: EventType.INVOICE_OPENED,
        InvoiceStatus.PARTIALLY_PAID.value: EventType.INVOICE_PARTIALLY_PAID,
        InvoiceStatus.PAID.value: EventType.INVOICE_PAID,
        InvoiceStatus.VOID.value: EventType.INVOICE_VOIDED,
        InvoiceStatus.UNCOLLECTIBLE.value: EventType.INVOICE_MARKED_UNCOLLECTIBLE,
    }
)
"""The event of each status of an invoice; from uncollectible back to open it is `invoice.reopened`."""


def become(
    session: Session,
    invoice: Invoice,
    status: str,
    *,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    """Set an invoice's next status and record its event; called last, when everything else of the invoice is up to date.

    `previous` is what else changed, as it was. A status that may not follow is a programming error.
    """
    before = invoice.status
    assert may_follow(before, status), f"an invoice that is {before} does not become {status}"
    invoice.status = InvoiceStatus(status).value
    invoice.updated_at = at
    is_reopened = before == InvoiceStatus.UNCOLLECTIBLE and status == InvoiceStatus.OPEN
    event_type = EventType.INVOICE_REOPENED if is_reopened else EVENT_OF[status]
    record_invoice(session, invoice, event_type, actor=actor, at=at, previous={"status": before, **previous}, **details)


def correct(
    session: Session, invoice: Invoice, status: str, *, actor: Actor, at: datetime, previous: Mapping[str, Any]
) -> None:
    """Give an invoice the status that it has without a payment that should never have been booked: there no transition of ours was
    followed. `previous` is what else changed, as it was."""
    before = {"status": invoice.status, **previous}
    invoice.status = InvoiceStatus(status).value
    invoice.updated_at = at
    record_invoice(session, invoice, EventType.INVOICE_UPDATED, actor=actor, at=at, previous=before)


def take_back(session: Session, invoice: Invoice, number: str, *, actor: Actor, at: datetime, **details: Any) -> None:
    """Make an invoice that should never have been opened a draft again, under another number, so that no customer sees it and its own
    number is free: an import that is undone. There no transition of ours was followed; the caller posts what is not owed any more.
    """
    before = {"status": invoice.status, "number": invoice.number}
    assert invoice.amount_paid == invoice.amount_credited == invoice.amount_reserved == 0, "nothing of it was paid"
    invoice.status = InvoiceStatus.DRAFT.value
    invoice.number, invoice.import_digest, invoice.paid_at = number, None, None
    invoice.version += 1
    invoice.updated_at = at
    record_invoice(session, invoice, EventType.INVOICE_UPDATED, actor=actor, at=at, previous=before, **details)


def record_invoice(
    session: Session,
    invoice: Invoice,
    event_type: EventType,
    *,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    """Record an event of an invoice, with the invoice as it is in the session."""
    session.flush()
    event = Event(
        type=event_type,
        merchant_id=invoice.merchant_id,
        object_id=invoice.id,
        customer_id=invoice.customer_id,
        object=shape_invoice(session, invoice, at=at),
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)
