"""Verbs of saved methods: remember, name, prefer; removal has a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.operations import record_act
from portal.contacts import mask_card_numbers
from portal.customers.operations import lock_customer
from portal.gateways.contract import MethodFacts
from portal.merchants.queries import get_merchant
from portal.outbox.operations import enqueue
from portal.payment_methods.errors import HasExpired
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import UNUSABLE, method_state, read_nickname
from portal.public_ids import new_id
from portal.tenancy import Scope


def remember_method(session: Session, scope: Scope, gateway: str, facts: MethodFacts, *, at: datetime) -> str:
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
            _renew(session, method, facts, at)
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
        status="active" if is_used else "expired",
        created_at=at,
    )
    session.add(method)
    session.flush()
    record_change(session, scope, "added", method.id, at=at)
    return method.id


def mark_used(session: Session, scope: Scope, method_id: str, *, at: datetime) -> None:
    """Note that money came with a method, removed or not."""
    session.execute(
        sa.update(PaymentMethod)
        .where(PaymentMethod.merchant_id == scope.merchant_id, PaymentMethod.id == method_id)
        .values(last_used_at=at)
    )


def rename_method(session: Session, scope: Scope, method_id: str, nickname: str, *, at: datetime) -> None:
    """Give a method the customer's own name for it; an empty one takes it away.

    Raises NicknameTooLong, NicknameUnusable, and NoResultFound for a method that is not this customer's.
    """
    method = get_method(session, scope, method_id)
    name = read_nickname(nickname)
    if name != method.nickname:
        method.nickname = name
        record_change(session, scope, "updated", method.id, at=at, what="nickname")


def make_default(session: Session, scope: Scope, method_id: str, *, at: datetime) -> None:
    """Propose this method first from now on. Raises HasExpired, and NoResultFound for one that is not this customer's."""
    methods = lock_methods(session, scope)
    method = get_method(session, scope, method_id)
    if method_state(method, get_merchant(session, scope.merchant_id).day_of(at)) in UNUSABLE:
        raise HasExpired
    prefer(session, scope, methods, method, at=at)


def prefer(
    session: Session, scope: Scope, methods: Sequence[PaymentMethod], method: PaymentMethod, *, at: datetime
) -> None:
    """Make `method` the default among the customer's locked `methods`."""
    if method.is_default:
        return
    for other in methods:
        other.is_default = False
    # The index admits one default at a time.
    session.flush()
    method.is_default = True
    record_change(session, scope, "updated", method.id, at=at, what="default")


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


def record_change(session: Session, scope: Scope, verb: str, method_id: str, *, at: datetime, **details: str) -> None:
    """The audit entry `payment_method.<verb>` of a change that the customer made."""
    record_act(
        session,
        scope.merchant_id,
        f"payment_method.{verb}",
        at=at,
        actor_type="customer",
        actor_id=scope.customer_id,
        customer_id=scope.customer_id,
        object_id=method_id,
        **details,
    )


def follow_gateway(session: Session, merchant_id: str, gateway: str) -> None:
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
    for which, values in ((left, {"status": "expired", "is_default": False}), (kept, {"status": "active"})):
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == merchant_id, *which)
            .values(values)
            .execution_options(synchronize_session=False)
        )


def forget_at_gateway(session: Session, method: PaymentMethod, *, at: datetime) -> None:
    """Have the gateway forget a removed method's token, as soon as nothing that is under way needs it."""
    enqueue(session, method.merchant_id, "detach_method", {"method": method.id}, at=at)


def _kept(text: str | None) -> str | None:
    """Words of a gateway, which may hold what must not be kept (threats 169)."""
    return mask_card_numbers(text) if text else None


def _renew(session: Session, method: PaymentMethod, facts: MethodFacts, at: datetime) -> None:
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
            status="removed",
            created_at=method.created_at,
            removed_at=at,
        )
        session.add(old)
        forget_at_gateway(session, old, at=at)
    method.token = facts.token
    if facts.exp_month and facts.exp_year:
        method.exp_month, method.exp_year = facts.exp_month, facts.exp_year
    session.flush()
    scope = Scope(method.merchant_id, method.customer_id)
    record_change(session, scope, "updated", method.id, at=at, what="renewed")
