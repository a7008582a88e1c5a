"""Reads of payments, for every face: one by id, lists by key, their shares of invoices. Plain rows, never objects of a session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.errors import NotFound
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.rules.statuses import CAPTURED
from portal.public_ids import first_id, is_id
from portal.tenancy import ReadScope, Scope, parameters_of, within, within_each


class StoredPayment(NamedTuple):
    """A payment with all that a merchant may read of it; amounts in minor units of `currency`. `Payment` says what each is."""

    id: str
    customer_id: str
    status: str
    currency: str
    amount: int
    amount_refunded: int
    credit_amount: int
    credit_granted: int
    kind: str
    amount_choice: str | None
    way: str | None
    description: str
    note: str
    more_count: int
    reference: str | None
    gateway: str | None
    gateway_reference: str | None
    gateway_page_reference: str | None
    payment_method_id: str | None
    method_type: str | None
    method_brand: str | None
    method_last4: str | None
    channel: str | None
    phone: str | None
    pay_link_id: str | None
    failure_code: str | None
    failure_message: str | None
    use_credit: bool
    save_method: bool
    split_of: str | None
    unreached_invoices: str | None
    listed: bool
    created_at: datetime
    updated_at: datetime
    confirmed_at: datetime | None
    sent_at: datetime | None
    expires_at: datetime
    completed_at: datetime | None

    @property
    def receipt_name(self) -> str:
        """What the file of its receipt is named by: the number of its one invoice says more to a person than our id."""
        return self.note if self.note and not self.more_count else self.id

    @property
    def charge_amount(self) -> int:
        """What the method pays: the amount less what credit pays."""
        return self.amount - self.credit_amount


class PaymentShare(NamedTuple):
    """The share of an invoice in a payment, in minor units of the invoice's currency; `price` in those of the payment's, None
    where the two are the same. `state` is proposed, active, settled or released."""

    payment_id: str
    invoice_id: str
    amount: int
    price: int | None
    state: str


_COLUMNS = [getattr(Payment, name) for name in StoredPayment._fields]


def get_payment(reader: Reader, scope: ReadScope, payment_id: str) -> StoredPayment:
    """Return one payment. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_payment(reader, scope, payment_id)
    if found is None:
        raise NotFound
    return found


def find_payment(reader: Reader, scope: ReadScope, payment_id: str) -> StoredPayment | None:
    """Return one payment, whatever its status."""
    if not is_id("pay", payment_id):
        return None
    row = reader.execute(_ONE[type(scope)], {**parameters_of(scope), "id": payment_id}).first()
    return StoredPayment._make(row) if row is not None else None


def find_newer_payment(reader: Reader, scope: Scope, payment_id: str, invoice_ids: Collection[str]) -> str | None:
    """Return the id of a payment of one of these invoices that was confirmed after another one was created; None without one."""
    return reader.execute(
        sa.select(Payment.id)
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
        )
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            Payment.id > payment_id,
            Payment.confirmed_at.is_not(None),
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id.in_(sorted(invoice_ids)),
        )
        .limit(1)
    ).scalar()


def list_payments(
    reader: Reader,
    scope: ReadScope,
    *,
    statuses: Collection[str] = (),
    method_type: str | None = None,
    currency: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    customer_id: str | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredPayment]:
    """Return a page of the payments, newest first; a cursor's key is a payment's id.

    `statuses` admits any of these, and all when empty. `since` is the first instant of creation that is admitted, `until`
    the first that is not. A customer sees the listed ones alone; a merchant also checkouts that were superseded or cancelled
    before they were confirmed. `method_type` and `currency` filter rows that are read in order: for a rare value of a merchant
    with very many payments, add `since` or a customer.
    """
    return read_newest_first(
        reader,
        _ranges(
            scope,
            statuses,
            method_type=method_type,
            currency=currency,
            since=since,
            until=until,
            customer_id=customer_id,
        ),
        StoredPayment._make,
        id_column=Payment.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def count_payments(
    reader: Reader,
    scope: ReadScope,
    *,
    most: int,
    statuses: Collection[str] = (),
    method_type: str | None = None,
    currency: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    customer_id: str | None = None,
) -> int | None:
    """Return how many payments the same filters of `list_payments` admit, None for more than `most`."""
    ranges = _ranges(
        scope,
        statuses,
        method_type=method_type,
        currency=currency,
        since=since,
        until=until,
        customer_id=customer_id,
    )
    return count_up_to(reader, ranges, most, id_column=Payment.id)


def list_shares(reader: Reader, scope: ReadScope, payment_ids: Collection[str]) -> Mapping[str, list[PaymentShare]]:
    """Return the shares of invoices in those of these payments that are within the scope, by payment, in the order of invoices."""
    found: dict[str, list[PaymentShare]] = {payment_id: [] for payment_id in payment_ids}
    if not found:
        return found
    rows = reader.execute(_SHARES[type(scope)], {**parameters_of(scope), "payment_ids": sorted(found)})
    for share in sorted(map(PaymentShare._make, rows), key=lambda share: share.invoice_id):
        found[share.payment_id].append(share)
    return found


def list_captured(reader: Reader, scope: ReadScope, payment_ids: Collection[str]) -> list[StoredPayment]:
    """Return those of these payments whose money came, which have a receipt, oldest first."""
    captured = (Payment.id.in_(sorted(payment_ids)), Payment.status.in_(sorted(CAPTURED)))
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .where(*within(scope, Payment.merchant_id, Payment.customer_id), *captured)
        .order_by(Payment.id)
    )
    return [StoredPayment._make(row) for row in rows]


