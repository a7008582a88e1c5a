"""Operations on saved methods: save, rename, make the default; removal has a module of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import mask_card_numbers
from portal.customers.operations import lock_customer
from portal.database import table_of
from portal.events.operations import record, record_all
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
    session: Session,
    scope: Scope,
    gateway: str,
    details: MethodDetails,
    *,
    actor: Actor,
    at: datetime,
    nickname: str | None = None,
) -> str:
    """Save a gateway's token for the customer and return the method's id; the same card again is the existing method, with its new
    token and expiry, and with `nickname` where one is given.

    The customer's first method becomes the default. Called only with the customer's consent (`consents.record_consent`).
    """
    assert details.token, "a method is saved with its token"
    fingerprint = details.fingerprint or details.token
    # The lock of the customer's row serialises two tabs that save at once: without it the unique index would refuse the second
    # one, and roll back the booking of its payment too.
    existing = lock_methods(session, scope)
    for method in existing:
        if method.gateway == gateway and method.fingerprint == fingerprint:
            _renew(session, method, details, actor, at)
            if nickname and nickname != method.nickname:
                previous = {"nickname": method.nickname}
                method.nickname = nickname
                _record_update(session, method, "nickname", previous, actor, at)
            return method.id
    # A payment or setup that began before the merchant changed gateways ends at the old one, whose methods cannot be charged.
    is_used = get_merchant(session, scope.merchant_id).gateway == gateway
    method = PaymentMethod(
        merchant_id=scope.merchant_id,
        id=new_id("pm", at),
        customer_id=scope.customer_id,
        gateway=gateway,
        token=details.token,
        fingerprint=fingerprint,
        type=details.type,
        brand=details.brand,
        last4=details.last4,
        exp_month=details.exp_month,
        exp_year=details.exp_year,
        holder=_masked(details.holder),
        phone=details.phone,
        bank_name=_masked(details.bank_name),
        nickname=nickname,
        is_default=is_used and not any(method.is_default for method in existing),
        status=(MethodStatus.ACTIVE if is_used else MethodStatus.EXPIRED).value,
        created_at=at,
    )
    session.add(method)
    session.flush()
    record_method(session, method, EventType.PAYMENT_METHOD_ADDED, actor=actor, at=at)
    return method.id


def mark_used(session: Session, scope: Scope, method_id: str, *, at: datetime) -> None:
    """Store that a payment succeeded with a method, removed or not."""
    session.execute(_MARK_USED, {"of_merchant": scope.merchant_id, "of_method": method_id, "at": at})


_METHODS = table_of(PaymentMethod)
_MARK_USED = (
    sa.update(_METHODS)
    .where(_METHODS.c.merchant_id == sa.bindparam("of_merchant"), _METHODS.c.id == sa.bindparam("of_method"))
    .values(last_used_at=sa.bindparam("at"))
)


def rename_method(session: Session, scope: Scope, method_id: str, nickname: str, *, actor: Actor, at: datetime) -> None:
    """Set the customer's own name of a method; an empty one removes it.

    Raises NicknameTooLong, NicknameUnusable, and NoResultFound for a method that is not this customer's.
    """
    method = get_method(session, scope, method_id)
    name = read_nickname(nickname)
    if name != method.nickname:
        previous = {"nickname": method.nickname}
        method.nickname = name
        _record_update(session, method, "nickname", previous, actor, at)


def make_default(session: Session, scope: Scope, method_id: str, *, actor: Actor, at: datetime) -> None:
    """Make a method the default. Raises HasExpired, and NoResultFound for one that is not this customer's."""
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
    """Return the customer's active methods, under the lock that serialises adding, removing and changing the default."""
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
    """Return one of the customer's methods that is not removed, locked for a change. Raises NoResultFound."""
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
    """Set a method's next status and record its event: the only writer of a saved method's status."""
    before = method.status
    assert may_follow(before, status), f"a method that is {before} does not become {status}"
    method.status = status.value
    record_method(session, method, EVENT_OF[status], actor=actor, at=at, previous={"status": before})


