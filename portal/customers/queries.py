"""Reads of customers: by id, by mail address, by the merchant's own reference."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from portal.customers.errors import CustomerDeleted, UnknownCustomer
from portal.customers.models import Customer
from portal.customers.rules import email_key
from portal.database import Reader
from portal.public_ids import is_id


@dataclass(frozen=True, slots=True)
class CustomerIdentity:
    """Id, names, address and language of a customer."""

    id: str
    reference: str | None
    name: str | None
    company_name: str | None
    email: str | None
    locale: str | None
    blocked: bool


_COLUMNS = [getattr(Customer, name) for name in CustomerIdentity.__dataclass_fields__]


def get_customer(reader: Reader, merchant_id: str, customer_id: str) -> CustomerIdentity:
    """Return the customer of an id. Raises UnknownCustomer, or CustomerDeleted for one that was deleted."""
    if not is_id("cus", customer_id):
        raise UnknownCustomer
    row = reader.execute(
        sa.select(*_COLUMNS, Customer.deleted_at).where(Customer.merchant_id == merchant_id, Customer.id == customer_id)
    ).first()
    if row is None:
        raise UnknownCustomer
    if row.deleted_at is not None:
        raise CustomerDeleted
    return CustomerIdentity(*row[:-1])


def list_customers_by_email(reader: Reader, merchant_id: str, address: str) -> list[CustomerIdentity]:
    """Return the customers of a mail address that are not deleted, oldest first; there may be several."""
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .where(
            Customer.merchant_id == merchant_id, Customer.email_key == email_key(address), Customer.deleted_at.is_(None)
        )
        .order_by(Customer.id)
    )
    return [CustomerIdentity(*row) for row in rows]


def find_customer_by_reference(reader: Reader, merchant_id: str, reference: str) -> CustomerIdentity | None:
    """Return the customer with the merchant's own `reference`; None when there is none or it was deleted."""
    row = reader.execute(
        sa.select(*_COLUMNS).where(
            Customer.merchant_id == merchant_id, Customer.reference == reference, Customer.deleted_at.is_(None)
        )
    ).first()
    return CustomerIdentity(*row) if row else None
