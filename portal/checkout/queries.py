"""Reads of the checkout: what could be paid, and one unconfirmed payment with its shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from portal.database import Reader
from portal.errors import NotFound
from portal.invoices.balance import OUTSTANDING
from portal.invoices.models import Invoice
from portal.payments.checkouts import MOST_INVOICES
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.shares import Share, list_shares
from portal.public_ids import is_id
from portal.tenancy import Scope

MOST_PAYABLE = MOST_INVOICES
_LEFT = Invoice.total - Invoice.amount_paid - Invoice.amount_credited


@dataclass(frozen=True, slots=True)
class Payable:
    """An outstanding invoice; `amount_due` in minor units; `is_held`: a payment under way holds a part of it."""

    id: str
    number: str
    title: str
    due_on: date
    currency: str
    amount_due: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class Checkout:
    """An unconfirmed payment as the review shows it."""

    id: str
    status: str
    currency: str
    expires_at: datetime
    confirmed_at: datetime | None
    payment_method_id: str | None
    shares: tuple[Share, ...]


_PAYABLE = (
    sa.select(
        Invoice.id,
        Invoice.number,
        Invoice.description,
        Invoice.due_on,
        Invoice.currency,
        _LEFT,
        Invoice.amount_reserved,
    )
    .where(
        Invoice.merchant_id == sa.bindparam("merchant_id"),
        Invoice.customer_id == sa.bindparam("customer_id"),
        sa.text("invoices.status in ('open', 'partially_paid')"),
    )
    .order_by(Invoice.due_on, Invoice.id)
    .limit(MOST_PAYABLE)
)


def list_payable(reader: Reader, scope: Scope) -> list[Payable]:
    """The customer's outstanding invoices, oldest due first, at most as many as one payment takes."""
    rows = reader.execute(_PAYABLE, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id})
    return [_payable(row) for row in rows]


def list_chosen(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> list[Payable]:
    """The outstanding ones among these invoices of the customer, oldest due first; what is not theirs is not there."""
    wanted = [invoice_id for invoice_id in dict.fromkeys(invoice_ids) if is_id("inv", invoice_id)][:MOST_PAYABLE]
    if not wanted:
        return []
    rows = reader.execute(
        sa.select(
            Invoice.id,
            Invoice.number,
            Invoice.description,
            Invoice.due_on,
            Invoice.currency,
            _LEFT,
            Invoice.amount_reserved,
        )
        .where(
            Invoice.merchant_id == scope.merchant_id,
            Invoice.customer_id == scope.customer_id,
            Invoice.id.in_(wanted),
            Invoice.status.in_(OUTSTANDING),
        )
        .order_by(Invoice.due_on, Invoice.id)
    )
    return [_payable(row) for row in rows]


def exists_for_all(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> bool:
    """Whether each of these ids is an invoice of the customer, in whatever status."""
    wanted = list(dict.fromkeys(invoice_ids))
    if not wanted or len(wanted) > MOST_PAYABLE or not all(is_id("inv", invoice_id) for invoice_id in wanted):
        return False
    count = reader.execute(
        sa.select(sa.func.count()).where(
            Invoice.merchant_id == scope.merchant_id, Invoice.customer_id == scope.customer_id, Invoice.id.in_(wanted)
        )
    ).scalar_one()
    return bool(count == len(wanted))


def list_invoices_of(reader: Reader, scope: Scope, payment_id: str) -> list[str]:
    """The invoices that a payment of the customer paid or would have paid. Raises NotFound for somebody else's."""
    if not is_id("pay", payment_id):
        raise NotFound
    rows = (
        reader.execute(
            sa.select(PaymentAllocation.invoice_id)
            .join(
                Payment,
                sa.and_(
                    Payment.merchant_id == PaymentAllocation.merchant_id, Payment.id == PaymentAllocation.payment_id
                ),
            )
            .where(
                Payment.merchant_id == scope.merchant_id,
                Payment.customer_id == scope.customer_id,
                Payment.id == payment_id,
                PaymentAllocation.merchant_id == scope.merchant_id,
            )
            .order_by(PaymentAllocation.invoice_id)
        )
        .scalars()
        .all()
    )
    if not rows:
        raise NotFound
    return list(rows)


def get_checkout(reader: Reader, scope: Scope, payment_id: str) -> Checkout:
    """One payment of the customer with its shares, whatever its status. Raises NotFound."""
    row = (
        reader.execute(
            sa.select(
                Payment.id,
                Payment.status,
                Payment.currency,
                Payment.expires_at,
                Payment.confirmed_at,
                Payment.payment_method_id,
            ).where(
                Payment.merchant_id == scope.merchant_id,
                Payment.customer_id == scope.customer_id,
                Payment.id == payment_id,
            )
        ).first()
        if is_id("pay", payment_id)
        else None
    )
    if row is None:
        raise NotFound
    return Checkout(*row, shares=tuple(list_shares(reader, scope, payment_id)))


def _payable(row: Any) -> Payable:
    invoice_id, number, title, due_on, currency, amount_due, reserved = row
    return Payable(invoice_id, number, title or number, due_on, currency, amount_due, reserved > 0)
