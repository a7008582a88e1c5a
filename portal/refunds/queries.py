"""Reads of refunds, for every face: one by id, those of payments, lists by key; and what the operator is told over all merchants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.errors import NotFound
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.payments.queries.at_gateways import is_at_gateway
from portal.payments.queries.payments import is_within
from portal.public_ids import is_id
from portal.refunds.models import Refund
from portal.refunds.rules import RefundStatus
from portal.tenancy import MerchantScope, ReadScope, Scope


class StoredRefund(NamedTuple):
    """A refund with all that a merchant may read of it; amounts in minor units of `currency`. `status` is pending, complete or
    failed; `sent_at` is None of one that was made elsewhere."""

    id: str
    payment_id: str
    status: str
    amount: int
    currency: str
    credit_taken: int
    gateway_reference: str | None
    failure_code: str | None
    reason: str | None
    sent_at: datetime | None
    created_at: datetime
    completed_at: datetime | None


class UnknownRefunds(NamedTuple):
    """Refunds whose outcome the gateway has yet to report, and when the oldest of them was ordered."""

    unknown_count: int
    oldest_at: datetime | None


_COLUMNS = [getattr(Refund, name) for name in StoredRefund._fields]


def get_refund(reader: Reader, scope: ReadScope, refund_id: str) -> StoredRefund:
    """Return one refund. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_refund(reader, scope, refund_id)
    if found is None:
        raise NotFound
    return found


def find_refund(reader: Reader, scope: ReadScope, refund_id: str) -> StoredRefund | None:
    """Return one refund; it is the customer's whose payment it gives back."""
    if not is_id("re", refund_id):
        return None
    row = reader.execute(sa.select(*_COLUMNS).where(*_within(scope), Refund.id == refund_id)).first()
    return StoredRefund._make(row) if row is not None else None


def list_refunds_of(reader: Reader, scope: ReadScope, payment_ids: Collection[str]) -> Mapping[str, list[StoredRefund]]:
    """Return all refunds of those of these payments that are within the scope, by payment, oldest first."""
    found: dict[str, list[StoredRefund]] = {payment_id: [] for payment_id in payment_ids}
    if not found:
        return found
    rows = reader.execute(sa.select(*_COLUMNS).where(*_within(scope), Refund.payment_id.in_(sorted(found))))
    for refund in sorted(map(StoredRefund._make, rows), key=lambda refund: (refund.created_at, refund.id)):
        found[refund.payment_id].append(refund)
    return found


def list_refunds(
    reader: Reader,
    scope: MerchantScope,
    *,
    status: str | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredRefund]:
    """Return a page of the merchant's refunds, newest first; a cursor's key is a refund's id.

    Those of a customer are read with its payments (`list_refunds_of`): a refund's own row does not name the customer.
    """
    return read_newest_first(
        reader,
        [_chosen(scope, status)],
        StoredRefund._make,
        id_column=Refund.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def count_refunds(reader: Reader, scope: MerchantScope, *, most: int, status: str | None = None) -> int | None:
    """Return how many refunds the same filters of `list_refunds` admit, None for more than `most`."""
    return count_up_to(reader, [_chosen(scope, status)], most, id_column=Refund.id)


def sum_completed(reader: Reader, scope: MerchantScope, payment_ids: Collection[str]) -> Mapping[str, int]:
    """Return what went back of each of these payments, in minor units; a payment of which nothing did is not there."""
    rows = reader.execute(
        sa.select(Refund.payment_id, sa.func.sum(Refund.amount))
        .where(
            Refund.merchant_id == scope.merchant_id,
            Refund.payment_id.in_(payment_ids),
            Refund.status == RefundStatus.COMPLETE,
        )
        .group_by(Refund.payment_id)
    )
    return {payment_id: int(amount) for payment_id, amount in rows}


def count_pending(reader: Reader, scope: MerchantScope, *, at: Collection[str] = (), but: Collection[str] = ()) -> int:
    """Return how many refunds have no outcome yet of payments `at` these gateways, of none given at all; those `but` these are
    left out."""
    statement = sa.select(sa.func.count()).where(
        Refund.merchant_id == scope.merchant_id,
        Refund.status == "pending",
        is_at_gateway(scope, Refund.payment_id, at=at, but=but),
    )
    return reader.execute(statement).scalar_one()


def read_unknown_refunds(reader: Reader, *, before: datetime | None = None) -> UnknownRefunds:
    """Return those of all merchants, or of them those that were ordered before an instant."""
    statement = sa.select(sa.func.count(), sa.func.min(Refund.created_at)).where(
        Refund.next_check_at.is_not(None), Refund.status == "pending"
    )
    if before is not None:
        statement = statement.where(Refund.created_at < before)
    unknown_count, oldest_at = reader.execute(statement.execution_options(tenant_wide=True)).one()
    return UnknownRefunds(unknown_count, oldest_at)


def _within(scope: ReadScope) -> tuple[sa.ColumnElement[bool], ...]:
    of_merchant = Refund.merchant_id == scope.merchant_id
    return (of_merchant, is_within(scope, Refund.payment_id)) if isinstance(scope, Scope) else (of_merchant,)


def _chosen(scope: MerchantScope, status: str | None) -> sa.Select[Any]:
    statement = sa.select(*_COLUMNS).where(Refund.merchant_id == scope.merchant_id)
    return statement if status is None else statement.where(Refund.status == status)
