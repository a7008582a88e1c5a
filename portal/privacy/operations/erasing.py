"""Erasing a customer: requested, withdrawn, begun, finished. What goes is in the registry; `scrubbing` takes it out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY, write_instant
from portal.customers.errors import UnknownCustomer
from portal.customers.models import Customer
from portal.customers.operations import lock_customer
from portal.database import table_of
from portal.events.operations import record
from portal.events.rules import Actor, ActorType, Event, EventType
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.removal import mark_removed
from portal.payments.models import Payment
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.locks import lock_payment
from portal.privacy.errors import ErasureBegun
from portal.privacy.models import Erasure
from portal.privacy.queries import read_money_under_way
from portal.privacy.rules.erasures import MESSAGES_WAIT_AT_MOST
from portal.public_ids import first_id
from portal.sign_in.operations import delete_customer, end_access
from portal.tenancy import Scope


def request_erasure(
    session: Session, scope: Scope, *, actor: Actor, at: datetime, withdrawn_within: timedelta = timedelta(0)
) -> bool:
    """Request that a customer be erased; return False where that is requested, or done, already.

    It begins when the time in which it may be withdrawn is over and no money is under way, and is done by the worker. A customer that
    was deleted may be erased as well. Raises UnknownCustomer.
    """
    lock_customer(session, scope)
    if session.get(Customer, (scope.merchant_id, scope.customer_id)) is None:
        raise UnknownCustomer
    known = session.get(Erasure, (scope.merchant_id, scope.customer_id))
    if known is not None:
        if known.begun_at is None and at + withdrawn_within < known.due_at:
            # The merchant does not wait for what the customer may withdraw; from now on it is the merchant's, which the customer may not.
            known.due_at = known.next_try_at = at + withdrawn_within
            known.requested_by = actor.type.value
        return False
    due_at = at + withdrawn_within
    session.add(
        Erasure(
            merchant_id=scope.merchant_id, customer_id=scope.customer_id, requested_by=actor.type.value, requested_at=at,
            due_at=due_at, next_try_at=due_at,
        )
    )  # fmt: skip
    session.flush()
    may_be_withdrawn = withdrawn_within > timedelta(0)
    _record(session, scope, EventType.CUSTOMER_ERASURE_REQUESTED, actor, at, may_be_withdrawn=may_be_withdrawn)
    return True


def withdraw_erasure(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Take a request back; return False where there is none. Raises ErasureBegun."""
    lock_customer(session, scope)
    erasure = session.get(Erasure, (scope.merchant_id, scope.customer_id), with_for_update=True)
    if erasure is None:
        return False
    if erasure.begun_at is not None:
        raise ErasureBegun
    session.delete(erasure)
    _record(session, scope, EventType.CUSTOMER_ERASURE_WITHDRAWN, actor, at)
    return True


def withdraw_erasure_since(session: Session, scope: Scope, since: datetime, *, actor: Actor, at: datetime) -> None:
    """Take the customer's own request back that was made at an instant or later: whoever made it may not have been the customer."""
    lock_customer(session, scope)
    erasure = session.get(Erasure, (scope.merchant_id, scope.customer_id), with_for_update=True)
    is_own = erasure is not None and erasure.requested_by == ActorType.CUSTOMER and erasure.begun_at is None
    if erasure is not None and is_own and erasure.requested_at >= since:
        session.delete(erasure)
        _record(session, scope, EventType.CUSTOMER_ERASURE_WITHDRAWN, actor, at)


