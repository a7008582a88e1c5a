"""Reads of refunds, for every face: one by id, those of payments, lists by key; and the operator's counts over all merchants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.errors import NotFound
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.payments.queries.at_gateways import is_at_gateway
from portal.payments.queries.payments import is_of_customer
from portal.public_ids import is_id
from portal.refunds.models import Refund
from portal.refunds.rules import RefundStatus
from portal.tenancy import MerchantScope, ReadScope, Scope, parameters_of


class StoredRefund(NamedTuple):
    """A refund with all that a merchant may read of it; amounts in minor units of `currency`. `status` is pending, complete or
    failed; `sent_at` is None of a refund that was made elsewhere."""

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
    """Refunds whose outcome the gateway has yet to report, and when the oldest of them was created."""

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
    """Return one refund; it belongs to the customer of its payment."""
    if not is_id("re", refund_id):
        return None
    row = reader.execute(_ONE[type(scope)], {**parameters_of(scope), "id": refund_id}).first()
    return StoredRefund._make(row) if row is not None else None


def list_refunds_of(reader: Reader, scope: ReadScope, payment_ids: Collection[str]) -> Mapping[str, list[StoredRefund]]:
    """Return all refunds of those of these payments that are within the scope, by payment, oldest first."""
    found: dict[str, list[StoredRefund]] = {payment_id: [] for payment_id in payment_ids}
    if not found:
        return found
    rows = reader.execute(_OF_PAYMENTS[type(scope)], {**parameters_of(scope), "payment_ids": sorted(found)})
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
    """Return the refunded amount of each of these payments, in minor units; payments without a complete refund are missing."""
    rows = reader.execute(_COMPLETED, {**parameters_of(scope), "payment_ids": payment_ids})
    return {payment_id: int(amount) for payment_id, amount in rows}


def count_pending(
    reader: Reader, scope: MerchantScope, *, gateways: Collection[str] = (), other_than: Collection[str] = ()
) -> int:
    """Return how many refunds have no outcome yet: of payments at these `gateways` (empty: at any), `other_than` some of them."""
    statement = sa.select(sa.func.count()).where(
        Refund.merchant_id == scope.merchant_id,
        Refund.status == "pending",
        is_at_gateway(scope, Refund.payment_id, gateways=gateways, other_than=other_than),
    )
    return reader.execute(statement).scalar_one()


def read_unknown_refunds(reader: Reader, *, before: datetime | None = None) -> UnknownRefunds:
    """Return those of all merchants, or only those that were created before an instant."""
    statement = sa.select(sa.func.count(), sa.func.min(Refund.created_at)).where(
        Refund.next_check_at.is_not(None), Refund.status == "pending"
    )
    if before is not None:
        statement = statement.where(Refund.created_at < before)
    unknown_count, oldest_at = reader.execute(statement.execution_options(tenant_wide=True)).one()
    return UnknownRefunds(unknown_count, oldest_at)


def _within_each(statement: sa.Select[Any]) -> Mapping[type[ReadScope], sa.Select[Any]]:
    """Return the statement within a scope of either type: a refund's own row does not name the customer."""
    of_merchant = statement.where(_R.merchant_id == sa.bindparam("merchant_id"))
    return MappingProxyType({MerchantScope: of_merchant, Scope: of_merchant.where(is_of_customer(_R.payment_id))})


# Built once: building a statement costs as much as running it.
_R = table_of(Refund).c
_STORED = sa.select(*(_R[name] for name in StoredRefund._fields))
_ONE = _within_each(_STORED.where(_R.id == sa.bindparam("id")))
_OF_PAYMENTS = _within_each(_STORED.where(_R.payment_id.in_(sa.bindparam("payment_ids", expanding=True))))
_COMPLETED = (
    sa.select(_R.payment_id, sa.func.sum(_R.amount))
    .where(
        _R.merchant_id == sa.bindparam("merchant_id"),
        _R.payment_id.in_(sa.bindparam("payment_ids", expanding=True)),
        _R.status == RefundStatus.COMPLETE,
    )
    .group_by(_R.payment_id)
)


def _chosen(scope: MerchantScope, status: str | None) -> sa.Select[Any]:
    statement = sa.select(*_COLUMNS).where(Refund.merchant_id == scope.merchant_id)
    return statement if status is None else statement.where(Refund.status == status)
