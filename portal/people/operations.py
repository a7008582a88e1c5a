"""Writes persons and records what happened to them. Limits, and sessions that end, are `portal.sign_in.operations.people`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.operations import lock_customer
from portal.customers.queries.customers import find_customer
from portal.customers.rules.profiles import email_key
from portal.errors import NotFound
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType, customer_actor
from portal.people.errors import InvitationRefused, PersonGone
from portal.people.models import Person
from portal.people.queries import list_people
from portal.people.rules import DECLINED, INVITATION_FOR, MAX_PEOPLE, PERSON, Role
from portal.people.shapes import shape_person
from portal.public_ids import is_id, new_id
from portal.tenancy import MerchantScope, Scope


def add_person(
    session: Session, scope: Scope, address: str, role: Role, *, name: str | None, actor: Actor, at: datetime
) -> str:
    """Write an invited person and return its id; the event has it mailed. `address` is as `normalise_email` returns it.

    Raises InvitationRefused.
    """
    lock_customer(session, scope)
    customer = find_customer(session, MerchantScope(scope.merchant_id), scope.customer_id)
    people, key = list_people(session, scope), email_key(address)
    if customer is None or (customer.email and email_key(customer.email) == key):
        raise InvitationRefused("own")
    if any(email_key(person.email) == key for person in people):
        raise InvitationRefused("known")
    if len(people) >= MAX_PEOPLE:
        raise InvitationRefused("too_many")
    person = Person(
        merchant_id=scope.merchant_id, id=new_id(PERSON, at), customer_id=scope.customer_id, email=address, email_key=key,
        name=name, role=role, invited_by=actor.person, created_at=at, invited_at=at,
    )  # fmt: skip
    session.add(person)
    session.flush()
    _record(session, EventType.PERSON_INVITED, person, actor=actor, at=at, role=role)
    return person.id


def renew_invitation(session: Session, scope: Scope, person_id: str, *, actor: Actor, at: datetime) -> str:
    """Begin the seven days of an invitation again, which has it mailed again; return its address. Raises NotFound, of a person who joined too."""
    person = _get(session, scope, person_id)
    if person.joined_at is not None:
        raise NotFound
    person.invited_at = at
    session.flush()
    _record(session, EventType.PERSON_INVITED, person, actor=actor, at=at, role=person.role, again=True)
    return person.email


def change_role(session: Session, scope: Scope, person_id: str, role: Role, *, actor: Actor, at: datetime) -> bool:
    """Give a person another role, which counts from its next request on; return whether it is another one. Raises NotFound."""
    person = _get(session, scope, person_id)
    if person.role == role:
        return False
    before, person.role, person.role_changed_at = person.role, role, at
    session.flush()
    _record(session, EventType.PERSON_UPDATED, person, actor=actor, at=at, previous={"role": before}, role=role)
    return True


def mark_removed(
    session: Session, scope: Scope, person_id: str, *, actor: Actor, at: datetime, reason: str = "removed"
) -> None:
    """Mark a person removed, or its invitation withdrawn; nobody is a person of the account by this row again. Raises NotFound.

    `reason` is recorded with the event: removed, declined (by whoever was invited; NotFound of one who joined), or undo (of a change of the
    account's address since).
    """
    person = _get(session, scope, person_id)
    if reason == DECLINED:
        if person.joined_at is not None:
            raise NotFound
        person.declined_at = at
    person.removed_at = at
    session.flush()
    _record(session, EventType.PERSON_REMOVED, person, actor=actor, at=at, reason=reason)


def join_person(session: Session, scope: Scope, person_id: str, *, request_id: str | None, at: datetime) -> None:
    """Note that a person signs in; the first time it joins. Its row stays locked until the commit, so that of a removal at the same moment the
    later one sees the earlier: a session that this one begins is there to be ended. Raises PersonGone.
    """
    may_join = sa.or_(Person.joined_at.is_not(None), Person.invited_at > at - INVITATION_FOR)
    person = session.execute(
        sa.select(Person)
        .where(
            Person.merchant_id == scope.merchant_id, Person.id == person_id, Person.customer_id == scope.customer_id,
            Person.removed_at.is_(None), may_join,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar()  # fmt: skip
    if person is None:
        raise PersonGone
    is_first, person.signed_in_at = person.joined_at is None, at
    if is_first:
        person.joined_at = at
    session.flush()
    if is_first:
        actor = customer_actor(scope.customer_id, person=person_id, request_id=request_id)
        _record(session, EventType.PERSON_JOINED, person, actor=actor, at=at, role=person.role)


def list_invited_or_changed_since(session: Session, scope: Scope, since: datetime) -> list[str]:
    """Return the ids of the account's persons who were invited, or were given another role, at an instant or later."""
    rows = session.execute(
        sa.select(Person.id).where(
            Person.merchant_id == scope.merchant_id,
            Person.customer_id == scope.customer_id,
            Person.removed_at.is_(None),
            sa.or_(Person.invited_at >= since, Person.role_changed_at >= since),
        )
    ).scalars()
    return list(rows)


def _get(session: Session, scope: Scope, person_id: str) -> Person:
    """Return a living person of the account, its row locked. Raises NotFound."""
    person = None
    if is_id(PERSON, person_id):
        person = session.execute(
            sa.select(Person)
            .where(
                Person.merchant_id == scope.merchant_id, Person.id == person_id, Person.customer_id == scope.customer_id,
                Person.removed_at.is_(None),
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        ).scalar()  # fmt: skip
    if person is None:
        raise NotFound
    return person


def _record(
    session: Session,
    event_type: EventType,
    person: Person,
    *,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    event = Event(
        type=event_type,
        merchant_id=person.merchant_id,
        object_id=person.id,
        customer_id=person.customer_id,
        object=shape_person(person),
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)
