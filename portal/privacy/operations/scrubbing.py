"""Takes a customer's personal data out of every table, a batch a transaction, as the registry says. It may be repeated, and interrupted:
what was done stays done, and doing it again changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.crash_points import CrashPoint, do_nothing
from portal.customers.models import Customer
from portal.customers.rules.profiles import mailbox_of
from portal.database import Database, table_of
from portal.events.models import EventRecord
from portal.migrations import all_tables
from portal.people.models import Person
from portal.privacy.queries import owned_by
from portal.privacy.rules.registry import OF_CUSTOMER, TREATMENTS, Treatment, is_pseudonym, scrub_payload
from portal.sign_in.models import Challenge, EmailChange, SignInRequest
from portal.sign_in.rules import tokens
from portal.tenancy import Scope

_BATCH = 500
"""Rows of a transaction: a page that waits for it waits for milliseconds."""
_IN_RANGE = 5000
"""The same of rows that lie beside each other."""
_OF_CUSTOMER = 2


def scrub(
    database: Database,
    keys: tokens.Keys,
    scope: Scope,
    reached: CrashPoint = do_nothing,
    *,
    but_methods: Collection[str] = (),
) -> None:
    """Erase what the registry names, table by table. `keys` are the installation's secrets, by which addresses are recognised;
    `reached` is called after each batch, with the table's name. The saved methods `but_methods` are left for later."""
    tables = all_tables().tables
    database.run(lambda session: _forget_addresses(session, keys, scope))
    reached("erasure.addresses")
    for name, treatment in TREATMENTS.items():
        if treatment.act == "delete":
            _delete_all(database, scope, tables[name], treatment, reached)
        elif treatment.act in ("clear", "payload"):
            without = but_methods if name == "payment_methods" else ()
            _clear_all(database, scope, tables[name], treatment, reached, without)


def _delete_all(database: Database, scope: Scope, table: sa.Table, treatment: Treatment, reached: CrashPoint) -> None:
    """Delete the rows of a table in the order of their keys."""
    while database.run(partial(_delete_first, scope, table, treatment)):
        reached(f"erasure.{table.name}")
    reached(f"erasure.{table.name}")


def _delete_first(scope: Scope, table: sa.Table, treatment: Treatment, session: Session) -> bool:
    """Delete the first batch; return whether there may be more."""
    mine = owned_by(table, treatment.owner, scope)
    key = list(table.primary_key.columns)
    if [column.name for column in key[:2]] == ["merchant_id", "customer_id"] and len(key) > _OF_CUSTOMER:
        # The customer's rows are a range of the key: there may be hundreds of thousands.
        rest = key[_OF_CUSTOMER:]
        last = session.execute(sa.select(*rest).where(mine).order_by(*rest).offset(_IN_RANGE - 1).limit(1)).first()
        bounds = () if last is None else (sa.tuple_(*rest) <= sa.tuple_(*last),)
        session.execute(sa.delete(table).where(mine, *bounds))
        return last is not None
    rows = session.execute(sa.select(*key).where(mine).order_by(*key).limit(_BATCH)).all()
    if rows:
        these = sa.tuple_(*key).in_([tuple(row) for row in rows])
        session.execute(sa.delete(table).where(table.c.merchant_id == scope.merchant_id, these))
    return len(rows) == _BATCH


def _clear_all(
    database: Database,
    scope: Scope,
    table: sa.Table,
    treatment: Treatment,
    reached: CrashPoint,
    without: Collection[str],
) -> None:
    """Clear the rows of a table in the order of their ids."""
    after = ""
    while True:
        ids = database.run(partial(_clear_after, scope, table, treatment, after, without))
        reached(f"erasure.{table.name}")
        if len(ids) < _BATCH:
            return
        after = ids[-1]


def _order_of(table: sa.Table) -> sa.Column[Any]:
    return table.c.id if "id" in table.c else table.c.invoice_id


