"""Reads of persons: who may sign in with a mailbox, itself the account's or a person's of it; the persons of an account."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.customers.models import Customer
from portal.customers.queries.accounts import MAY_SIGN_IN, Account
from portal.database import Id, Instant, Reader
from portal.people.models import Person
from portal.people.rules import INVITATION_FOR, Role
from portal.public_ids import is_id
from portal.tenancy import MerchantScope, ReadScope, Scope, within

_MAX_ACCOUNTS = 50


class StoredPerson(NamedTuple):
    """A person as its row is; `removed_at` is None of a living one."""

    id: str
    customer_id: str
    email: str
    name: str | None
    role: str
    invited_by: str | None
    created_at: datetime
    invited_at: datetime
    joined_at: datetime | None
    signed_in_at: datetime | None
    removed_at: datetime | None
    declined_at: datetime | None


def list_accounts(reader: Reader, scope: MerchantScope, email_key: str, at: datetime) -> list[Account]:
    """Return the accounts that an address may sign in to, each once: first those whose own address it is, then those of which it is a
    person, each the one that was changed last first. One statement, whoever has the address."""
    return _read(reader, _WITH_KEY, {"merchant_id": scope.merchant_id, "email_key": email_key, **_open_after(at)})


def list_accounts_beside(reader: Reader, scope: Scope, person_id: str | None, at: datetime) -> list[Account]:
    """Return the accounts that the address of a customer, or of a person of it, may sign in to, this one among them; empty when it may not
    itself. The keys of addresses are equal; whether the mailboxes are, the caller decides."""
    parameters = {
        "merchant_id": scope.merchant_id,
        "customer_id": scope.customer_id,
        "person_id": person_id or "",
        **_open_after(at),
    }
    return _read(reader, _BESIDE, parameters)


def find_principal(reader: Reader, scope: Scope, person_id: str | None, at: datetime) -> Account | None:
    """Return the account as its own address, or a person of it, signs in to it; None where that may not sign in."""
    parameters = {
        "merchant_id": scope.merchant_id,
        "customer_id": scope.customer_id,
        "person_id": person_id or "",
        **_open_after(at),
    }
    found = _read(reader, _PRINCIPAL, parameters)
    return found[0] if found else None


def list_people(reader: Reader, scope: Scope) -> list[StoredPerson]:
    """Return the persons of an account that were not removed, invited ones too, the oldest first."""
    rows = reader.execute(
        sa.select(*_STORED)
        .where(*within(scope, Person.merchant_id, Person.customer_id), Person.removed_at.is_(None))
        .order_by(Person.created_at, Person.id)
    )
    return [StoredPerson._make(row) for row in rows]


def list_declined(reader: Reader, scope: Scope, since: datetime) -> list[StoredPerson]:
    """Return who declined an invitation to an account since an instant and was not invited again, the oldest first."""
    again = aliased(Person)
    is_there = sa.exists().where(
        again.merchant_id == scope.merchant_id, again.customer_id == scope.customer_id,
        again.email_key == Person.email_key, again.id > Person.id,
    )  # fmt: skip
    rows = reader.execute(
        sa.select(*_STORED)
        .where(*within(scope, Person.merchant_id, Person.customer_id), Person.declined_at >= since, ~is_there)
        .order_by(Person.created_at, Person.id)
    )
    return [StoredPerson._make(row) for row in rows]


def find_person(reader: Reader, scope: ReadScope, person_id: str) -> StoredPerson | None:
    """Return a person, removed or not; None for an id that is not within the scope."""
    if not is_id("per", person_id):
        return None
    row = reader.execute(
        sa.select(*_STORED).where(*within(scope, Person.merchant_id, Person.customer_id), Person.id == person_id)
    ).first()
    return StoredPerson._make(row) if row is not None else None


def name_people(reader: Reader, scope: Scope, person_ids: Collection[str]) -> dict[str, str]:
    """Return the name, or else the address, of persons of an account by id, removed ones too; reads nothing where none is given."""
    if not person_ids:
        return {}
    rows = reader.execute(
        sa.select(Person.id, Person.name, Person.email).where(
            *within(scope, Person.merchant_id, Person.customer_id), Person.id.in_(sorted(person_ids))
        )
    )
    return {row.id: row.name or row.email for row in rows}


_STORED = [getattr(Person, name) for name in StoredPerson._fields]
_MERCHANT: Any = sa.bindparam("merchant_id", type_=Id)
_CUSTOMER: Any = sa.bindparam("customer_id", type_=Id)
_PERSON: Any = sa.bindparam("person_id", type_=Id)
_OWN_COLUMNS: tuple[Any, ...] = (
    sa.literal_column("0").label("place"), Customer.id, Customer.name, Customer.company_name, Customer.email, Customer.locale,
    sa.null().cast(Id).label("person_id"), sa.literal_column(f"'{Role.OWNER}'").label("role"), Customer.updated_at,
)  # fmt: skip
_PERSON_COLUMNS: tuple[Any, ...] = (
    sa.literal_column("1").label("place"), Customer.id, Customer.name, Customer.company_name, Person.email, Customer.locale,
    Person.id.label("person_id"), Person.role, Customer.updated_at,
)  # fmt: skip
_IS_LIVE = (
    Person.merchant_id == _MERCHANT,
    Person.removed_at.is_(None),
    sa.or_(Person.joined_at.is_not(None), Person.invited_at > sa.bindparam("invited_after", type_=Instant())),
)
_OF_CUSTOMER = sa.and_(
    Customer.merchant_id == Person.merchant_id, Customer.id == Person.customer_id, Customer.merchant_id == _MERCHANT
)


def _own(*conditions: Any) -> sa.Select[Any]:
    return sa.select(*_OWN_COLUMNS).where(Customer.merchant_id == _MERCHANT, *MAY_SIGN_IN, *conditions)


def _personal(*conditions: Any) -> sa.Select[Any]:
    return sa.select(*_PERSON_COLUMNS).join_from(Person, Customer, _OF_CUSTOMER).where(*_IS_LIVE, *MAY_SIGN_IN, *conditions)  # fmt: skip


def _both(own: sa.Select[Any], personal: sa.Select[Any]) -> sa.Select[Any]:
    found = sa.union_all(own, personal).subquery()
    return sa.select(found).order_by(found.c.place, found.c.updated_at.desc(), found.c.id.desc()).limit(_MAX_ACCOUNTS)


def _key_of_principal() -> Any:
    """The key of the mailbox of the customer and person that the parameters name, while it may sign in."""
    own, of_account = sa.orm.aliased(Customer), sa.orm.aliased(Customer)
    person = sa.orm.aliased(Person)
    may_own = (own.merchant_id == _MERCHANT, own.id == _CUSTOMER, own.deleted_at.is_(None), own.blocked == sa.false())
    is_of_account = sa.and_(of_account.merchant_id == person.merchant_id, of_account.id == person.customer_id)
    of_person = (
        sa.select(person.email_key)
        .join_from(person, of_account, is_of_account)
        .where(
            person.merchant_id == _MERCHANT,
            of_account.merchant_id == _MERCHANT,
            person.id == _PERSON,
            person.customer_id == _CUSTOMER,
            person.removed_at.is_(None),
            sa.or_(person.joined_at.is_not(None), person.invited_at > sa.bindparam("invited_after", type_=Instant())),
            of_account.deleted_at.is_(None),
            of_account.blocked == sa.false(),
        )
    )
    return sa.case(
        (_PERSON == "", sa.select(own.email_key).where(*may_own).scalar_subquery()), else_=of_person.scalar_subquery()
    )


_KEY: Any = sa.bindparam("email_key", type_=Id)
_WITH_KEY = _both(_own(Customer.email_key == _KEY), _personal(Person.email_key == _KEY))
_BESIDE = _both(_own(Customer.email_key == _key_of_principal()), _personal(Person.email_key == _key_of_principal()))
_PRINCIPAL = _both(
    _own(Customer.id == _CUSTOMER, _PERSON == ""), _personal(Person.customer_id == _CUSTOMER, Person.id == _PERSON)
)


def _open_after(at: datetime) -> dict[str, datetime]:
    return {"invited_after": at - INVITATION_FOR}


def _read(reader: Reader, statement: sa.Select[Any], parameters: dict[str, Any]) -> list[Account]:
    rows = reader.execute(statement, parameters)
    return _each_once(
        Account(row.id, row.name, row.company_name, row.email or "", row.locale, row.person_id, row.role)
        for row in rows
    )


def _each_once(accounts: Iterable[Account]) -> list[Account]:
    """Return each customer once: whoever has its own address is no person of it beside that."""
    found: dict[str, Account] = {}
    for account in accounts:
        found.setdefault(account.id, account)
    return list(found.values())
