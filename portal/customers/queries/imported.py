"""Reads of customers for the import, which names very many at once by what its file has of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.models import Customer
from portal.database import Reader
from portal.tenancy import MerchantScope


class NamedCustomer(NamedTuple):
    """A customer by one of the things it goes by, `name`; `is_deleted` ones too, whose invoices still go by it."""

    name: str
    id: str
    is_deleted: bool


def lock_customers(
    session: Session,
    scope: MerchantScope,
    *,
    ids: Collection[str],
    references: Collection[str],
    email_keys: Collection[str],
    phones: Collection[str],
) -> list[Customer]:
    """Return the customers, deleted ones too, that go by any of these, by id, under their locks."""
    wanted = {
        Customer.id: ids, Customer.reference: references, Customer.email_key: email_keys, Customer.phone: phones,
    }  # fmt: skip
    named = [column.in_(sorted(values)) for column, values in wanted.items() if values]
    return list(
        session.scalars(
            sa.select(Customer)
            .where(Customer.merchant_id == scope.merchant_id, sa.or_(sa.false(), *named))
            .order_by(Customer.id)
            .with_for_update()
        )
    )


def list_by_reference(reader: Reader, scope: MerchantScope, references: Collection[str]) -> list[NamedCustomer]:
    """Return the customers of these references, by id."""
    return _named(reader, scope, Customer.reference, references)


def list_by_email_key(reader: Reader, scope: MerchantScope, email_keys: Collection[str]) -> list[NamedCustomer]:
    """Return the customers of these addresses (`rules.email_key`), by id; there may be several of one."""
    return _named(reader, scope, Customer.email_key, email_keys)


def find_ids(reader: Reader, scope: MerchantScope, names: Collection[str]) -> Mapping[str, str]:
    """Return the ids of the customers that these ids or references name, by name."""
    rows = reader.execute(
        sa.select(Customer.id, Customer.reference).where(
            Customer.merchant_id == scope.merchant_id, sa.or_(Customer.id.in_(names), Customer.reference.in_(names))
        )
    ).all()
    return {row.id: row.id for row in rows} | {row.reference: row.id for row in rows if row.reference}


def _named(reader: Reader, scope: MerchantScope, column: Any, names: Collection[str]) -> list[NamedCustomer]:
    if not names:
        return []
    rows = reader.execute(
        sa.select(column, Customer.id, Customer.deleted_at.is_not(None))
        .where(Customer.merchant_id == scope.merchant_id, column.in_(names))
        .order_by(Customer.id)
    )
    return [NamedCustomer(name, customer_id, bool(is_deleted)) for name, customer_id, is_deleted in rows]
