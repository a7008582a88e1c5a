"""The locks of paying, always in this order: the invoices by id, the payment, its shares of them (decision 0024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.invoices.queries.payable import select_locked
from portal.payments.models import Payment, PaymentAllocation
from portal.tenancy import Scope


def lock_invoices(session: Session, scope: Scope, invoice_ids: Sequence[str]) -> None:
    """Lock the customer's invoices, before any of their payments: who begins or confirms a payment also locks others of the same
    invoices, and two transactions that each locked a payment first would deadlock."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_ids": invoice_ids}
    session.execute(_LOCK_INVOICES, parameters)


def lock_invoices_of(session: Session, merchant_id: str, payment_id: str) -> None:
    """Lock a payment's invoices, of whichever customer, before the payment itself is locked."""
    session.execute(_LOCK_INVOICES_OF, {"merchant_id": merchant_id, "payment_id": payment_id})


def lock_payment(session: Session, merchant_id: str, payment_id: str) -> Payment:
    """Return the payment, read under its lock. Raises NoResultFound."""
    return session.execute(_LOCK_PAYMENT, {"merchant_id": merchant_id, "id": payment_id}).scalar_one()


def lock_lookup(session: Session, merchant_id: str, payment_id: str) -> sa.Row[Any]:
    """Return what a lookup at the gateway needs of the payment, read under its lock, without an object for it. Raises NoResultFound."""
    row: Any = session.execute(_LOCK_LOOKUP, {"merchant_id": merchant_id, "id": payment_id}).one()
    return cast("sa.Row[Any]", row)


def lock_own_payment(session: Session, scope: Scope, payment_id: str) -> Payment:
    """Return the customer's payment, read under its lock. Raises NoResultFound, also for another customer's."""
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "id": payment_id}
    return session.execute(_LOCK_OWN, parameters).scalar_one()


def list_allocations(session: Session, payment: Payment) -> list[PaymentAllocation]:
    """Return the payment's shares of invoices, by invoice: always changed in this order, so that two payments never deadlock."""
    parameters = {"merchant_id": payment.merchant_id, "payment_id": payment.id}
    return list(session.execute(_ALLOCATIONS, parameters).scalars())


# Built once, since every payment runs them: building a statement costs as much as running it.
_SHARES = table_of(PaymentAllocation).c
_LOCK_INVOICES = select_locked(
    of_customer=sa.bindparam("customer_id"), invoice_ids=sa.bindparam("invoice_ids", expanding=True)
)
_LOCK_INVOICES_OF = select_locked(
    invoice_ids=sa.select(_SHARES.invoice_id).where(
        _SHARES.merchant_id == sa.bindparam("merchant_id"), _SHARES.payment_id == sa.bindparam("payment_id")
    )
)
_LOCK_PAYMENT = (
    sa.select(Payment)
    .where(Payment.merchant_id == sa.bindparam("merchant_id"), Payment.id == sa.bindparam("id"))
    .with_for_update()
    # What the transaction has changed by now is written once, with what it changes next.
    .execution_options(autoflush=False)
)
_P = table_of(Payment).c
_LOCK_LOOKUP = (
    sa.select(
        _P.id,
        _P.status,
        _P.gateway,
        _P.gateway_reference,
        _P.gateway_page_reference,
        _P.method_type,
        _P.created_at,
        _P.confirmed_at,
        _P.sent_at,
        _P.last_sent_at,
        _P.checked_at,
        _P.expires_at,
        _P.stop_requested_at,
        _P.stop_requested_by,
    )
    .where(_P.merchant_id == sa.bindparam("merchant_id"), _P.id == sa.bindparam("id"))
    .with_for_update()
)
_LOCK_OWN = (
    sa.select(Payment)
    .where(
        Payment.merchant_id == sa.bindparam("merchant_id"),
        Payment.customer_id == sa.bindparam("customer_id"),
        Payment.id == sa.bindparam("id"),
    )
    .with_for_update()
)
_ALLOCATIONS = (
    sa.select(PaymentAllocation)
    .where(
        PaymentAllocation.merchant_id == sa.bindparam("merchant_id"),
        PaymentAllocation.payment_id == sa.bindparam("payment_id"),
    )
    .order_by(PaymentAllocation.invoice_id)
    .execution_options(autoflush=False)
)