def _clear_after(
    scope: Scope, table: sa.Table, treatment: Treatment, after: str, without: Collection[str], session: Session
) -> Sequence[str]:
    """Clear the next batch; return its ids."""
    column = _order_of(table)
    condition = [owned_by(table, treatment.owner, scope), column > after, column.not_in(sorted(without))]
    if treatment.unless is not None:
        condition.append(table.c[treatment.unless[0]].not_in(treatment.unless[1]))
    if treatment.only is not None:
        condition.append(table.c[treatment.only[0]].in_(treatment.only[1]))
    ids = session.execute(sa.select(column).distinct().where(*condition).order_by(column).limit(_BATCH)).scalars().all()
    if not ids:
        return ids
    if treatment.act == "payload":
        _blank_payloads(session, scope, ids)
        return ids
    if table.name == "customers":
        _forget_reference(session, scope)
    values = {name: _or_null(table.c[name], value) for name, value in treatment.values.items()}
    session.execute(
        sa.update(table).where(table.c.merchant_id == scope.merchant_id, column.in_(ids)).values(values),
        execution_options={"synchronize_session": False},
    )
    return ids


def _or_null(column: sa.Column[Any], value: Any) -> Any:
    """Return the value to write: what is null stays null, so that an index over what is not has no more rows than before."""
    if value is None or not column.nullable:
        return value
    return sa.case((column.is_(None), None), else_=sa.literal(value, column.type))


def _blank_payloads(session: Session, scope: Scope, ids: Sequence[str]) -> None:
    table = table_of(EventRecord)
    rows = session.execute(
        sa.select(table.c.id, table.c.data).where(table.c.merchant_id == scope.merchant_id, table.c.id.in_(ids))
    ).all()
    changed = [{"of_id": row.id, "data": data} for row in rows if (data := scrub_payload(row.data)) != row.data]
    if changed:
        session.connection().execute(
            sa.update(table)
            .where(table.c.merchant_id == scope.merchant_id, table.c.id == sa.bindparam("of_id"))
            .values(data=sa.bindparam("data")),
            changed,
        )


def _forget_reference(session: Session, scope: Scope) -> None:
    table = table_of(Customer)
    mine = owned_by(table, OF_CUSTOMER, scope)
    row = session.execute(
        sa.select(table.c.reference, table.c.name, table.c.company_name, table.c.email, table.c.phone).where(mine)
    ).one()
    if row.reference is not None and not is_pseudonym(row.reference, names=tuple(row[1:])):
        session.execute(sa.update(table).where(mine).values(reference=None))


def _forget_addresses(session: Session, keys: tokens.Keys, scope: Scope) -> None:
    """Delete the challenges of the customer's addresses that name no customer: they show a part of the address."""
    changes = sa.select(EmailChange.old_email, EmailChange.new_email).where(
        EmailChange.merchant_id == scope.merchant_id, EmailChange.customer_id == scope.customer_id
    )
    own = sa.select(Customer.email, Customer.email_pending).where(owned_by(table_of(Customer), OF_CUSTOMER, scope))
    persons = sa.select(Person.email).where(
        Person.merchant_id == scope.merchant_id, Person.customer_id == scope.customer_id
    )
    found = (*session.execute(own), *session.execute(changes), *session.execute(persons))
    addresses = {address for row in found for address in row if address}
    digests = [
        tokens.address_digest((key,), scope.merchant_id, mailbox_of(address)) for address in addresses for key in keys
    ]
    challenges, requests = table_of(Challenge), table_of(SignInRequest)
    # Those of another customer who has the same address are that customer's.
    of_addresses = (
        challenges.c.merchant_id == scope.merchant_id, challenges.c.customer_id.is_(None),
        challenges.c.address_digest.in_(digests),
    )  # fmt: skip
    session.execute(
        sa.delete(requests).where(
            requests.c.merchant_id == scope.merchant_id,
            requests.c.challenge_id.in_(sa.select(challenges.c.id).where(*of_addresses)),
        )
    )
    session.execute(sa.delete(challenges).where(*of_addresses))
