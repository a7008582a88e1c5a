"""Reads of customers, for every face: one by id or by the merchant's reference, lists by key. Plain rows, never objects of a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.customers.errors import CustomerDeleted, UnknownCustomer
from portal.customers.models import Customer
from portal.customers.rules.profiles import email_key
from portal.database import Reader, table_of
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.public_ids import first_id, is_id
from portal.tenancy import MerchantScope, ReadScope, Scope, parameters_of, within


class StoredCustomer(NamedTuple):
    """A customer with all that a merchant may read of it; `deleted_at` is None of a living one."""

    id: str
    reference: str | None
    type: str
    name: str | None
    company_name: str | None
    email: str | None
    email_pending: str | None
    phone: str | None
    locale: str | None
    billing_address: dict[str, Any]
    shipping_address: dict[str, Any]
    tax_ids: list[dict[str, str]]
    purchase_order: str | None
    timezone: str | None
    fields: dict[str, Any]
    metadata: dict[str, Any]
    blocked: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Contact(NamedTuple):
    """How a customer is addressed, in mails, on invoices and at gateways. `phone` is in E.164."""

    name: str | None
    company_name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    billing_address: dict[str, Any]
    tax_ids: list[dict[str, str]]
    purchase_order: str | None
    deleted_at: datetime | None


_COLUMNS = [getattr(Customer, "custom_metadata" if name == "metadata" else name) for name in StoredCustomer._fields]
_IS_LIVING = Customer.deleted_at.is_(None)


def get_customer(reader: Reader, scope: ReadScope, customer_id: str) -> StoredCustomer:
    """Return the living customer of an id. Raises UnknownCustomer, or CustomerDeleted for one that was deleted."""
    found = _find(reader, scope, Customer.id == customer_id) if is_id("cus", customer_id) else None
    if found is None:
        raise UnknownCustomer
    if found.deleted_at is not None:
        raise CustomerDeleted
    return found


def find_customer(reader: Reader, scope: ReadScope, customer_id: str) -> StoredCustomer | None:
    """Return the living customer of an id, None for a deleted, an unknown and a malformed one alike."""
    return _find(reader, scope, Customer.id == customer_id, _IS_LIVING) if is_id("cus", customer_id) else None


def find_customer_by_reference(reader: Reader, scope: ReadScope, reference: str) -> StoredCustomer | None:
    """Return the living customer whom the merchant calls `reference`."""
    return _find(reader, scope, Customer.reference == reference, _IS_LIVING)


def list_customers(
    reader: Reader,
    scope: ReadScope,
    *,
    email: str | None = None,
    phone: str | None = None,
    reference: str | None = None,
    created_after: datetime | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredCustomer]:
    """Return a page of the living customers, newest first; a cursor's key is a customer's id.

    `email` is compared as sign-in compares addresses, `phone` is in E.164, `created_after` excludes its own instant.
    """
    return read_newest_first(
        reader,
        [_chosen(scope, email, phone, reference, created_after)],
        StoredCustomer._make,
        id_column=Customer.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def count_customers(
    reader: Reader,
    scope: ReadScope,
    *,
    most: int,
    email: str | None = None,
    phone: str | None = None,
    reference: str | None = None,
    created_after: datetime | None = None,
) -> int | None:
    """Return how many customers the same filters of `list_customers` admit, None for more than `most`."""
    return count_up_to(reader, [_chosen(scope, email, phone, reference, created_after)], most, id_column=Customer.id)


def list_customers_by_email(reader: Reader, scope: MerchantScope, address: str) -> list[StoredCustomer]:
    """Return all living customers of an email address, oldest first; there may be several, and they are never many."""
    statement = _chosen(scope, address, None, None, None).order_by(Customer.id)
    return [StoredCustomer._make(row) for row in reader.execute(statement)]


def list_with_address(reader: Reader, scope: MerchantScope, *, after: str, limit: int) -> list[str]:
    """Return ids of a merchant's customers to whom mail can be sent, those after an id ("" from the first), in their order."""
    parameters = {"merchant_id": scope.merchant_id, "after_id": after, "limit": limit}
    return list(reader.execute(_WITH_ADDRESS, parameters).scalars())


def list_customers_by_ids(reader: Reader, scope: MerchantScope, ids: Sequence[str]) -> list[StoredCustomer]:
    """Return the living ones of these customers."""
    statement = _chosen(scope, None, None, None, None).where(Customer.id.in_(ids))
    return [StoredCustomer._make(row) for row in reader.execute(statement)]


def get_contact(reader: Reader, scope: Scope) -> Contact:
    """Return how the customer is addressed, deleted or not: what was ordered before is still carried out. Raises NoResultFound."""
    return Contact._make(reader.execute(_CONTACT, parameters_of(scope)).one())


_CUSTOMERS = table_of(Customer).c
_WITH_ADDRESS = (
    sa.select(_CUSTOMERS.id)
    .where(
        _CUSTOMERS.merchant_id == sa.bindparam("merchant_id"),
        _CUSTOMERS.id > sa.bindparam("after_id"),
        _CUSTOMERS.email.is_not(None),
        _CUSTOMERS.deleted_at.is_(None),
    )
    .order_by(_CUSTOMERS.id)
    .limit(sa.bindparam("limit"))
)
_CONTACT = sa.select(*(_CUSTOMERS[name] for name in Contact._fields)).where(
    _CUSTOMERS.merchant_id == sa.bindparam("merchant_id"), _CUSTOMERS.id == sa.bindparam("customer_id")
)


def _find(reader: Reader, scope: ReadScope, *conditions: sa.ColumnElement[bool]) -> StoredCustomer | None:
    statement = sa.select(*_COLUMNS).where(*within(scope, Customer.merchant_id, Customer.id), *conditions)
    row = reader.execute(statement).first()
    return StoredCustomer._make(row) if row is not None else None


def _chosen(
    scope: ReadScope, email: str | None, phone: str | None, reference: str | None, created_after: datetime | None
) -> sa.Select[Any]:
    statement = sa.select(*_COLUMNS).where(*within(scope, Customer.merchant_id, Customer.id), _IS_LIVING)
    if email is not None:
        statement = statement.where(Customer.email_key == email_key(email))
    if phone is not None:
        statement = statement.where(Customer.phone == phone)
    if reference is not None:
        statement = statement.where(Customer.reference == reference)
    if created_after is not None:
        # The id carries the millisecond, so that its index is entered there; the column has the rest.
        statement = statement.where(Customer.id >= first_id("cus", created_after), Customer.created_at > created_after)
    return statement
