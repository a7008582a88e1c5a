"""Writes imported invoices and credit notes: new ones in bulk, changed ones where no money has moved yet.

Sends nothing, and never moves an invoice back that is paid, partly paid or being paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.credit.operations import grant
from portal.credit.queries import free_credit
from portal.customers.models import Customer
from portal.database import Base
from portal.documents.operations import forget_papers
from portal.events.operations import record_imported
from portal.events.rules import Event, EventType
from portal.importing.operations.bookings import IMPORT_GATEWAY, status_of
from portal.importing.operations.contents import invoice_content, line_rows
from portal.importing.operations.invoice_changes import change_invoice
from portal.importing.operations.people import DocumentOwners
from portal.importing.rules.invoice_rows import Document
from portal.importing.rules.results import Change, Context, Refused, WriteResult, Written
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.invoices.queries.imported import lock_credit_notes_by_number, lock_invoices_by_number
from portal.ledger.operations.posting import post
from portal.ledger.rules import (
    Posting,
    Settled,
    credit_corrected,
    credit_granted,
    invoice_opened,
    payment_recorded,
    refund_begun,
    refund_succeeded,
)
from portal.money import Money
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.derived import note_rows
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.tenancy import MerchantScope, Scope

_EVENTS = {
    "draft": (EventType.INVOICE_CREATED,),
    "open": (EventType.INVOICE_OPENED,),
    "void": (EventType.INVOICE_VOIDED,),
    "uncollectible": (EventType.INVOICE_OPENED, EventType.INVOICE_MARKED_UNCOLLECTIBLE),
    "partially_paid": (EventType.INVOICE_OPENED, EventType.INVOICE_PARTIALLY_PAID),
    "paid": (EventType.INVOICE_OPENED, EventType.INVOICE_PAID),
}
_NOT_OWED = ("draft", "void")


@dataclass(slots=True)
class _Batch:
    """What a transaction inserts, by table, in bulk."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    credit_notes: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    allocations: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    credits: list[tuple[Scope, Money, datetime]] = field(default_factory=list)
    postings: list[Posting | None] = field(default_factory=list)
    made_by_changes: list[str] = field(default_factory=list)

    def insert(self, session: Session, merchant_id: str) -> None:
        for model, rows in (
            (Customer, self.customers), (Invoice, self.invoices), (InvoiceLine, self.lines), (CreditNote, self.credit_notes),
            (Payment, self.payments), (PaymentAllocation, self.allocations), (Refund, self.refunds),
        ):  # fmt: skip
            if rows:
                session.execute(sa.insert(_table(model)), rows)
        note_rows(session, self.payments)
        for scope, money, at in self.credits:
            grant(session, scope, money, at=at)
        post(session, merchant_id, *self.postings)
        record_imported(session, self.events)

    @property
    def made(self) -> list[str]:
        rows = (*self.customers, *self.invoices, *self.credit_notes, *self.payments)
        return [*(row["id"] for row in rows), *self.made_by_changes]


def write_documents(session: Session, context: Context, documents: Sequence[Document]) -> Written:
    """Write the documents of a batch in the session's transaction."""
    merchant_id = context.merchant.id
    batch = _Batch()
    owners = DocumentOwners(session, context, documents)
    numbers = sorted({document.number for document in documents})
    scope = MerchantScope(merchant_id)
    invoices = lock_invoices_by_number(session, scope, numbers)
    notes = lock_credit_notes_by_number(session, scope, numbers)
    results: list[WriteResult] = []
    seen: set[tuple[str, str]] = set()
    for document in documents:
        customer = owners.customer_of(document)
        if isinstance(customer, Refused):
            results.append(customer)
            continue
        key = (document.number, customer)
        if key in seen:
            # By a reference and by an address, say: what would be two invoices of one number, or each the other's correction.
            results.append(
                Refused(f"other rows name the customer of {document.number} in another way; name it alike on all")
            )
            continue
        seen.add(key)
        old_invoice, old_note = invoices.get(key), notes.get(key)
        if _is_known(document, old_invoice or old_note):
            results.append(Change.UNCHANGED)
            continue
        conflict = owners.conflict_of(document, customer)
        if conflict is not None:
            results.append(Refused(conflict))
            continue
        if document.total >= 0:
            result = _write_invoice(session, context, batch, document, customer, old_invoice, old_note)
        else:
            result = _write_credit_note(session, context, batch, document, customer, old_note, old_invoice)
        if result is Change.CREATED:
            owners.remember(document, customer)
        results.append(result)
    batch.customers, batch.events = owners.new_rows, [*owners.events, *batch.events]
    batch.insert(session, merchant_id)
    owners.insert_addresses()
    return Written(results, batch.made)


