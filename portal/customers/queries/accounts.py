"""Reads of customers for signing in: who may sign in, and who has the same address. Sign-in decides what verifies an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.database import Reader
from portal.tenancy import MerchantScope, Scope

_MAX_ACCOUNTS = 50

MAY_SIGN_IN = (Customer.deleted_at.is_(None), Customer.blocked == sa.false())
"""Conditions on `Customer` of who may sign in, and stay signed in."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer that may sign in, as whoever holds the mailbox of its address; `email` is empty where there is none."""

    id: str
    name: str | None
    company_name: str | None
    email: str
    locale: str | None


_COLUMNS = [getattr(Customer, name) for name in Account.__dataclass_fields__]


def find_account(reader: Reader, scope: Scope) -> Account | None:
    """Return the customer if it may sign in, None when it is unknown, blocked or deleted."""
    row = reader.execute(
        sa.select(*_COLUMNS).where(
            Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id, *MAY_SIGN_IN
        )
    ).first()
    return Account(row.id, row.name, row.company_name, row.email or "", row.locale) if row is not None else None


def list_accounts(reader: Reader, scope: MerchantScope, email_key: str) -> list[Account]:
    """Return who may sign in with an address, the one that was changed last first."""
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .where(Customer.merchant_id == scope.merchant_id, Customer.email_key == email_key, *MAY_SIGN_IN)
        .order_by(Customer.updated_at.desc(), Customer.id.desc())
        .limit(_MAX_ACCOUNTS)
    )
    return [Account(*row) for row in rows]


def list_accounts_beside(reader: Reader, scope: Scope) -> list[Account]:
    """Return who may sign in with the customer's own address, the customer among them; empty when it may not itself."""
    own = sa.orm.aliased(Customer)
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .join(own, sa.and_(own.merchant_id == Customer.merchant_id, own.email_key == Customer.email_key))
        .where(
            Customer.merchant_id == scope.merchant_id,
            own.merchant_id == scope.merchant_id,
            own.id == scope.customer_id,
            own.deleted_at.is_(None),
            own.blocked == sa.false(),
            *MAY_SIGN_IN,
        )
        .order_by(Customer.updated_at.desc(), Customer.id.desc())
        .limit(_MAX_ACCOUNTS)
    )
    return [Account(*row) for row in rows]


def select_account_ids(merchant_id: str) -> sa.Select[Any]:
    """Return the statement of the ids that may sign in, to stand inside another statement."""
    return sa.select(Customer.id).where(Customer.merchant_id == merchant_id, *MAY_SIGN_IN)
