"""What is done with customers: create, update, block and delete them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.errors import (
    CustomerDeleted,
    DetailsChanged,
    DuplicateCustomer,
    InvalidCustomer,
    NoMergeProposed,
    UnknownCustomer,
)
from portal.customers.models import Customer
from portal.customers.queries.accounts import MAY_SIGN_IN
from portal.customers.queries.merges import list_merge_proposals
from portal.customers.rules.profiles import CustomerDetails, email_key, merged_document, normalise_details
from portal.customers.rules.typed_details import details_digest
from portal.customers.shapes import shape_customer
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.merchants.queries import lock_merchant
from portal.public_ids import new_id
from portal.tenancy import MerchantScope, Scope

_ATTRIBUTES = {"metadata": "custom_metadata"}


def create_customer(
    session: Session,
    merchant_id: str,
    details: CustomerDetails,
    *,
    actor: Actor,
    at: datetime,
    allow_duplicate: bool = False,
) -> str:
    """Create a customer with an email address, a phone or a reference; return its id, which carries the time `at`.

    Raises InvalidCustomer, and DuplicateCustomer when another one has the address, the phone or the reference; with
    `allow_duplicate` only the reference must be unique.
    """
    normal = normalise_details(details)
    columns = normal.columns
    if not (columns.get("email") or columns.get("phone") or columns.get("reference")):
        raise InvalidCustomer("email", "a customer needs an email, a phone or a reference")
    _refuse_duplicates(
        session, merchant_id, columns, ("reference",) if allow_duplicate else ("reference", "email", "phone")
    )
    documents = {_ATTRIBUTES.get(name, name): merged_document(name, {}, new) for name, new in normal.documents.items()}
    customer_id = new_id("cus", at)
    customer = Customer(merchant_id=merchant_id, id=customer_id, created_at=at, updated_at=at, **columns, **documents)
    session.add(customer)
    _record(session, customer, EventType.CUSTOMER_CREATED, actor, at)
    return customer_id


def update_customer(
    session: Session,
    merchant_id: str,
    customer_id: str,
    details: CustomerDetails,
    *,
    actor: Actor,
    at: datetime,
    allow_duplicate: bool = False,
) -> bool:
    """Change what is given; return whether that changed anything.

    Raises InvalidCustomer, UnknownCustomer, CustomerDeleted, and DuplicateCustomer when another customer has the new reference, address
    or telephone; with `allow_duplicate` only the reference must be unique.
    """
    customer = _lock_living(session, merchant_id, customer_id)
    changes = changes_of(customer, details)
    if not changes:
        return False
    unique = ("reference",) if allow_duplicate else ("reference", "email", "phone")
    _refuse_duplicates(session, merchant_id, changes, unique, but=customer_id)
    before = shape_customer(session, customer)
    for name, value in changes.items():
        setattr(customer, name, value)
    if "email" in changes:
        customer.email_pending = None  # What the customer wanted before is not what the merchant set now.
    customer.updated_at = at
    after = shape_customer(session, customer)
    previous = {name: value for name, value in before.items() if after[name] != value and name != "updated_at"}
    _record(session, customer, EventType.CUSTOMER_UPDATED, actor, at, previous, changed=sorted(previous))
    return True


def change_details(
    session: Session, scope: Scope, details: CustomerDetails, *, seen: str, actor: Actor, at: datetime
) -> bool:
    """Store what a customer typed about itself, and that it looked at its details; return whether anything changed.

    `seen` is the digest of what was shown (`details_digest`). A telephone may be another customer's too: whoever types one learns
    nothing about others. Raises DetailsChanged, InvalidCustomer, UnknownCustomer, CustomerDeleted.
    """
    customer = _lock_living(session, scope.merchant_id, scope.customer_id)
    if details_digest(_by_column(customer)) != seen:
        raise DetailsChanged
    customer.details_confirmed_at = at
    return update_customer(
        session, scope.merchant_id, scope.customer_id, details, actor=actor, at=at, allow_duplicate=True
    )


def expect_email(session: Session, scope: Scope, address: str | None, *, actor: Actor, at: datetime) -> None:
    """Note the address that the customer wants to have and has not proved yet; None where it does not any more."""
    customer = _lock_living(session, scope.merchant_id, scope.customer_id)
    if customer.email_pending != address:
        customer.email_pending, customer.updated_at = address, at
        if address is not None:
            _record(session, customer, EventType.CUSTOMER_EMAIL_CHANGE_REQUESTED, actor, at)


def change_email(
    session: Session,
    scope: Scope,
    address: str | None,
    *,
    event_type: EventType,
    actor: Actor,
    at: datetime,
    change: str | None = None,
) -> str | None:
    """Give the customer an address that was proved, or back the one before; return the one that it had. `change` is the id of what can be
    undone, for whoever hears of the event.

    Several customers may have one address: whoever proves it chooses among them when signing in. Raises UnknownCustomer, CustomerDeleted.
    """
    customer = _lock_living(session, scope.merchant_id, scope.customer_id)
    before = shape_customer(session, customer)
    customer.email, customer.email_key = address, email_key(address) if address else None
    customer.email_pending, customer.updated_at = None, at
    same = session.execute(
        sa.select(Customer.id)
        .where(
            Customer.merchant_id == scope.merchant_id, Customer.email_key == customer.email_key,
            Customer.id != customer.id, Customer.deleted_at.is_(None),
        )
        .order_by(Customer.id)
        .limit(10)
    ).scalars()  # fmt: skip
    previous = {name: before[name] for name in ("email", "email_pending")}
    _record(session, customer, event_type, actor, at, previous, same_address=list(same), change=change)
    return before["email"] and str(before["email"])


def dismiss_merge(
    session: Session, scope: MerchantScope, customer_id: str, other_id: str, *, actor: Actor, at: datetime
) -> None:
    """Remember that these are two customers: their merge is not proposed again, whichever of them is named first.

    Raises NoMergeProposed where none is open: what was dismissed before, too.
    """
    lock_merchant(session, scope.merchant_id)
    proposals = list_merge_proposals(session, scope, of=customer_id)
    found = next((each for each in proposals if other_id in (each.customer.id, each.other.id)), None)
    if found is None or other_id == customer_id:
        raise NoMergeProposed
    customer = _lock_living(session, scope.merchant_id, found.customer.id)
    _record(session, customer, EventType.CUSTOMER_MERGE_DISMISSED, actor, at, other=found.other.id)


def postpone_details(session: Session, scope: Scope, *, at: datetime) -> None:
    """Remember that the customer put off the question for its details. Raises UnknownCustomer and CustomerDeleted."""
    _lock_living(session, scope.merchant_id, scope.customer_id).details_postponed_at = at


def mark_blocked(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Block a customer; return False where it is blocked already. `portal.sign_in.operations.block_customer` signs it out too.

    Raises UnknownCustomer and CustomerDeleted.
    """
    return _set_blocked(session, scope, is_blocked=True, actor=actor, at=at)


