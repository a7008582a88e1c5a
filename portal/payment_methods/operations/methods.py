"""Verbs of saved methods: remember, name, prefer; removal has a module of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import mask_card_numbers
from portal.customers.operations import lock_customer
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.gateways.contract import MethodDetails
from portal.merchants.queries import get_merchant
from portal.outbox.operations import enqueue
from portal.payment_methods.errors import HasExpired
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import UNUSABLE, MethodStatus, may_follow, method_state, read_nickname
from portal.payment_methods.shapes import shape_method
from portal.public_ids import new_id
from portal.tenancy import Scope


def remember_method(
    session: Session, scope: Scope, gateway: str, facts: MethodDetails, *, actor: Actor, at: datetime
) -> str:
    """Save a gateway's token for the customer and tell its id; the same card again is the method that is there already, with
    its new token and expiry.

    The customer's first method becomes the default. Called only with the customer's consent (`consents.record_consent`).
    """
    assert facts.token, "only what can be used again is saved"
    fingerprint = facts.fingerprint or facts.token
    # The customer's row orders two tabs that save at once: without it the unique index would refuse the second one here,
    # and with it the booking of money that did come.
    existing = lock_methods(session, scope)
    for method in existing:
        if method.gateway == gateway and method.fingerprint == fingerprint:
            _renew(session, method, facts, actor, at)
            return method.id
    # What was begun at a gateway that the merchant has left since comes to its end there, and cannot be charged here.
    is_used = get_merchant(session, scope.merchant_id).gateway == gateway
    method = PaymentMethod(
        merchant_id=scope.merchant_id,
        id=new_id("pm", at),
        customer_id=scope.customer_id,
        gateway=gateway,
        token=facts.token,
        fingerprint=fingerprint,
        type=facts.type,
        brand=facts.brand,
        last4=facts.last4,
        exp_month=facts.exp_month,
        exp_year=facts.exp_year,
        holder=_kept(facts.holder),
        phone=facts.phone,
        bank_name=_kept(facts.bank_name),
        is_default=is_used and not any(method.is_default for method in existing),
        status=(MethodStatus.ACTIVE if is_used else MethodStatus.EXPIRED).value,
        created_at=at,
    )
    session.add(method)
    session.flush()
    record_method(session, method, EventType.PAYMENT_METHOD_ADDED, actor=actor, at=at)
    return method.id


def mark_used(session: Session, scope: Scope, method_id: str, *, at: datetime) -> None:
    """Note that money came with a method, removed or not."""
    session.execute(
        sa.update(PaymentMethod)
        .where(PaymentMethod.merchant_id == scope.merchant_id, PaymentMethod.id == method_id)
        .values(last_used_at=at)
    )


def rename_method(session: Session, scope: Scope, method_id: str, nickname: str, *, actor: Actor, at: datetime) -> None:
    """Give a method the customer's own name for it; an empty one takes it away.

    Raises NicknameTooLong, NicknameUnusable, and NoResultFound for a method that is not this customer's.
    """
    method = get_method(session, scope, method_id)
    name = read_nickname(nickname)
    if name != method.nickname:
        previous = {"nickname": method.nickname}
        method.nickname = name
        _record_update(session, method, "nickname", previous, actor, at)


def make_default(session: Session, scope: Scope, method_id: str, *, actor: Actor, at: datetime) -> None:
    """Propose this method first from now on. Raises HasExpired, and NoResultFound for one that is not this customer's."""
    methods = lock_methods(session, scope)
    method = get_method(session, scope, method_id)
    if method_state(method, get_merchant(session, scope.merchant_id).day_of(at)) in UNUSABLE:
        raise HasExpired
    prefer(session, methods, method, actor=actor, at=at)


def prefer(
    session: Session, methods: Sequence[PaymentMethod], method: PaymentMethod, *, actor: Actor, at: datetime
) -> None:
    """Make `method` the default among the customer's locked `methods`."""
    if method.is_default:
        return
    for other in methods:
        other.is_default = False
    # The index admits one default at a time.
    session.flush()
    method.is_default = True
    _record_update(session, method, "is_default", {"is_default": False}, actor, at)


