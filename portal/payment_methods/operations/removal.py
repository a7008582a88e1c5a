"""Taking a saved method away: what depends on it moves in the same step, and the gateway forgets its token afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from portal.events.rules import Actor
from portal.merchants.queries import get_merchant
from portal.outbox.operations import enqueue
from portal.payment_methods.errors import SuccessorMissing
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.methods import become, forget_at_gateway, get_method, lock_methods, prefer
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
_ASK_AGAIN_AFTER = timedelta(hours=1)


class NotForgotten(Exception):
    """The gateway did not say that it has forgotten a method; it is told again."""


def remove_method(
    session: Session,
    users: MethodUsers,
    scope: Scope,
    method_id: str,
    *,
    move_to: str,
    actor: Actor,
    at: datetime,
) -> None:
    """Remove a method. What depends on it moves to `move_to`, or where only one method is left to that one; where none is left
    it stays without. `move_to` is "" where nothing was chosen.

    Raises SuccessorMissing when several could take over and none of them was chosen, and NoResultFound for a method that is not
    this customer's.
    """
    methods = lock_methods(session, scope)
    method = get_method(session, scope, method_id)
    today = get_merchant(session, scope.merchant_id).day_of(at)
    candidates = [other for other in methods if other.id != method.id and method_state(other, today) not in UNUSABLE]
    successor = _choose(session, users, scope, method, candidates, move_to, at)
    if successor is not None:
        move_dependents(session, users, scope, method.id, successor, at=at)
    was_default = method.is_default
    take_away(session, method, actor=actor, at=at)
    if successor is not None and was_default:
        prefer(session, methods, successor, actor=actor, at=at)


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
    """Put `successor` in the place of a method, in the caller's transaction; nothing to do where that is removed already."""
    methods = lock_methods(session, scope)
    try:
        method = get_method(session, scope, method_id)
    except NoResultFound:
        return
    if method.id == successor.id:
        return
    move_dependents(session, users, scope, method.id, successor, at=at)
    was_default = method.is_default
    take_away(session, method, actor=actor, at=at)
    if was_default:
        prefer(session, methods, successor, actor=actor, at=at)


def take_away(session: Session, method: PaymentMethod, *, actor: Actor, at: datetime) -> None:
    """Mark a method as removed; from here on no order is given with it, nor given again."""
    method.is_default, method.removed_at = False, at
    become(session, method, MethodStatus.REMOVED, actor=actor, at=at)
    forget_at_gateway(session, method, at=at)


def detach_method(services: Services, merchant_id: str, payload: dict[str, Any], _message_id: str) -> None:
    """Have the gateway forget a removed method. While a payment under way may need its token, that is put off.

    Raises NotForgotten, so that the outbox tries again.
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
            enqueue(session, merchant_id, "detach_method", payload, at=at, due_at=at + _ASK_AGAIN_AFTER)
            return
    gateway = services.gateways.find_named(merchant_id, method.gateway)
    if gateway is None or not gateway.capabilities.setup_page:
        log.warning("payment_method.not_detached", extra={"merchant": merchant_id, "method": method_id})
        return
    if not gateway.detach(method.token):
        raise NotForgotten
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
    if move_to or method.is_default or list_dependents(session, users, scope, method.id, at=at):
        raise SuccessorMissing
    return None


def _is_saved_again(session: Session, method: PaymentMethod) -> bool:
    """Whether the same token belongs to a method that is kept: some gateways have one token a card."""
    statement = sa.select(PaymentMethod.id).where(
        PaymentMethod.merchant_id == method.merchant_id,
        PaymentMethod.customer_id == method.customer_id,
        PaymentMethod.gateway == method.gateway,
        PaymentMethod.token == method.token,
        PaymentMethod.status != "removed",
    )
    return session.execute(statement).first() is not None
