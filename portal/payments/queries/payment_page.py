"""Packed for the customer's pages of one payment and of one invoice: a payment with its method and its shares of invoices in one
statement, and an invoice's payments.

A payment's page reloads itself while the outcome is pending. Everybody else reads by `queries.payments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Flag, Id, Minor, Reader
from portal.errors import NotFound
from portal.invoices.models import Invoice, is_outstanding
from portal.payment_methods.models import PaymentMethod
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.queries.holders import ACTIVE
from portal.payments.queries.standing import shown_digits, shown_status, standing_at
from portal.payments.rules import sending, statuses
from portal.payments.rules.statuses import CAPTURED, WAITING
from portal.public_ids import is_id
from portal.tenancy import Scope

_PAYMENTS = Payment.__table__
_ALLOCATIONS = PaymentAllocation.__table__
_INVOICES = Invoice.__table__
_METHODS = PaymentMethod.__table__


class InvoiceShare(NamedTuple):
    """A payment beside its share of one invoice; `status` is the one that pages show, `state` is active while it holds what it would
    pay. `is_alone`: the payment pays this invoice and nothing else, so that a refund of it is one of this invoice."""

    payment_id: str
    status: str
    amount: int
    state: str
    is_alone: bool
    method_type: str | None
    method_brand: str | None
    method_last4: str | None
    created_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether the payment holds what it would pay."""
        return self.state == ACTIVE


class ShareRecord(NamedTuple):
    """A payment's share of an invoice, in the payment's currency. `payable` is what can be paid of that invoice now, in
    `currency`, its own; None while nothing can. `left` is what no payment has paid or holds, 0 where it was priced in another
    currency. `state` is the allocation's. `is_paid`: nothing of the invoice is left to pay."""

    invoice_id: str
    due_on: date
    number: str
    description: str
    amount: int
    currency: str
    payable: int | None
    left: int
    state: str
    is_paid: bool


@dataclass(frozen=True, slots=True)
class PaymentDetail:
    """One payment with all that its page shows but its refunds; a top-up has no `description`, and what credit alone paid no
    `gateway`. `method_…` is the method as it was at the time; `prompted_phone` (E.164) is the telephone that was prompted
    without a saved method. `pay_link_id` is the pay link by which somebody paid without signing in."""

    id: str
    status: str
    currency: str
    amount: int
    amount_refunded: int
    kind: str
    credit_amount: int
    credit_granted: int
    amount_choice: str | None
    description: str
    gateway: str | None
    method_type: str | None
    method_brand: str | None
    method_last4: str | None
    failure_code: str | None
    action_url: str | None
    gateway_page_reference: str | None
    created_at: datetime
    updated_at: datetime
    opened_at: datetime | None
    confirmed_at: datetime | None
    sent_at: datetime | None
    last_sent_at: datetime | None
    checked_at: datetime | None
    stop_requested_at: datetime | None
    expires_at: datetime
    completed_at: datetime | None
    channel: str | None
    pay_link_id: str | None
    prompted_phone: str | None
    nickname: str | None
    phone: str | None
    exp_month: int | None
    exp_year: int | None
    shares: tuple[ShareRecord, ...] = ()

    @property
    def is_first_of_two(self) -> bool:
        """Whether a second payment by another method was to pay the rest of its invoices."""
        return self.amount_choice == "first_part"

    @property
    def is_by_page(self) -> bool:
        """Whether the customer was to choose and enter a method on the gateway's page, and none is known yet."""
        return self.method_type is None and self.channel is None and self.status not in CAPTURED

    @property
    def has_no_page(self) -> bool:
        """Whether that page's address never reached us: the response was lost, and nothing is asked of the customer."""
        return self.is_by_page and not (self.action_url or self.gateway_page_reference)

    @property
    def is_being_stopped(self) -> bool:
        """Whether the customer wants it stopped, and the gateway has not answered to that."""
        return self.status in WAITING and self.stop_requested_at is not None

    def is_being_sent(self, now: datetime) -> bool:
        """Whether it is confirmed and not at the gateway yet, as far as we know."""
        if self.status != "processing" or self.confirmed_at is None:
            return False
        return sending.is_being_sent(self.last_sent_at or self.sent_at, self.updated_at, now)

    def shown_status(self, now: datetime) -> str:
        """Return the status that pages show."""
        return statuses.shown_status(
            self.status,
            nobody_is_asked=self.has_no_page or self.is_being_stopped,
            is_being_sent=self.is_being_sent(now),
        )

    @property
    def surplus(self) -> int:
        """The part of this payment that no invoice could take, so that it became the customer's credit."""
        return self.credit_granted if self.kind == "invoice" else 0


