"""Writes imported customers: new ones in bulk, changed ones one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.errors import InvalidCustomer
from portal.customers.models import Customer
from portal.customers.operations import changes_of
from portal.customers.queries.imported import lock_customers
from portal.customers.rules import NormalDetails, merged_document, normalise_details
from portal.events.operations import record_imported
from portal.events.rules import Event, EventType
from portal.importing.rules.customer_rows import ImportedCustomer
from portal.importing.rules.results import Change, Context, Refused, Verdict
from portal.public_ids import new_id
from portal.tenancy import MerchantScope


def write_customers(session: Session, context: Context, customers: Sequence[ImportedCustomer]) -> list[Verdict]:
    """Write the customers of a batch and tell what became of each.

    Who has the merchant's reference is that customer; without one, the mail address decides, then the phone. Two
    references with one mail address are two customers: the merchant's own reference is its word on who is who.
    """
    normal = [normalise_details(customer.details) for customer in customers]
    known = _Known(session, context.merchant.id, customers, normal)
    new: list[dict[str, Any]] = []
    events: list[Event] = []
    verdicts: list[Verdict] = []
    for customer, details in zip(customers, normal, strict=True):
        found = known.find(customer, details)
        if isinstance(found, Refused):
            verdicts.append(found)
        elif found is None:
            row = _row(context, customer, details)
            new.append(row)
            events.append(_event(context, EventType.CUSTOMER_CREATED, row["id"]))
            verdicts.append(Change.CREATED)
        else:
            verdict = _update(context, found, customer)
            if verdict is Change.UPDATED:
                events.append(_event(context, EventType.CUSTOMER_UPDATED, found.id))
            verdicts.append(verdict)
    session.flush()
    if new:
        session.execute(sa.insert(cast(sa.Table, Customer.__table__)), new)
    record_imported(session, events)
    return verdicts


class _Known:
    """The customers of the database that a batch may mean, locked, by each thing they go by."""

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
            phones={
                found["phone"]
                for found in columns
                if found.get("phone") and not (found.get("reference") or found.get("email_key"))
            },
        )
        self._by_id = {row.id: row for row in rows}
        self._by_reference = {row.reference: row for row in rows if row.reference}
        self._living = [row for row in rows if row.deleted_at is None]
        self._by_email: dict[str, list[Customer]] = {}
        self._by_phone: dict[str, list[Customer]] = {}
        for row in self._living:
            self._by_email.setdefault(row.email_key or "", []).append(row)
            self._by_phone.setdefault(row.phone or "", []).append(row)

    def find(self, customer: ImportedCustomer, details: NormalDetails) -> Customer | Refused | None:
        columns = details.columns
        if customer.id:
            found = self._by_id.get(customer.id)
            return _living(found) if found else Refused("there is no customer with this id")
        if columns.get("reference"):
            found = self._by_reference.get(columns["reference"])
            if found:
                return _living(found)
            # Somebody who signed up by mail only becomes the merchant's customer of that reference.
            nameless = [row for row in self._by_email.get(columns.get("email_key") or "-", []) if not row.reference]
            if len(nameless) == 1:
                self._by_reference[columns["reference"]] = nameless[0]
                return nameless[0]
            return None
        key, same = ("mail address", self._by_email.get(columns["email_key"], [])) if columns.get("email_key") else (
            "phone", self._by_phone.get(columns.get("phone") or "-", [])
        )  # fmt: skip
        if len(same) > 1:
            return Refused(f"more than one customer has this {key}; give a reference")
        return same[0] if same else None


def _living(found: Customer) -> Customer | Refused:
    return found if found.deleted_at is None else Refused("the customer was deleted")


def _update(context: Context, found: Customer, customer: ImportedCustomer) -> Verdict:
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
