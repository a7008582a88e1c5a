"""The unconfirmed part of a payment's life: begun from a choice of invoices and a method, superseded, ended.

An unconfirmed payment reserves nothing and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.invoices.balance import OUTSTANDING
from portal.invoices.models import Invoice
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import method_state, shown_brand
from portal.payments import rules
from portal.payments.errors import (
    CurrenciesMixed,
    InvoiceBeingPaid,
    InvoiceSettled,
    MethodExpired,
    MethodMissing,
    MethodUnknown,
    NoInvoiceChosen,
)
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.outcomes import list_allocations
from portal.public_ids import is_id, new_id
from portal.tenancy import Scope

NEW_METHOD = "new"
MOST_INVOICES = 300
"""Invoices in one payment, at most: each is locked while it is confirmed."""


def begin_checkout(
    session: Session,
    scope: Scope,
    invoice_ids: Sequence[str],
    payment_method: str,
    *,
    gateway: str,
    save_method: bool,
    expires_after: timedelta,
    at: datetime,
) -> str:
    """Propose to pay these invoices in full with a saved method (`pm_…`) or a new one (`new`), and tell the payment's id.

    Supersedes older unconfirmed payments of the same invoices. Raises a CheckoutFault, which names the field, and changes
    nothing then.
    """
    # First, since it waits for a confirmation under way: the invoices are then read as that one left them.
    supersede(session, scope, list(dict.fromkeys(invoice_ids))[:MOST_INVOICES], but=None, at=at)
    invoices = _get_payable(session, scope, invoice_ids)
    method = _get_method(session, scope, payment_method, at.date())
    first = invoices[0]
    payment = Payment(
        merchant_id=scope.merchant_id,
        id=new_id("pay", at),
        customer_id=scope.customer_id,
        status="incomplete",
        currency=first.currency,
        amount=sum(invoice.amount_due for invoice in invoices),
        description=first.description or first.number,
        note=first.number if first.description else "",
        more_count=len(invoices) - 1,
        gateway=gateway,
        payment_method_id=method.id if method else None,
        save_method=save_method and method is None,
        listed=True,
        method_type=method.type if method else None,
        method_last4=method.last4 if method else None,
        method_brand=shown_brand(method.type, method.brand, method.bank_name) if method else None,
        created_at=at,
        updated_at=at,
        opened_at=at,
        expires_at=at + expires_after,
    )
    session.add(payment)
    session.flush()
    for invoice in invoices:
        session.add(
            PaymentAllocation(
                merchant_id=scope.merchant_id,
                payment_id=payment.id,
                invoice_id=invoice.id,
                slot=1,
                state="proposed",
                amount=invoice.amount_due,
                invoice_version=invoice.version,
            )
        )
    return payment.id


def end_checkout(session: Session, payment: Payment, status: str, *, at: datetime) -> None:
    """End an unconfirmed payment: cancelled or superseded ones leave the history, expired ones stay in it."""
    assert payment.status == "incomplete" and rules.may_follow("incomplete", status), (
        "only an unconfirmed payment ends like this"
    )
    payment.status = status
    payment.listed = status != "canceled"
    payment.completed_at = payment.updated_at = at
    payment.version += 1
    for allocation in list_allocations(session, payment):
        allocation.state = "released"


def supersede(session: Session, scope: Scope, invoice_ids: Sequence[str], *, but: str | None, at: datetime) -> None:
    """End the customer's other unconfirmed payments of these invoices: the newest checkout is the one that counts.

    Each is read under its lock: one that is being confirmed at this moment is waited for, and then left as it is.
    """
    statement = (
        sa.select(Payment)
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
        )
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.status == "incomplete",
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id.in_(invoice_ids),
            PaymentAllocation.state == "proposed",
        )
        .order_by(Payment.id)
        .with_for_update(of=Payment)
    )
    for other in session.execute(statement).scalars().unique():
        if other.id != but:
            end_checkout(session, other, "canceled", at=at)


def _get_payable(session: Session, scope: Scope, invoice_ids: Sequence[str]) -> list[Invoice]:
    wanted = list(dict.fromkeys(invoice_ids))[:MOST_INVOICES]
    if not wanted or not all(is_id("inv", invoice_id) for invoice_id in wanted):
        raise NoInvoiceChosen
    invoices = (
        session.execute(
            sa.select(Invoice)
            .where(
                Invoice.merchant_id == scope.merchant_id,
                Invoice.customer_id == scope.customer_id,
                Invoice.id.in_(wanted),
            )
            .order_by(Invoice.due_on, Invoice.id)
        )
        .scalars()
        .all()
    )
    if len(invoices) != len(wanted):
        raise NoInvoiceChosen
    if any(invoice.status not in OUTSTANDING or invoice.amount_due <= 0 for invoice in invoices):
        raise InvoiceSettled
    if len({invoice.currency for invoice in invoices}) > 1:
        raise CurrenciesMixed
    held = next((invoice for invoice in invoices if invoice.amount_reserved), None)
    if held is not None:
        raise InvoiceBeingPaid(find_holder(session, scope, held.id))
    return list(invoices)


def find_holder(reader: Reader, scope: Scope, invoice_id: str) -> str | None:
    """The payment under way that holds a part of the invoice."""
    return reader.execute(
        sa.select(PaymentAllocation.payment_id).where(
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id == invoice_id,
            PaymentAllocation.state == "active",
        )
    ).scalar()


def _get_method(session: Session, scope: Scope, choice: str, today: date) -> PaymentMethod | None:
    if choice == NEW_METHOD:
        return None
    if not choice:
        raise MethodMissing
    method = (
        session.execute(
            sa.select(PaymentMethod).where(
                PaymentMethod.merchant_id == scope.merchant_id,
                PaymentMethod.customer_id == scope.customer_id,
                PaymentMethod.id == choice,
                PaymentMethod.status == "active",
            )
        ).scalar()
        if is_id("pm", choice)
        else None
    )
    if method is None:
        raise MethodUnknown
    if method_state(method, today) == "expired":
        raise MethodExpired
    return method
