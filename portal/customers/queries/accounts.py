"""Reads of customers for signing in: who may sign in, and who has the same address. Sign-in decides what verifies an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.customers.rules.profiles import CustomerName, email_key, is_same_mailbox
from portal.database import Reader
from portal.tenancy import MerchantScope, ReadScope, Scope, within

_MAX_ACCOUNTS = 50

MAY_SIGN_IN = (Customer.deleted_at.is_(None), Customer.blocked == sa.false())
"""Conditions on `Customer` of who may sign in, and stay signed in."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer that may sign in, as whoever holds the mailbox of its address; `email` is empty where there is none.

    Where a person of its account signs in, `person_id` and `role` are the person's, and so is `email`.
    """

    id: str
    name: str | None
    company_name: str | None
    email: str
    locale: str | None
    person_id: str | None = None
    role: str = "owner"


_COLUMNS = [Customer.id, Customer.name, Customer.company_name, Customer.email, Customer.locale]


def find_account(reader: Reader, scope: Scope) -> Account | None:
    """Return the customer if it may sign in, None when it is unknown, blocked or deleted."""
    found = _list_accounts(reader, scope, Customer.id == scope.customer_id)
    return found[0] if found else None


def list_named_accounts(reader: Reader, scope: MerchantScope, name: CustomerName) -> list[Account]:
    """Return who may sign in of those whom the name means: one at most by id or reference, several perhaps by email address.

    An id and a reference are compared as they are: nothing is trimmed or folded, so that no two names are one customer's. An address
    has to be the stored mailbox, not only equal to it under `email_key` (threats 18).
    """
    if name.email is not None:
        accounts = _list_accounts(reader, scope, Customer.email_key == email_key(name.email))
        return [account for account in accounts if is_same_mailbox(account.email, name.email)]
    return _list_accounts(reader, scope, _is_named(name))


def list_named_ids(reader: Reader, scope: MerchantScope, name: CustomerName) -> list[str]:
    """Return the ids of all whom the name means, blocked and deleted ones too, by id."""
    rows = reader.execute(
        sa.select(Customer.id, Customer.email)
        .where(Customer.merchant_id == scope.merchant_id, _is_named(name))
        .order_by(Customer.id)
    )
    return [row.id for row in rows if name.email is None or is_same_mailbox(row.email or "", name.email)]


def select_account_ids(merchant_id: str) -> sa.Select[Any]:
    """Return the statement of the ids that may sign in, to stand inside another statement."""
    return sa.select(Customer.id).where(Customer.merchant_id == merchant_id, *MAY_SIGN_IN)


def _is_named(name: CustomerName) -> sa.ColumnElement[bool]:
    if name.id is not None:
        return Customer.id == name.id
    if name.reference is not None:
        return Customer.reference == name.reference
    return Customer.email_key == email_key(name.email or "")


def _list_accounts(reader: Reader, scope: ReadScope, *conditions: sa.ColumnElement[bool]) -> list[Account]:
    rows = reader.execute(
        sa.select(*_COLUMNS)
        .where(*within(scope, Customer.merchant_id, Customer.id), *conditions, *MAY_SIGN_IN)
        .order_by(Customer.updated_at.desc(), Customer.id.desc())
        .limit(_MAX_ACCOUNTS)
    )
    return [Account(row.id, row.name, row.company_name, row.email or "", row.locale) for row in rows]
