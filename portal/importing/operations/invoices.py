"""Writes imported invoices and credit notes: new ones in bulk, changed ones where no money has moved yet.

Sends nothing, and never moves an invoice back that is paid, partly paid or being paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.credit.operations import grant
from portal.credit.queries import free_credit
from portal.customers.models import Customer
from portal.customers.queries.imported import list_by_email_key, list_by_reference
from portal.customers.rules import email_key
from portal.database import Base
from portal.events.operations import record_imported
from portal.events.rules import Event, EventType
from portal.importing.rules.invoice_rows import Document, Person
from portal.importing.rules.results import Change, Context, Refused, WriteResult
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.invoices.queries.imported import lock_credit_notes_by_number, lock_invoices_by_number
from portal.ledger.operations.posting import post
from portal.ledger.rules import (
    Posting,
    Settled,
    credit_corrected,
    credit_granted,
    invoice_corrected,
    invoice_opened,
    payment_recorded,
)
from portal.money import Money
from portal.payments.models import Payment, PaymentAllocation
from portal.public_ids import new_id
from portal.tenancy import MerchantScope, Scope

IMPORT_GATEWAY = "import"
_STATES = {
    "draft": "is a draft here", "partially_paid": "is partly paid", "paid": "is paid", "void": "is void here",
    "uncollectible": "is written off here",
}  # fmt: skip


@dataclass(slots=True)
class _Batch:
    """What a transaction inserts, by table, in bulk."""

    customers: list[dict[str, Any]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    credit_notes: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    allocations: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    credits: list[tuple[Scope, Money, datetime]] = field(default_factory=list)
    postings: list[Posting | None] = field(default_factory=list)

    def insert(self, session: Session, merchant_id: str) -> None:
        for model, rows in (
            (Customer, self.customers), (Invoice, self.invoices), (InvoiceLine, self.lines), (CreditNote, self.credit_notes),
            (Payment, self.payments), (PaymentAllocation, self.allocations),
        ):  # fmt: skip
            if rows:
                session.execute(sa.insert(_table(model)), rows)
        for scope, money, at in self.credits:
            grant(session, scope, money, at=at)
        post(session, merchant_id, *self.postings)
        record_imported(session, self.events)


def write_documents(session: Session, context: Context, documents: Sequence[Document]) -> list[WriteResult]:
    """Write the documents of a batch in the session's transaction, and return the result of each."""
    merchant_id = context.merchant.id
    batch = _Batch()
    customers = _customers_of(session, context, documents, batch)
    numbers = sorted({document.number for document in documents})
    scope = MerchantScope(merchant_id)
    invoices = lock_invoices_by_number(session, scope, numbers)
    notes = lock_credit_notes_by_number(session, scope, numbers)
    results: list[WriteResult] = []
    for document in documents:
        customer = customers[document.owner]
        if isinstance(customer, Refused):
            results.append(customer)
            continue
        key = (document.number, customer)
        if document.total > 0:
            result = _write_invoice(session, context, batch, document, customer, invoices.get(key), notes.get(key))
        else:
            result = _write_credit_note(session, context, batch, document, customer, notes.get(key), invoices.get(key))
        results.append(result)
    batch.insert(session, merchant_id)
    return results


def _customers_of(
    session: Session, context: Context, documents: Sequence[Document], batch: _Batch
) -> dict[str, str | Refused]:
    """Return the customer's id of each owner; new customers are added to the batch, created when the first of their invoices was."""
    found: dict[str, str | Refused] = {}
    owners = sorted({document.owner for document in documents})
    scope = MerchantScope(context.merchant.id)
    for list_by, prefix in ((list_by_reference, "r:"), (list_by_email_key, "e:")):
        for customer in list_by(session, scope, [owner[2:] for owner in owners if owner.startswith(prefix)]):
            owner = f"{prefix}{customer.name}"
            if customer.is_deleted:
                found.setdefault(owner, Refused("the customer was deleted"))
            elif prefix == "e:" and isinstance(found.get(owner), str):
                found[owner] = Refused("more than one customer has this mail address")
            else:
                found[owner] = customer.id
    for document in documents:
        if document.owner not in found:
            found[document.owner] = _new_customer(context, document, batch)
    return found


def _new_customer(context: Context, document: Document, batch: _Batch) -> str:
    person = document.person
    customer_id = new_id("cus", document.owner_at)
    batch.customers.append(
        {
            "merchant_id": context.merchant.id, "id": customer_id, "type": "individual", "name": person.name,
            "reference": document.owner[2:] if document.owner.startswith("r:") else None, "company_name": None,
            "email": person.email, "email_key": email_key(person.email) if person.email else None, "phone": person.phone,
            "locale": None, "billing_address": {"country": person.country} if person.country else {}, "shipping_address": {},
            "fields": {}, "metadata": {"country": person.country_name} if person.country_name else {}, "blocked": False,
            "created_at": document.owner_at, "updated_at": context.now, "deleted_at": None,
        }
    )  # fmt: skip
    batch.events.append(_event(context, EventType.CUSTOMER_CREATED, customer_id, customer_id))
    return customer_id


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
    if old is None:
        invoice_id = new_id("inv", document.at)
        batch.invoices.append(
            {
                **_content(context, document), "merchant_id": context.merchant.id, "id": invoice_id, "customer_id": customer_id,
                "number": document.number, "tax": 0, "amount_credited": 0, "amount_reserved": 0, "version": 1,
                "preset_amounts": [], "prices": {},
                "created_at": document.at, "sent_at": None, "viewed_at": None, **_settlement(document),
            }
        )  # fmt: skip
        total = Money(document.total, document.currency)
        batch.postings.append(invoice_opened(customer_id, invoice_id, total, at=document.at))
        batch.lines += _lines(context.merchant.id, invoice_id, document)
        batch.events.append(_event(context, EventType.INVOICE_OPENED, invoice_id, customer_id))
        if document.paid_at is not None:
            _book_payment(context, batch, document, customer_id, invoice_id, document.paid_at, version=1)
        return Change.CREATED
    if old.import_digest == document.digest and (document.paid_at is None or old.status == "paid"):
        return Change.UNCHANGED
    obstacle = _reason_against_change(old)
    if obstacle:
        return Refused(obstacle)
    _change_invoice(session, context, batch, document, old)
    return Change.UPDATED