def _become_all(
    session: Session, methods: Sequence[PaymentMethod], status: MethodStatus, *, actor: Actor, at: datetime
) -> None:
    """As `become`, of as many methods as a merchant has, in a few statements: the database's write lock is held meanwhile."""
    events = []
    for method in methods:
        before = method.status
        assert may_follow(before, status), f"a method that is {before} does not become {status}"
        method.status = status.value
        method.is_default = method.is_default and status is MethodStatus.ACTIVE
        events.append(_event_of(method, EVENT_OF[status], at=at, previous={"status": before}))
    session.flush()
    record_all(session, actor, events)


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
    """Record an event of a method, with the method as it is in the session."""
    session.flush()
    record(session, actor, _event_of(method, event_type, at=at, previous=previous, **details))


def _event_of(
    method: PaymentMethod, event_type: EventType, *, at: datetime, previous: Mapping[str, Any], **details: Any
) -> Event:
    return Event(
        type=event_type,
        merchant_id=method.merchant_id,
        object_id=method.id,
        customer_id=method.customer_id,
        object=shape_method(method),
        previous=previous,
        details=details,
        at=at,
    )


EVENT_OF: Mapping[str, EventType] = MappingProxyType(
    {
        # The merchant has returned to the method's gateway: it can be charged again.
        MethodStatus.ACTIVE.value: EventType.PAYMENT_METHOD_UPDATED,
        MethodStatus.EXPIRED.value: EventType.PAYMENT_METHOD_EXPIRED,
        MethodStatus.REMOVED.value: EventType.PAYMENT_METHOD_REMOVED,
    }
)
"""The event of each status of a saved method."""


def update_methods_for_gateway(session: Session, merchant_id: str, gateway: str, *, actor: Actor, at: datetime) -> None:
    """Update saved methods when the merchant changes to `gateway`: methods at other gateways expire and are no longer a default;
    methods saved earlier at this one are active again, of one card that was saved twice the newer."""
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
    returning = (PaymentMethod.status == "expired", PaymentMethod.gateway == gateway, is_newest)
    for which, status in ((left, MethodStatus.EXPIRED), (returning, MethodStatus.ACTIVE)):
        methods = session.execute(
            sa.select(PaymentMethod)
            .where(PaymentMethod.merchant_id == merchant_id, *which)
            .order_by(PaymentMethod.customer_id, PaymentMethod.id)
            .with_for_update()
        ).scalars()
        _become_all(session, methods.all(), status, actor=actor, at=at)


def enqueue_detach(session: Session, method: PaymentMethod, *, at: datetime) -> None:
    """Enqueue the deletion of a removed method's token at the gateway, which waits until no payment in progress needs it."""
    enqueue(session, method.merchant_id, "detach_method", {"method": method.id}, at=at)


def _masked(text: str | None) -> str | None:
    """Mask card numbers in a gateway's text, which must not be stored (threats 169)."""
    return mask_card_numbers(text) if text else None


def _renew(session: Session, method: PaymentMethod, details: MethodDetails, actor: Actor, at: datetime) -> None:
    """Update a method that was saved again: its newest token is used. The old token becomes a removed method until it is deleted
    at the gateway, since a request in flight may still need it."""
    assert details.token
    if (details.token, details.exp_month, details.exp_year) == (method.token, method.exp_month, method.exp_year):
        return
    if details.token != method.token:
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
        enqueue_detach(session, old, at=at)
    previous = {"exp_month": method.exp_month, "exp_year": method.exp_year}
    method.token = details.token
    if details.exp_month and details.exp_year:
        method.exp_month, method.exp_year = details.exp_month, details.exp_year
    _record_update(session, method, "renewed", previous, actor, at)


def _record_update(
    session: Session, method: PaymentMethod, what: str, previous: Mapping[str, Any], actor: Actor, at: datetime
) -> None:
    event_type = EventType.PAYMENT_METHOD_UPDATED
    record_method(session, method, event_type, actor=actor, at=at, previous=previous, what=what)