def find_settling_payment(reader: Reader, scope: ReadScope, invoice_ids: Collection[str]) -> str | None:
    """Return the newest payment that paid something of these invoices; None where they were paid elsewhere."""
    return reader.execute(
        sa.select(Payment.id)
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
        )
        .where(
            *within(scope, Payment.merchant_id, Payment.customer_id),
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id.in_(invoice_ids),
            PaymentAllocation.state == "settled",
        )
        .order_by(Payment.id.desc())
        .limit(1)
    ).scalar()


# Built once, since every change of a payment reads them: building a statement costs as much as running it.
_P, _SHARE = table_of(Payment).c, table_of(PaymentAllocation).c
_ONE = within_each(
    sa.select(*(_P[name] for name in StoredPayment._fields)).where(_P.id == sa.bindparam("id")),
    _P.merchant_id,
    _P.customer_id,
)
_SHARES = within_each(
    sa.select(*(_SHARE[name] for name in PaymentShare._fields))
    .join(table_of(Payment), sa.and_(_P.merchant_id == _SHARE.merchant_id, _P.id == _SHARE.payment_id))
    .where(
        _SHARE.merchant_id == sa.bindparam("merchant_id"),
        _SHARE.payment_id.in_(sa.bindparam("payment_ids", expanding=True)),
    ),
    _P.merchant_id,
    _P.customer_id,
)


def is_of_customer(payment_id: Any) -> sa.ColumnElement[bool]:
    """Return the condition that the payment of another table's row is the customer's whom `parameters_of` a scope names;
    `payment_id` is that table's column."""
    return sa.exists().where(
        _P.merchant_id == sa.bindparam("merchant_id"),
        _P.customer_id == sa.bindparam("customer_id"),
        _P.id == payment_id,
    )


def _ranges(
    scope: ReadScope,
    statuses: Collection[str],
    *,
    method_type: str | None,
    currency: str | None,
    since: datetime | None,
    until: datetime | None,
    customer_id: str | None,
) -> list[sa.Select[Any]]:
    """One range of an index for each status, or one over all; of one customer, the listed and the others have an index each."""
    statement = sa.select(*_COLUMNS).where(*within(scope, Payment.merchant_id, Payment.customer_id))
    if customer_id is not None:
        statement = statement.where(Payment.customer_id == customer_id)
    if method_type is not None:
        statement = statement.where(Payment.method_type == method_type)
    if currency is not None:
        statement = statement.where(Payment.currency == currency)
    # An id carries the millisecond of its creation, so that an index by id is entered there; the column has the rest.
    if since is not None:
        statement = statement.where(Payment.id >= first_id("pay", since), Payment.created_at >= since)
    if until is not None:
        last = first_id("pay", until + timedelta(milliseconds=1))
        statement = statement.where(Payment.id < last, Payment.created_at < until)
    parts = [statement]
    if isinstance(scope, Scope):
        parts = [statement.where(Payment.listed == sa.true())]
    elif customer_id is not None:
        parts = [statement.where(Payment.listed == sa.true()), statement.where(Payment.listed == sa.false())]
    return [part.where(Payment.status == status) for part in parts for status in sorted(set(statuses))] or parts
