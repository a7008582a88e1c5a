"""Writes imported customers: new ones in bulk, changed ones one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.errors import InvalidCustomer
from portal.customers.models import Customer
from portal.customers.operations import changes_of
from portal.customers.queries.imported import Identity, lock_customers
from portal.customers.rules.profiles import NormalDetails, merged_document, normalise_details
from portal.events.operations import record_imported
from portal.events.rules import Event, EventType
from portal.importing.operations.people import KnownPeople, taken
from portal.importing.rules.customer_rows import ImportedCustomer
from portal.importing.rules.results import Change, Context, Refused, WriteResult, Written
from portal.public_ids import new_id
from portal.tenancy import MerchantScope


def write_customers(session: Session, context: Context, customers: Sequence[ImportedCustomer]) -> Written:
    """Write the customers of a batch.

    Our id identifies the customer, else the merchant's reference, else the email address, else the phone. An address and a phone
    are one customer's (contract, section 5): a row that would give them to a second one is refused.
    """
    normal = [normalise_details(customer.details) for customer in customers]
    existing = _Existing(session, context.merchant.id, customers, normal)
    new: list[dict[str, Any]] = []
    events: list[Event] = []
    results: list[WriteResult] = []
    for customer, details in zip(customers, normal, strict=True):
        found = existing.find(customer, details)
        if isinstance(found, Refused):
            results.append(found)
        elif found is None:
            row = _row(context, customer, details)
            new.append(row)
            existing.add(row)
            events.append(_event(context, EventType.CUSTOMER_CREATED, row["id"]))
            results.append(Change.CREATED)
        else:
            result = _update(context, found, customer)
            if result is Change.UPDATED:
                existing.update(found)
                events.append(_event(context, EventType.CUSTOMER_UPDATED, found.id))
            results.append(result)
    session.flush()
    if new:
        session.execute(sa.insert(cast(sa.Table, Customer.__table__)), new)
    record_imported(session, events)
    return Written(results, [row["id"] for row in new])


class _Existing:
    """The customers in the database that a batch may refer to, locked, by each of their keys."""

    def __init__(
        self, session: Session, merchant_id: str, customers: Sequence[ImportedCustomer], normal: Sequence[NormalDetails]
    ) -> None:
        columns = [details.columns for details in normal]
        rows = lock_customers(
            session,
            MerchantScope(merchant_id),
            ids={customer.id for customer in customers if customer.id},
            references={found["reference"] for found in columns if found.get("reference")},
            email_keys={found["email_key"] for found in columns if found.get("email_key")},
            phones={found["phone"] for found in columns if found.get("phone")},
        )
        self._rows = {row.id: row for row in rows}
        self._known = KnownPeople(_identity_of(row) for row in rows)

    def add(self, row: dict[str, Any]) -> None:
        """Add a customer that the batch makes."""
        self._known.add(Identity(row["id"], row["reference"], row["email"], row["email_key"], row["phone"], False))

    def update(self, row: Customer) -> None:
        """Know a customer by what the batch has changed of it: who got a reference is nobody else's any more."""
        self._known.replace(_identity_of(row))

    def find(self, customer: ImportedCustomer, details: NormalDetails) -> Customer | Refused | None:
        """Return the customer of a row, None for a new one."""
        found = self._identity(customer, details)
        if isinstance(found, Refused):
            return found
        if found is not None and found.is_deleted:
            return Refused("the customer was deleted")
        stranger = self._stranger(details, found)
        if stranger is not None:
            return stranger
        if found is None:
            return None
        return self._rows.get(found.id) or Refused("the row is of a customer that another row of the file makes")

    def _identity(self, customer: ImportedCustomer, details: NormalDetails) -> Identity | Refused | None:
        columns, known = details.columns, self._known
        if customer.id:
            return known.by_id.get(customer.id) or Refused("there is no customer with this id")
        emails, phones = known.with_email(columns.get("email_key")), known.with_phone(columns.get("phone"))
        reference = columns.get("reference")
        if reference:
            return known.by_reference.get(reference) or _nameless(emails) or _nameless(phones, but_for_email=True)
        if len(emails) > 1:
            return Refused("more than one customer has this email address; give a reference")
        if emails or columns.get("email_key"):
            return emails[0] if emails else _nameless(phones, but_for_email=True)
        if len(phones) > 1:
            return Refused("more than one customer has this phone; give a reference")
        return phones[0] if phones else None

    def _stranger(self, details: NormalDetails, found: Identity | None) -> Refused | None:
        """Return the refusal of an address or a phone that is another customer's; those that a customer has already may stay."""
        columns = details.columns
        own_id = found.id if found else None
        for word, column, same in (
            ("email address", "email_key", self._known.with_email(columns.get("email_key"))),
            ("phone", "phone", self._known.with_phone(columns.get("phone"))),
        ):
            has_it = found is not None and getattr(found, column) == columns.get(column)
            others = [each for each in same if each.id != own_id]
            if others and not has_it:
                return Refused(taken(word, others[0]))
        return None


def _identity_of(row: Customer) -> Identity:
    return Identity(row.id, row.reference, row.email, row.email_key, row.phone, row.deleted_at is not None)


def _nameless(same: Sequence[Identity], *, but_for_email: bool = False) -> Identity | None:
    """Return the one customer who has no reference yet, and with `but_for_email` no email address either: somebody who signed up by
    mail or telephone only becomes the merchant's customer of a reference."""
    if len(same) != 1 or same[0].reference or (but_for_email and same[0].email_key):
        return None
    return same[0]


def _update(context: Context, found: Customer, customer: ImportedCustomer) -> WriteResult:
    try:
        changes = changes_of(found, customer.details)
    except InvalidCustomer as fault:
        return Refused(str(fault))
    for name, value in changes.items():
        setattr(found, name, value)
    if changes:
        found.updated_at = context.now
    return Change.UPDATED if changes else Change.UNCHANGED


def _row(context: Context, customer: ImportedCustomer, details: NormalDetails) -> dict[str, Any]:
    at = min(customer.created_at or context.now, context.now)
    columns: dict[str, Any] = {
        "reference": None, "type": "individual", "name": None, "company_name": None, "email": None, "email_key": None,
        "phone": None, "locale": None, "blocked": False, **details.columns,
    }  # fmt: skip
    documents = {
        name: merged_document(name, {}, details.documents.get(name, {}))
        for name in ("billing_address", "shipping_address", "fields", "metadata")
    }
    return {
        "merchant_id": context.merchant.id, "id": new_id("cus", at), **columns, **documents, "created_at": at,
        "updated_at": context.now, "deleted_at": None,
    }  # fmt: skip


def _event(context: Context, event_type: EventType, customer_id: str) -> Event:
    return Event(
        type=event_type,
        merchant_id=context.merchant.id,
        object_id=customer_id,
        customer_id=customer_id,
        at=context.now,
    )