def _is_known(document: Document, old: Row[Any] | None) -> bool:
    """Whether the very same rows were imported before: whatever happened to it since is not the file's concern."""
    return old is not None and old.import_digest == document.full_digest


def _write_invoice(
    session: Session,
    context: Context,
    batch: _Batch,
    document: Document,
    customer_id: str,
    old: Row[Any] | None,
    note: Row[Any] | None,
) -> WriteResult:
    if note is not None:
        return Refused("a credit note has this number already")
    if old is not None:
        result, payment_id = change_invoice(session, context, document, old)
        if payment_id is not None:
            batch.made_by_changes.append(payment_id)
        return result
    invoice_id, status = new_id("inv", document.at), document.settlement.status
    batch.invoices.append(
        {
            **invoice_content(context, document), "merchant_id": context.merchant.id, "id": invoice_id, "customer_id": customer_id,
            "number": document.number, "amount_credited": 0, "amount_reserved": 0, "version": 1,
            "preset_amounts": [], "prices": {}, "created_at": document.at, "sent_at": None, "viewed_at": None,
            "status": status, "amount_paid": document.settlement.paid,
            "paid_at": document.paid_at if status == "paid" else None,
        }
    )  # fmt: skip
    batch.lines += line_rows(context.merchant.id, invoice_id, document)
    if status not in _NOT_OWED:
        total = Money(document.total, document.currency)
        batch.postings.append(invoice_opened(customer_id, invoice_id, total, at=document.at))
    payment_id = _book_payment(context, batch, document, customer_id, invoice_id) if document.settlement.paid else None
    details = {"payment": payment_id} if payment_id else {}
    for event_type in _EVENTS[status]:
        batch.events.append(_event(context, event_type, invoice_id, customer_id, **details))
    return Change.CREATED


def _write_credit_note(
    session: Session,
    context: Context,
    batch: _Batch,
    document: Document,
    customer_id: str,
    old: Row[Any] | None,
    invoice: Row[Any] | None,
) -> WriteResult:
    if invoice is not None:
        return Refused("an invoice has this number already")
    content = {
        "currency": document.currency, "description": document.description, "amount": -document.total,
        "issued_on": document.issued_on, "import_digest": document.full_digest,
    }  # fmt: skip
    scope, money = Scope(context.merchant.id, customer_id), Money(-document.total, document.currency)
    if old is None:
        note_id = new_id("cn", document.at)
        batch.credits.append((scope, money, document.at))
        batch.postings.append(credit_granted(customer_id, note_id, money, at=document.at))
        batch.credit_notes.append(
            {
                **content, "merchant_id": context.merchant.id, "id": note_id, "customer_id": customer_id,
                "invoice_id": None, "number": document.number, "amount_applied": 0, "created_at": document.at,
            }
        )  # fmt: skip
        batch.events.append(_event(context, EventType.CREDIT_NOTE_CREATED, note_id, customer_id))
        batch.events.append(_event(context, EventType.CREDIT_ADDED, customer_id, customer_id, credit_note=note_id))
        return Change.CREATED
    before = Money(old.amount, old.currency)
    if old.amount_applied or not _can_take_back(session, batch, scope, before, money):
        return Refused("the credit note differs, but a part of it is used; it is left as it is")
    session.execute(
        sa.update(_table(CreditNote))
        .where(CreditNote.merchant_id == context.merchant.id, CreditNote.id == old.id)
        .values(**content)
    )
    forget_papers(session, context.merchant.id, [old.id])
    batch.credits.append((scope, money, context.now))
    batch.credits.append((scope, Money(-before.amount, before.currency), context.now))
    # With the time, since a note may be corrected back to an earlier content.
    version = f"{document.digest}:{context.now.isoformat()}"
    batch.postings.append(
        credit_corrected(customer_id, old.id, version=version, before=before, after=money, at=context.now)
    )
    return Change.UPDATED