def lock_methods(session: Session, scope: Scope) -> Sequence[PaymentMethod]:
    """The customer's active methods, under the lock that orders everything which adds, removes or prefers one."""
    lock_customer(session, scope)
    return (
        session.execute(
            sa.select(PaymentMethod)
            .where(
                PaymentMethod.merchant_id == scope.merchant_id,
                PaymentMethod.customer_id == scope.customer_id,
                PaymentMethod.status == "active",
            )
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )


def get_method(session: Session, scope: Scope, method_id: str) -> PaymentMethod:
    """One of the customer's methods that is not removed, to be changed. Raises NoResultFound."""
    return session.execute(
        sa.select(PaymentMethod)
        .where(
            PaymentMethod.merchant_id == scope.merchant_id,
            PaymentMethod.customer_id == scope.customer_id,
            PaymentMethod.id == method_id,
            PaymentMethod.status != "removed",
        )
        .with_for_update()
    ).scalar_one()


def become(session: Session, method: PaymentMethod, status: MethodStatus, *, actor: Actor, at: datetime) -> None:
    """Give a method its next status and record the event of it: the only writer of a saved method's status."""
    before = method.status
    assert may_follow(before, status), f"a method that is {before} does not become {status}"
    method.status = status.value
    record_method(session, method, EVENT_OF[status], actor=actor, at=at, previous={"status": before})


def record_method(
    session: Session,
    method: PaymentMethod,
    event_type: EventType,
    *,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    """Record that something happened to a method, which is then as it is in the session."""
    session.flush()
    event = Event(
        type=event_type,
        merchant_id=method.merchant_id,
        object_id=method.id,
        customer_id=method.customer_id,
        object=shape_method(method),
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)


EVENT_OF: Mapping[str, EventType] = MappingProxyType(
    {
        # Back from a gateway that the merchant had left, it can be charged again.
        MethodStatus.ACTIVE.value: EventType.PAYMENT_METHOD_UPDATED,
        MethodStatus.EXPIRED.value: EventType.PAYMENT_METHOD_EXPIRED,
        MethodStatus.REMOVED.value: EventType.PAYMENT_METHOD_REMOVED,
    }
)
"""The event of each status that a saved method takes."""


def follow_gateway(session: Session, merchant_id: str, gateway: str, *, actor: Actor, at: datetime) -> None:
    """The merchant takes payments through `gateway` from now on: what another one keeps cannot be charged any more and is nobody's
    default, and what this one kept when it was left is good again; of the same card kept twice meanwhile, the newer one."""
    newer = sa.orm.aliased(PaymentMethod)
    is_newest = ~sa.exists().where(
        newer.merchant_id == PaymentMethod.merchant_id,
        newer.customer_id == PaymentMethod.customer_id,
        newer.gateway == PaymentMethod.gateway,
        newer.fingerprint == PaymentMethod.fingerprint,
        newer.status != "removed",
        newer.id > PaymentMethod.id,
    )
    left = (PaymentMethod.status == "active", PaymentMethod.gateway != gateway)
    kept = (PaymentMethod.status == "expired", PaymentMethod.gateway == gateway, is_newest)
    for which, status in ((left, MethodStatus.EXPIRED), (kept, MethodStatus.ACTIVE)):
        methods = session.execute(
            sa.select(PaymentMethod)
            .where(PaymentMethod.merchant_id == merchant_id, *which)
            .order_by(PaymentMethod.customer_id, PaymentMethod.id)
            .with_for_update()
        ).scalars()
        for method in methods.all():
            method.is_default = method.is_default and status is MethodStatus.ACTIVE
            become(session, method, status, actor=actor, at=at)


def forget_at_gateway(session: Session, method: PaymentMethod, *, at: datetime) -> None:
    """Have the gateway forget a removed method's token, as soon as nothing that is under way needs it."""
    enqueue(session, method.merchant_id, "detach_method", {"method": method.id}, at=at)


def _kept(text: str | None) -> str | None:
    """Words of a gateway, which may hold what must not be kept (threats 169)."""
    return mask_card_numbers(text) if text else None


def _renew(session: Session, method: PaymentMethod, facts: MethodDetails, actor: Actor, at: datetime) -> None:
    """The same card once more: its newest token counts. The old one lives on as a removed method until the gateway has
    forgotten it, since an order that is under way may still need it."""
    assert facts.token
    if (facts.token, facts.exp_month, facts.exp_year) == (method.token, method.exp_month, method.exp_year):
        return
    if facts.token != method.token:
        old = PaymentMethod(
            merchant_id=method.merchant_id,
            id=new_id("pm", at),
            customer_id=method.customer_id,
            gateway=method.gateway,
            token=method.token,
            fingerprint=method.fingerprint,
            type=method.type,
            brand=method.brand,
            last4=method.last4,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
            is_default=False,
            status=MethodStatus.REMOVED.value,
            created_at=method.created_at,
            removed_at=at,
        )
        session.add(old)
        forget_at_gateway(session, old, at=at)
    previous = {"exp_month": method.exp_month, "exp_year": method.exp_year}
    method.token = facts.token
    if facts.exp_month and facts.exp_year:
        method.exp_month, method.exp_year = facts.exp_month, facts.exp_year
    _record_update(session, method, "renewed", previous, actor, at)


def _record_update(
    session: Session, method: PaymentMethod, what: str, previous: Mapping[str, Any], actor: Actor, at: datetime
) -> None:
    event_type = EventType.PAYMENT_METHOD_UPDATED
    record_method(session, method, event_type, actor=actor, at=at, previous=previous, what=what)
