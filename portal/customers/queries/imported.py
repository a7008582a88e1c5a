"""Reads of customers for the import, which names very many at once by what its file has of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.models import Customer
from portal.database import Reader
from portal.tenancy import MerchantScope


class Identity(NamedTuple):
    """A customer by all that it goes by; deleted ones too, whose invoices still go by it. `email_key` is the address as it is compared
    (`rules.email_key`)."""

    id: str
    reference: str | None
    email: str | None
    email_key: str | None
    phone: str | None
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


def list_identities(
    reader: Reader,
    scope: MerchantScope,
    *,
    ids: Collection[str] = (),
    references: Collection[str] = (),
    email_keys: Collection[str] = (),
    phones: Collection[str] = (),
) -> list[Identity]:
    """Return the customers that go by any of these, by id; there may be several of one address or telephone number."""
    wanted = {Customer.id: ids, Customer.reference: references, Customer.email_key: email_keys, Customer.phone: phones}
    found: dict[str, Identity] = {}
    # A statement for each, so that each is read by its own index.
    for column, values in wanted.items():
        if values:
            rows = reader.execute(
                sa.select(
                    Customer.id,
                    Customer.reference,
                    Customer.email,
                    Customer.email_key,
                    Customer.phone,
                    Customer.deleted_at.is_not(None),
                ).where(Customer.merchant_id == scope.merchant_id, column.in_(sorted(values)))
            )
            found |= {row.id: Identity(*row[:-1], bool(row[-1])) for row in rows}
    return [found[customer_id] for customer_id in sorted(found)]