def _can_take_back(session: Session, batch: _Batch, scope: Scope, before: Money, after: Money) -> bool:
    """Return whether the credit of a credit note can be withdrawn and granted again. Credit is not distinguished by its source: it counts
    as used when less is free than would be withdrawn. The table's check refuses a concurrent use."""
    granted = [money for owner, money, _ in batch.credits if owner == scope] + [after]
    here = sum(money.amount for money in granted if money.currency == before.currency)
    return free_credit(session, scope, before.currency) + here >= before.amount


def _book_payment(context: Context, batch: _Batch, document: Document, customer_id: str, invoice_id: str) -> str:
    """Book, in bulk, what `bookings.book_payment_of_invoice` books for one invoice; return the payment's id."""
    paid_at, merchant_id, refunded = document.paid_at, context.merchant.id, document.settlement.refunded
    payment_id, money = new_id("pay", paid_at), Money(document.settlement.paid, document.currency)
    batch.postings.append(
        payment_recorded(
            customer_id,
            payment_id,
            gateway=IMPORT_GATEWAY,
            money=money,
            settled=[Settled(invoice_id, money, money)],
            at=paid_at,
        )
    )
    batch.payments.append(
        {
            "merchant_id": merchant_id, "id": payment_id, "customer_id": customer_id,
            "status": status_of(money.amount, refunded), "currency": money.currency, "amount": money.amount,
            "amount_refunded": refunded, "description": document.description or document.number,
            "note": document.number if document.description else "", "more_count": 0, "kind": "invoice", "credit_amount": 0,
            "use_credit": False, "reference": None, "gateway": IMPORT_GATEWAY, "gateway_reference": None, "save_method": False,
            "listed": True, "version": 1, "check_count": 0, "created_at": paid_at, "updated_at": context.now,
            "expires_at": paid_at, "completed_at": paid_at,
        }
    )  # fmt: skip
    batch.allocations.append(
        {
            "merchant_id": merchant_id, "payment_id": payment_id, "invoice_id": invoice_id, "slot": 1, "state": "settled",
            "amount": money.amount, "invoice_version": 1,
        }
    )  # fmt: skip
    batch.events.append(_event(context, EventType.PAYMENT_COMPLETE, payment_id, customer_id, invoice=invoice_id))
    if refunded:
        _book_refund(context, batch, payment_id, customer_id, Money(refunded, money.currency), paid_at)
    return payment_id


def _book_refund(
    context: Context, batch: _Batch, payment_id: str, customer_id: str, money: Money, at: datetime
) -> None:
    refund_id = new_id("re", at)
    ids = {"customer_id": customer_id, "payment_id": payment_id, "refund_id": refund_id}
    batch.refunds.append(
        {
            "merchant_id": context.merchant.id, "id": refund_id, "payment_id": payment_id, "status": "complete",
            "currency": money.currency, "amount": money.amount, "credit_taken": 0, "check_count": 0, "created_at": at,
            "completed_at": at,
        }
    )  # fmt: skip
    batch.postings.append(refund_begun(**ids, money=money, credit_taken=Money(0, money.currency), at=at))
    batch.postings.append(refund_succeeded(**ids, gateway=IMPORT_GATEWAY, money=money, at=at))
    batch.events.append(_event(context, EventType.REFUND_COMPLETE, refund_id, customer_id, payment=payment_id))


def _event(context: Context, event_type: EventType, object_id: str, customer_id: str, **details: Any) -> Event:
    return Event(
        type=event_type,
        merchant_id=context.merchant.id,
        object_id=object_id,
        customer_id=customer_id,
        details=details,
        at=context.now,
    )


def _table(model: type[Base]) -> sa.Table:
    """Return the table, to insert without the ORM, which costs a third more for rows that are not used afterwards."""
    return cast(sa.Table, model.__table__)
