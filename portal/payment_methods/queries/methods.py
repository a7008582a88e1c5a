"""Reads of saved methods, for every face: one by id, lists by key. What may be shown of them; never a gateway's token."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.errors import NotFound
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import is_id
from portal.tenancy import ReadScope, Scope, within

ACTIVE = ("active",)
NOT_REMOVED = ("active", "expired")
ANY_STATUS = ("active", "expired", "removed")


class StoredMethod(NamedTuple):
    """A saved method with all that a merchant may read of it. `status` is active, removed, or expired where the merchant has left
    the gateway that keeps it; whether a card has run out is `rules.method_state`."""

    id: str
    customer_id: str
    gateway: str
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    holder: str | None
    phone: str | None
    bank_name: str | None
    nickname: str | None
    is_default: bool
    status: str
    last_used_at: datetime | None
    created_at: datetime
    removed_at: datetime | None


COLUMNS = [getattr(PaymentMethod, name) for name in StoredMethod._fields]
"""The columns of a StoredMethod, in its order."""


def get_method(reader: Reader, scope: ReadScope, method_id: str) -> StoredMethod:
    """Return one method that is not removed. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_method(reader, scope, method_id)
    if found is None:
        raise NotFound
    return found


def find_method(
    reader: Reader, scope: ReadScope, method_id: str, *, statuses: Collection[str] = NOT_REMOVED
) -> StoredMethod | None:
    """Return one method, if its status is one of `statuses`."""
    if not is_id("pm", method_id):
        return None
    row = reader.execute(_chosen(scope, statuses, None).where(PaymentMethod.id == method_id)).first()
    return StoredMethod._make(row) if row is not None else None


def find_default_method(reader: Reader, scope: Scope) -> StoredMethod | None:
    """Return the customer's default, which is always active."""
    row = reader.execute(_chosen(scope, ACTIVE, None).where(PaymentMethod.is_default == sa.true())).first()
    return StoredMethod._make(row) if row is not None else None


def list_methods(
    reader: Reader,
    scope: ReadScope,
    *,
    statuses: Collection[str] = NOT_REMOVED,
    customer_id: str | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredMethod]:
    """Return a page of the methods whose status is one of `statuses`, newest first; a cursor's key is a method's id."""
    return read_newest_first(
        reader,
        [_chosen(scope, statuses, customer_id)],
        StoredMethod._make,
        id_column=PaymentMethod.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def count_methods(
    reader: Reader,
    scope: ReadScope,
    *,
    most: int,
    statuses: Collection[str] = NOT_REMOVED,
    customer_id: str | None = None,
) -> int | None:
    """Return how many methods the same filters of `list_methods` admit, None for more than `most`."""
    return count_up_to(reader, [_chosen(scope, statuses, customer_id)], most, id_column=PaymentMethod.id)


def _chosen(scope: ReadScope, statuses: Collection[str], customer_id: str | None) -> sa.Select[Any]:
    statement = sa.select(*COLUMNS).where(*within(scope, PaymentMethod.merchant_id, PaymentMethod.customer_id))
    if customer_id is not None:
        statement = statement.where(PaymentMethod.customer_id == customer_id)
    # All but a few are among the statuses that are wanted: the list is read in its order and narrowed.
    return statement.where(PaymentMethod.status.in_(sorted(statuses)))