def read_payment_page(reader: Reader, scope: Scope, payment_id: str) -> PaymentDetail:
    """Return one payment of the customer. Raises NotFound for another customer's, an unknown and a malformed id alike."""
    if not is_id("pay", payment_id):
        raise NotFound
    scoped = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "payment_id": payment_id}
    rows = reader.execute(_ONE, scoped).all()
    if not rows:
        raise NotFound
    width = len(_DETAIL)
    # Oldest first, as they were paid. Sorted by the statement, PostgreSQL took seconds where there are many invoices.
    shares = sorted(
        (ShareRecord._make(row[width:]) for row in rows if row[width] is not None),
        key=lambda share: (share.due_on, share.invoice_id),
    )
    return PaymentDetail(*(*rows[0][:width], tuple(shares)))


def list_invoice_shares(reader: Reader, scope: Scope, invoice_id: str, *, now: datetime) -> list[InvoiceShare]:
    """Return the newest 20 listed payments of one invoice of the customer as they stand now, newest first; unconfirmed checkouts are left
    out."""
    scoped = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_id": invoice_id}
    return [InvoiceShare._make(row) for row in reader.execute(_SHARES, {**scoped, **standing_at(now)})]


_OF_METHOD = ("nickname", "phone", "exp_month", "exp_year")
_DETAIL = [
    *(
        _PAYMENTS.c[name]
        for name in PaymentDetail.__dataclass_fields__
        if name in _PAYMENTS.c and name not in _OF_METHOD
    ),
    _PAYMENTS.c.phone.label("prompted_phone"),
    *(_METHODS.c[name] for name in _OF_METHOD),
]
_ONE = (
    sa.select(
        *_DETAIL,
        _INVOICES.c.id.label("invoice_id"),
        _INVOICES.c.due_on,
        _INVOICES.c.number,
        _INVOICES.c.description,
        sa.func.coalesce(_ALLOCATIONS.c.price, _ALLOCATIONS.c.amount).label("share"),
        _INVOICES.c.currency.label("invoice_currency"),
        sa.case(
            (
                sa.and_(is_outstanding(_INVOICES.c.status), _INVOICES.c.amount_reserved == sa.literal_column("0")),
                _INVOICES.c.total - _INVOICES.c.amount_paid - _INVOICES.c.amount_credited,
            )
        ).label("payable"),
        sa.case(
            (
                sa.and_(is_outstanding(_INVOICES.c.status), _ALLOCATIONS.c.price.is_(None)),
                _INVOICES.c.total - _INVOICES.c.amount_paid - _INVOICES.c.amount_credited - _INVOICES.c.amount_reserved,
            ),
            else_=sa.literal_column("0", Minor),
        ).label("left"),
        _ALLOCATIONS.c.state,
        sa.type_coerce(_INVOICES.c.status == sa.literal_column("'paid'", Id), Flag()).label("is_paid"),
    )
    .select_from(
        _PAYMENTS.outerjoin(
            _METHODS,
            sa.and_(_METHODS.c.merchant_id == _PAYMENTS.c.merchant_id, _METHODS.c.id == _PAYMENTS.c.payment_method_id),
        )
        .outerjoin(
            _ALLOCATIONS,
            sa.and_(_ALLOCATIONS.c.merchant_id == _PAYMENTS.c.merchant_id, _ALLOCATIONS.c.payment_id == _PAYMENTS.c.id),
        )
        .outerjoin(
            _INVOICES,
            sa.and_(_INVOICES.c.merchant_id == _ALLOCATIONS.c.merchant_id, _INVOICES.c.id == _ALLOCATIONS.c.invoice_id),
        )
    )
    .where(
        _PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        _PAYMENTS.c.id == sa.bindparam("payment_id"),
        _PAYMENTS.c.customer_id == sa.bindparam("customer_id"),
    )
)
_SHARES = (
    sa.select(
        _PAYMENTS.c.id,
        shown_status(),
        _ALLOCATIONS.c.amount,
        _ALLOCATIONS.c.state,
        sa.type_coerce(sa.and_(_ALLOCATIONS.c.amount == _PAYMENTS.c.amount, _ALLOCATIONS.c.price.is_(None)), Flag()),
        _PAYMENTS.c.method_type,
        _PAYMENTS.c.method_brand,
        shown_digits(),
        _PAYMENTS.c.created_at,
    )
    .select_from(
        _ALLOCATIONS.join(
            _PAYMENTS,
            sa.and_(_PAYMENTS.c.merchant_id == _ALLOCATIONS.c.merchant_id, _PAYMENTS.c.id == _ALLOCATIONS.c.payment_id),
        )
    )
    .where(
        _ALLOCATIONS.c.merchant_id == sa.bindparam("merchant_id"),
        _ALLOCATIONS.c.invoice_id == sa.bindparam("invoice_id"),
        _PAYMENTS.c.customer_id == sa.bindparam("customer_id"),
        _PAYMENTS.c.listed == sa.true(),
        _PAYMENTS.c.status != sa.literal_column("'incomplete'", Id),
    )
    .order_by(_ALLOCATIONS.c.payment_id.desc())
    .limit(sa.literal_column("20"))
)