def begin_erasure(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Begin an erasure, from which there is no way back; return False while money is under way, or where it was withdrawn.

    The customer is deleted and signed out, checkouts that were left are cancelled, saved methods are removed and their tokens deleted
    at the gateways, and the farewell is queued: it leaves before its address is gone.
    """
    if read_money_under_way(session, scope):
        return False
    _cancel_checkouts(session, scope, actor=actor, at=at)  # Payments are locked before their customer, as everywhere.
    lock_customer(session, scope)
    erasure = session.get(Erasure, (scope.merchant_id, scope.customer_id), with_for_update=True)
    if erasure is None or erasure.begun_at is not None or read_money_under_way(session, scope):
        return False
    customer = session.get_one(Customer, (scope.merchant_id, scope.customer_id))
    end_of_access(session, scope, customer, actor=actor, at=at)
    erasure.begun_at = erasure.next_try_at = at
    _record(session, scope, EventType.CUSTOMER_ERASURE_BEGUN, actor, at)
    return True


def end_of_access(session: Session, scope: Scope, customer: Customer, *, actor: Actor, at: datetime) -> None:
    """Delete the customer as a merchant does, and remove its saved methods; nothing where that was done before."""
    if customer.deleted_at is None:
        delete_customer(session, scope, actor=actor, at=at)
    else:
        end_access(session, scope, actor=actor, at=at)
    remove_methods(session, scope, actor=actor, at=at)


def remove_methods(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> None:
    """Remove whatever saved methods the customer has, also those at a gateway that the merchant has left."""
    lock_customer(session, scope)
    for method in _methods_of(session, scope):
        if method.status != "removed":
            mark_removed(session, method, actor=actor, at=at)


def list_tokens_in_use(session: Session, scope: Scope) -> frozenset[str]:
    """Return the saved methods whose tokens are still to be deleted at their gateways, and are needed for that."""
    methods = _methods_of(session, scope)
    messages = _open_messages(session, scope, "detach_method")
    return frozenset(str(payload.get("method")) for payload in messages) & {method.id for method in methods}


def has_to_wait(session: Session, scope: Scope, *, at: datetime) -> bool:
    """Return whether a message is still to be delivered that needs what is erased: the farewell, or the deletion of a token."""
    erasure = session.get_one(Erasure, (scope.merchant_id, scope.customer_id))
    if erasure.begun_at is None or at >= erasure.begun_at + MESSAGES_WAIT_AT_MOST:
        return False
    farewells = _open_messages(session, scope, "erased_mail")
    return any(payload.get("object") == scope.customer_id for payload in farewells) or bool(
        list_tokens_in_use(session, scope)
    )


def finish_erasure(session: Session, scope: Scope, *, actor: Actor, at: datetime, tombstones: str = "") -> bool:
    """Say that a customer is erased, once; return False where somebody said so before. `tombstones` is the file in which it is remembered
    beside the database, "" for none: there before the commit, since a line too many does no harm."""
    erasure = session.get_one(Erasure, (scope.merchant_id, scope.customer_id), with_for_update=True)
    if erasure.erased_at is not None:
        return False
    erasure.erased_at, erasure.next_try_at, erasure.scrubbed_through = at, None, through(at)
    session.flush()
    _record(session, scope, EventType.CUSTOMER_ERASED, actor, at, requested_by=erasure.requested_by)
    if tombstones:
        _append(Path(tombstones), {"merchant": scope.merchant_id, "customer": scope.customer_id, "erased_at": write_instant(at)})  # fmt: skip
    return True


def note_scrubbed(session: Session, scope: Scope, *, at: datetime) -> None:
    """Remember until when what happened to an erased customer was erased too."""
    session.get_one(Erasure, (scope.merchant_id, scope.customer_id)).scrubbed_through = through(at)


def restore_tombstone(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Put an erasure back that the database has forgotten, since an older backup was restored; return False where there is no such
    customer. The farewell is not sent again. The caller scrubs; the worker finishes when the tokens are gone."""
    customer = session.get(Customer, (scope.merchant_id, scope.customer_id), with_for_update=True)
    if customer is None:
        return False
    end_of_access(session, scope, customer, actor=actor, at=at)
    erasure = session.get(Erasure, (scope.merchant_id, scope.customer_id))
    if erasure is None:
        erasure = Erasure(
            merchant_id=scope.merchant_id, customer_id=scope.customer_id, requested_by=actor.type.value, requested_at=at, due_at=at,
            next_try_at=at,
        )  # fmt: skip
        session.add(erasure)
    if erasure.erased_at is None and erasure.begun_at is None:
        erasure.begun_at = erasure.next_try_at = at
    return True


def through(at: datetime) -> str:
    """Return the id of an event from which on an erasure at `at` may have missed something: clocks of processes differ."""
    return first_id("evt", at - CLOCKS_DIFFER_BY)


def _cancel_checkouts(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> None:
    ids = session.execute(
        sa.select(Payment.id)
        .where(
            Payment.merchant_id == scope.merchant_id, Payment.customer_id == scope.customer_id, Payment.status == "incomplete"
        )
        .order_by(Payment.id)
    ).scalars()  # fmt: skip
    for payment_id in ids.all():
        payment = lock_payment(session, scope.merchant_id, payment_id)
        if payment.status == "incomplete":
            end_checkout(session, payment, "canceled", actor=actor, at=at, reason="erased")


def _methods_of(session: Session, scope: Scope) -> Sequence[PaymentMethod]:
    statement = sa.select(PaymentMethod).where(
        PaymentMethod.merchant_id == scope.merchant_id, PaymentMethod.customer_id == scope.customer_id
    )
    return session.execute(statement).scalars().all()


def _open_messages(session: Session, scope: Scope, kind: str) -> Sequence[dict[str, Any]]:
    return (
        session.execute(
            sa.select(_MESSAGES.c.payload).where(
                _MESSAGES.c.merchant_id == scope.merchant_id, _MESSAGES.c.kind == kind,
                _MESSAGES.c.done_at.is_(None), _MESSAGES.c.dead_at.is_(None),
            )
        )
        .scalars()
        .all()
    )  # fmt: skip


_MESSAGES = table_of(OutboxMessage)


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _record(session: Session, scope: Scope, event_type: EventType, actor: Actor, at: datetime, **details: Any) -> None:
    event = Event(
        type=event_type,
        merchant_id=scope.merchant_id,
        object_id=scope.customer_id,
        customer_id=scope.customer_id,
        object={"id": scope.customer_id, "object": "customer"},
        details=details,
        at=at,
    )
    record(session, actor, event)