def _reason_against_change(old: Row[Any]) -> str | None:
    if old.amount_reserved:
        return "the invoice differs, but a payment of it is under way; it is left as it is"
    if old.status != "open":
        return f"the invoice differs, but it {_STATES[old.status]}; it is left as it is"
    if old.amount_paid or old.amount_credited:
        return "the invoice differs, but a part of it is paid or credited; it is left as it is"
    return None


def _change_invoice(session: Session, context: Context, batch: _Batch, document: Document, old: Row[Any]) -> None:
    merchant_id, version = context.merchant.id, old.version + 1
    session.execute(
        sa.update(_table(Invoice))
        .where(Invoice.merchant_id == merchant_id, Invoice.id == old.id)
        .values(**_content(context, document), **_settlement(document), version=version)
    )
    session.execute(
        sa.delete(_table(InvoiceLine)).where(InvoiceLine.merchant_id == merchant_id, InvoiceLine.invoice_id == old.id)
    )
    before, after = Money(old.total, old.currency), Money(document.total, document.currency)
    batch.postings.append(invoice_corrected(old.customer_id, old.id, version, before, after, at=context.now))
    batch.lines += _lines(merchant_id, old.id, document)
    batch.events.append(_event(context, EventType.INVOICE_UPDATED, old.id, old.customer_id))
    if document.paid_at is not None:
        _book_payment(context, batch, document, old.customer_id, old.id, document.paid_at, version=version)


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
        "issued_on": document.issued_on, "import_digest": document.digest,
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
    if old.import_digest == document.digest:
        return Change.UNCHANGED
    before = Money(old.amount, old.currency)
    if old.amount_applied or not _can_take_back(session, batch, scope, before, money):
        return Refused("the credit note differs, but a part of it is used; it is left as it is")
    session.execute(
        sa.update(_table(CreditNote))
        .where(CreditNote.merchant_id == context.merchant.id, CreditNote.id == old.id)
        .values(**content)
    )
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


def _content(context: Context, document: Document) -> dict[str, Any]:
    return {
        "currency": document.currency, "description": document.description, "subtotal": document.total, "total": document.total,
        "issued_on": document.issued_on, "bill_to": _bill_to(document.person), "import_digest": document.digest,
        "due_on": document.due_on or document.issued_on + timedelta(days=context.merchant.due_days), "updated_at": context.now,
    }  # fmt: skip


def _settlement(document: Document) -> dict[str, Any]:
    if document.paid_at is None:
        return {"status": "open", "amount_paid": 0, "paid_at": None}
    return {"status": "paid", "amount_paid": document.total, "paid_at": document.paid_at}


def _bill_to(person: Person) -> dict[str, Any]:
    country = person.country or person.country_name
    return {"name": person.name, "address": {"country": country} if country else {}} if person.name else {}


def _lines(merchant_id: str, invoice_id: str, document: Document) -> list[dict[str, Any]]:
    return [
        {
            "merchant_id": merchant_id, "invoice_id": invoice_id, "position": position, "description": line.description,
            "quantity": line.quantity, "unit_amount_decimal": line.unit_amount, "tax_rate": None, "amount": line.amount,
        }
        for position, line in enumerate(document.lines, start=1)
    ]  # fmt: skip


def _book_payment(
    context: Context,
    batch: _Batch,
    document: Document,
    customer_id: str,
    invoice_id: str,
    paid_at: datetime,
    *,
    version: int,
) -> None:
    payment_id = new_id("pay", paid_at)
    total = Money(document.total, document.currency)
    settled = [Settled(invoice_id, total, total)]
    batch.postings.append(
        payment_recorded(customer_id, payment_id, gateway=IMPORT_GATEWAY, money=total, settled=settled, at=paid_at)
    )
    batch.payments.append(
        {
            "merchant_id": context.merchant.id, "id": payment_id, "customer_id": customer_id, "status": "complete",
            "currency": document.currency, "amount": document.total, "amount_refunded": 0,
            "description": document.description or document.number, "note": document.number if document.description else "",
            "more_count": 0, "kind": "invoice", "credit_amount": 0, "use_credit": False,
            "reference": None, "gateway": IMPORT_GATEWAY, "gateway_reference": None, "save_method": False,
            "listed": True, "version": 1, "check_count": 0, "created_at": paid_at, "updated_at": context.now,
            "expires_at": paid_at, "completed_at": paid_at,
        }
    )  # fmt: skip
    batch.allocations.append(
        {
            "merchant_id": context.merchant.id, "payment_id": payment_id, "invoice_id": invoice_id, "slot": 1, "state": "settled",
            "amount": document.total, "invoice_version": version,
        }
    )  # fmt: skip
    batch.events.append(_event(context, EventType.PAYMENT_COMPLETE, payment_id, customer_id, invoice=invoice_id))
    batch.events.append(_event(context, EventType.INVOICE_PAID, invoice_id, customer_id, payment=payment_id))


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
