"""Removing a saved method: what depends on it moves in the same transaction, and the gateway deletes its token afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from portal.errors import FreshCodeNeeded
from portal.events.rules import Actor
from portal.merchants.queries import get_merchant
from portal.outbox.operations import enqueue
from portal.payment_methods.errors import SuccessorMissing
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.methods import become, enqueue_detach, get_method, lock_methods, prefer
from portal.payment_methods.operations.uses import (
    MethodUsers,
    is_needed_at_gateway,
    list_dependents,
    move_dependents,
)
from portal.payment_methods.rules import UNUSABLE, MethodStatus, method_state
from portal.services import Services
from portal.tenancy import Scope

log = logging.getLogger(__name__)
_RETRY_DETACH_AFTER = timedelta(hours=1)


class DetachFailed(Exception):
    """The gateway did not confirm the deletion of a token; it is retried."""


def remove_method(
    session: Session,
    users: MethodUsers,
    scope: Scope,
    method_id: str,
    *,
    move_to: str,
    has_fresh_code: bool,
    actor: Actor,
    at: datetime,
) -> str | None:
    """Remove a method, and return the id of the one that took over, None where nothing depended on it or none is left. What depends on it moves to `move_to`, or to the only method left, or to none where none is left. `move_to` is
    "" where nothing was chosen.

    The only method, or the last that is of use, is removed after a fresh code alone, or where the customer has no address to send one to (`has_fresh_code`).

    Raises FreshCodeNeeded without it, SuccessorMissing when several methods are left and none of them was chosen, and NoResultFound for a method that is not
    this customer's.
    """
    methods = lock_methods(session, scope)
    method = get_method(session, scope, method_id)
    today = get_merchant(session, scope.merchant_id).day_of(at)
    candidates = [other for other in methods if other.id != method.id and method_state(other, today) not in UNUSABLE]
    if not candidates and not has_fresh_code:
        raise FreshCodeNeeded
    successor = _choose(session, users, scope, method, candidates, move_to, at)
    moved_count = move_dependents(session, users, scope, method.id, successor, at=at) if successor is not None else 0
    was_default = method.is_default
    mark_removed(session, method, actor=actor, at=at)
    if successor is not None and was_default:
        prefer(session, methods, successor, actor=actor, at=at)
    return successor.id if successor is not None and (was_default or moved_count) else None


def replace_method(
    session: Session,
    users: MethodUsers,
    scope: Scope,
    method_id: str,
    successor: PaymentMethod,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """Replace a method by `successor`, in the caller's transaction; does nothing when the method is removed already."""
    methods = lock_methods(session, scope)
    try:
        method = get_method(session, scope, method_id)
    except NoResultFound:
        return
    if method.id == successor.id:
        return
    move_dependents(session, users, scope, method.id, successor, at=at)
    was_default = method.is_default
    mark_removed(session, method, actor=actor, at=at)
    if was_default:
        prefer(session, methods, successor, actor=actor, at=at)


def mark_removed(session: Session, method: PaymentMethod, *, actor: Actor, at: datetime) -> None:
    """Mark a method as removed; from now on no request is sent or resent with it."""
    method.is_default, method.removed_at = False, at
    become(session, method, MethodStatus.REMOVED, actor=actor, at=at)
    enqueue_detach(session, method, at=at)


def detach_method(services: Services, merchant_id: str, payload: dict[str, Any], _message_id: str) -> None:
    """Delete a removed method's token at the gateway. Delayed while a payment in progress may need the token.

    Raises DetachFailed, so that the outbox retries.
    """
    method_id = str(payload["method"])
    with services.database.unit_of_work() as session:
        method = session.execute(
            sa.select(PaymentMethod).where(
                PaymentMethod.merchant_id == merchant_id,
                PaymentMethod.id == method_id,
                PaymentMethod.status == "removed",
            )
        ).scalar()
        if method is None or _is_saved_again(session, method):
            return
        if is_needed_at_gateway(session, services.method_users, method):
            at = services.clock.now()
            enqueue(session, merchant_id, "detach_method", payload, at=at, due_at=at + _RETRY_DETACH_AFTER)
            return
    gateway = services.gateways.find_named(merchant_id, method.gateway)
    if gateway is None or not gateway.capabilities.setup_page:
        log.warning("payment_method.not_detached", extra={"merchant": merchant_id, "method": method_id})
        return
    if not gateway.detach(method.token):
        raise DetachFailed
    log.info("payment_method.detached", extra={"merchant": merchant_id, "method": method_id})


def _choose(
    session: Session,
    users: MethodUsers,
    scope: Scope,
    method: PaymentMethod,
    candidates: Sequence[PaymentMethod],
    move_to: str,
    at: datetime,
) -> PaymentMethod | None:
    chosen = next((other for other in candidates if other.id == move_to), None)
    if chosen is not None or not candidates:
        return chosen
    if not move_to and len(candidates) == 1:
        return candidates[0]
    if move_to or method.is_default or list_dependents(session, users, scope, [method.id], at=at):
        raise SuccessorMissing
    return None


def _is_saved_again(session: Session, method: PaymentMethod) -> bool:
    """Return whether the same token belongs to a method that is still saved: some gateways have one token for a card."""
    statement = sa.select(PaymentMethod.id).where(
        PaymentMethod.merchant_id == method.merchant_id,
        PaymentMethod.customer_id == method.customer_id,
        PaymentMethod.gateway == method.gateway,
        PaymentMethod.token == method.token,
        PaymentMethod.status != "removed",
    )
    return session.execute(statement).first() is not None
