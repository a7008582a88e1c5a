"""Reads of the checkout: what could be paid, and one unconfirmed payment with its shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from portal.credit.queries import free_credit
from portal.customers.models import Customer
from portal.database import Reader
from portal.errors import NotFound
from portal.invoices.models import Invoice
from portal.invoices.rules import OUTSTANDING
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payments.errors import AmountUnplaceable, DepositNotOffered, InvoiceSettled
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.checkouts import MOST_INVOICES
from portal.payments.queries.shares import DUE_COLUMNS, Share, chosen_pricing, due_of, list_shares
from portal.payments.rules.amounts import Due, Pricing, price_anew
from portal.payments.rules.choices import CHOICE_COLUMNS, Choice, Invoices, SavedMethod, TopUp, read_choice
from portal.public_ids import is_id
from portal.tenancy import Scope

MOST_PAYABLE = MOST_INVOICES


@dataclass(frozen=True, slots=True)
class Payable:
    """An outstanding invoice; `amount_due` in minor units; `is_held`: a payment under way holds a part of it. `due` is what
    pricing sees of it: what is free."""

    id: str
    number: str
    title: str
    due_on: date
    currency: str
    amount_due: int
    is_held: bool
    due: Due


@dataclass(frozen=True, slots=True)
class Checkout:
    """An unconfirmed payment as the review shows it: the `choice` as it was stored, and what it amounts to. A newer checkout may pay
    its invoices meanwhile, or have paid them. `gateway` is None where credit alone pays."""

    id: str
    status: str
    currency: str
    expires_at: datetime
    confirmed_at: datetime | None
    amount: int
    credit_amount: int
    gateway: str | None
    choice: Choice
    shares: tuple[Share, ...]
    free_credit: int

    @property
    def is_top_up(self) -> bool:
        return isinstance(self.choice.what, TopUp)

    @property
    def split_of(self) -> str | None:
        """The first of two payments, whose rest this one pays."""
        return self.choice.what.split_of if isinstance(self.choice.what, Invoices) else None

    @property
    def method_id(self) -> str | None:
        """The saved method that was chosen; None for any other way."""
        return self.choice.way.method_id if isinstance(self.choice.way, SavedMethod) else None

    @property
    def chosen(self) -> Pricing:
        """The payment as it was chosen."""
        parts = [(share.invoice_id, share.part.share, share.part.price) for share in self.shares]
        return chosen_pricing(self.currency, self.amount, self.credit_amount, parts)

    @property
    def is_being_paid(self) -> bool:
        """Whether another payment under way holds something of what this one would pay."""
        return any(share.is_held for share in self.shares)

    @property
    def is_settled(self) -> bool:
        """Whether nothing of its invoices is left for anybody to pay; never of money in advance."""
        return bool(self.shares) and not any(share.is_open for share in self.shares)

    def price_now(self) -> Pricing | None:
        """The payment as it would be confirmed now; None when nothing is left to pay, or what was chosen fits no more."""
        if self.is_top_up:
            return self.chosen
        dues = [share.due for share in self.shares if share.due]
        try:
            return price_anew(dues, self.currency, self.choice.amount, credit=self.free_credit)
        except (InvoiceSettled, AmountUnplaceable, DepositNotOffered):
            return None


_COLUMNS = (*DUE_COLUMNS, Invoice.number, Invoice.description, Invoice.due_on)
_PAYABLE = (
    sa.select(*_COLUMNS)
    .where(
        Invoice.merchant_id == sa.bindparam("merchant_id"),
        Invoice.customer_id == sa.bindparam("customer_id"),
        sa.text("invoices.status in ('open', 'partially_paid')"),
    )
    .order_by(Invoice.due_on, Invoice.id)
    .limit(MOST_PAYABLE)
)


def list_payable(reader: Reader, scope: Scope, options: PaymentOptions) -> list[Payable]:
    """The customer's outstanding invoices, oldest due first, at most as many as one payment takes."""
    rows = reader.execute(_PAYABLE, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id})
    return [_payable(row, options) for row in rows]


def list_chosen(reader: Reader, scope: Scope, invoice_ids: Sequence[str], options: PaymentOptions) -> list[Payable]:
    """The outstanding ones among these invoices of the customer, oldest due first; what is not theirs is not there."""
    wanted = [invoice_id for invoice_id in dict.fromkeys(invoice_ids) if is_id("inv", invoice_id)][:MOST_PAYABLE]
    if not wanted:
        return []
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .where(
            Invoice.merchant_id == scope.merchant_id,
            Invoice.customer_id == scope.customer_id,
            Invoice.id.in_(wanted),
            Invoice.status.in_(OUTSTANDING),
        )
        .order_by(Invoice.due_on, Invoice.id)
    )
    return [_payable(row, options) for row in rows]


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


def find_phone(reader: Reader, scope: Scope) -> str | None:
    """The telephone number that the customer left, in E.164."""
    return reader.execute(
        sa.select(Customer.phone).where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id)
    ).scalar()


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


def find_settling_payment(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> str | None:
    """The customer's newest payment that paid something of these invoices; None for what was paid elsewhere."""
    return reader.execute(
        sa.select(Payment.id)
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
        )
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id.in_(invoice_ids),
            PaymentAllocation.state == "settled",
        )
        .order_by(Payment.id.desc())
        .limit(1)
    ).scalar()


def get_checkout(reader: Reader, scope: Scope, payment_id: str, options: PaymentOptions) -> Checkout:
    """One payment of the customer with its shares, whatever its status. Raises NotFound, also for one that was not chosen here."""
    row = (
        reader.execute(
            sa.select(*_CHECKOUT_COLUMNS).where(
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
    shares = tuple(list_shares(reader, scope, payment_id, options))
    choice = read_choice(row, [share.invoice_id for share in shares])
    if choice is None:
        raise NotFound
    return Checkout(
        row.id,
        row.status,
        row.currency,
        row.expires_at,
        row.confirmed_at,
        row.amount,
        row.credit_amount,
        row.gateway,
        choice,
        shares,
        free_credit=free_credit(reader, scope, row.currency) if choice.use_credit else 0,
    )


_PAYMENTS = Payment.__table__.c
_CHECKOUT_COLUMNS = (
    *(_PAYMENTS[name] for name in ("id", "status", "expires_at", "confirmed_at", "credit_amount", "gateway")),
    *(_PAYMENTS[name] for name in CHOICE_COLUMNS),
)


def _payable(row: Any, options: PaymentOptions) -> Payable:
    due = due_of(row, options)
    return Payable(
        id=row.id,
        number=row.number,
        title=row.description or row.number,
        due_on=row.due_on,
        currency=row.currency,
        amount_due=due.left + row.amount_reserved,
        is_held=row.amount_reserved > 0,
        due=due,
    )