def unblock_customer(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Let a blocked customer sign in again; return False where it is not blocked. Raises UnknownCustomer and CustomerDeleted."""
    return _set_blocked(session, scope, is_blocked=False, actor=actor, at=at)


def mark_deleted(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> None:
    """Delete a customer softly: its invoices, payments and reference stay. `portal.sign_in.operations.delete_customer` signs it out too.

    Raises UnknownCustomer, and CustomerDeleted for one that was deleted before.
    """
    customer = _lock_living(session, scope.merchant_id, scope.customer_id)
    customer.deleted_at = customer.updated_at = at
    _record(session, customer, EventType.CUSTOMER_DELETED, actor, at)


def lock_customer(session: Session, scope: Scope) -> None:
    """Take the customer's turn, until the end of the transaction: whatever adds or changes what is one of its kind takes it."""
    session.execute(
        sa.select(Customer.id)
        .where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id)
        .with_for_update()
    )


def hold_address(session: Session, scope: Scope) -> str | None:
    """Return the address of a customer that may sign in ("" where it has none), None for any other, and hold both until the commit: whoever changes
    the address, or blocks or deletes the customer, comes before or after."""
    row = session.execute(
        sa.select(Customer.email)
        .where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id, *MAY_SIGN_IN)
        .with_for_update(read=True)
    ).first()
    return (row.email or "") if row is not None else None


def changes_of(customer: Customer, details: CustomerDetails) -> dict[str, Any]:
    """Return what `details` would change, by attribute; an entry of a document that is not given stays as it is.

    Raises InvalidCustomer.
    """
    normal = normalise_details(details)
    new_values = dict(normal.columns)
    for name, new in normal.documents.items():
        attribute = _ATTRIBUTES.get(name, name)
        new_values[attribute] = merged_document(name, getattr(customer, attribute), new)
    return {name: value for name, value in new_values.items() if getattr(customer, name) != value}


def _by_column(customer: Customer) -> dict[str, Any]:
    return {column.key: getattr(customer, column.key) for column in sa.inspect(Customer).column_attrs}


def _lock_living(session: Session, merchant_id: str, customer_id: str) -> Customer:
    customer = session.get(Customer, (merchant_id, customer_id), with_for_update=True)
    if customer is None:
        raise UnknownCustomer
    if customer.deleted_at is not None:
        raise CustomerDeleted
    return customer


def _set_blocked(session: Session, scope: Scope, *, is_blocked: bool, actor: Actor, at: datetime) -> bool:
    customer = _lock_living(session, scope.merchant_id, scope.customer_id)
    if customer.blocked == is_blocked:
        return False
    customer.blocked, customer.updated_at = is_blocked, at
    event_type = EventType.CUSTOMER_BLOCKED if is_blocked else EventType.CUSTOMER_UNBLOCKED
    _record(session, customer, event_type, actor, at, {"blocked": not is_blocked})
    return True


def _record(
    session: Session,
    customer: Customer,
    event_type: EventType,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    session.flush()
    event = Event(
        type=event_type,
        merchant_id=customer.merchant_id,
        object_id=customer.id,
        customer_id=customer.id,
        object=shape_customer(session, customer),
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)


def _refuse_duplicates(
    session: Session, merchant_id: str, columns: dict[str, Any], unique: tuple[str, ...], *, but: str | None = None
) -> None:
    values = {field: columns.get("email_key" if field == "email" else field) for field in unique}
    if not any(values.values()):
        return
    # One at a time within a merchant: addresses and telephones have no unique index, since some customers share one on purpose.
    lock_merchant(session, merchant_id)
    for field, value in values.items():
        if not value:
            continue
        column = {"reference": Customer.reference, "email": Customer.email_key, "phone": Customer.phone}[field]
        # A deleted customer keeps its reference, by which its invoices and payments are still found.
        is_not_deleted = sa.true() if field == "reference" else Customer.deleted_at.is_(None)
        other = session.execute(
            sa.select(Customer.id)
            .where(Customer.merchant_id == merchant_id, column == value, is_not_deleted, Customer.id != (but or ""))
            .limit(1)
        ).scalar()
        if other is not None:
            raise DuplicateCustomer(field, other)
