"""Refunding: write the intent, call the gateway, record the outcome; the same discipline as paying."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import normalise_name
from portal.credit import operations as credit
from portal.database import table_of
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType, gateway_actor
from portal.gateways.contract import RefundOutcome, RefundRequest, State
from portal.ledger.operations.posting import post
from portal.ledger.rules import refund_begun, refund_failed, refund_succeeded
from portal.money import Money
from portal.payments.models import Payment
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.status import become
from portal.payments.queries.payments import get_payment
from portal.payments.rules import statuses
from portal.payments.rules.statuses import PaymentStatus
from portal.public_ids import new_id
from portal.refunds.errors import CreditSpent, NotRefundable, RefundTooLarge
from portal.refunds.models import Refund
from portal.refunds.queries import get_refund
from portal.refunds.rules import RESEND_REFUND_AFTER, RefundStatus, credit_to_take, may_follow, next_recheck
from portal.refunds.shapes import shape_refund
from portal.services import Services
from portal.tenancy import MerchantScope, Scope

log = logging.getLogger(__name__)


def refund_payment(
    services: Services, merchant_id: str, payment_id: str, amount: int, *, reason: str | None, actor: Actor
) -> str:
    """Refund `amount` (minor units) of a payment and return the refund's id; its outcome may still be to come.

    The amount is reserved on the payment before the gateway is called, so that concurrent refunds never exceed what was captured.
    What became the customer's credit is taken from that credit first. Raises RefundTooLarge (CreditSpent where only spent credit
    prevents the refund), NotRefundable, ContactRefused for a reason that must not be stored, and NotFound.
    """
    reason = normalise_name(reason or "", field="the reason") or None
    with services.database.read() as reader:
        name = get_payment(reader, MerchantScope(merchant_id), payment_id).gateway
    gateway = services.gateways.find_named(merchant_id, name)
    if gateway is None or not gateway.capabilities.refunds:
        raise NotRefundable
    request: RefundRequest = services.database.run(
        lambda session: _write_intent(
            session,
            services=services,
            merchant_id=merchant_id,
            payment_id=payment_id,
            amount=amount,
            reason=reason,
            actor=actor,
        )
    )
    services.crash_point("refund.intent_committed")
    outcome = gateway.refund(request)
    services.crash_point("refund.gateway_answered")
    services.database.run(
        lambda session: record_refund_outcome(
            session, merchant_id, request.reference, outcome, actor=gateway_actor(gateway.name), at=services.clock.now()
        )
    )
    return request.reference


def record_refund_outcome(
    session: Session, merchant_id: str, refund_id: str, outcome: RefundOutcome, *, actor: Actor, at: datetime
) -> None:
    """Update a refund and its payment to the gateway's outcome; idempotent. A refund that fails restores its amount to the payment,
    and to the customer's credit what it took from that."""
    refund = session.execute(_LOCK, {"merchant_id": merchant_id, "id": refund_id}).scalar_one()
    if outcome.reference != refund.id:
        return
    is_other_money = outcome.money is not None and outcome.money != Money(refund.amount, refund.currency)
    if is_other_money or (refund.status == RefundStatus.FAILED and outcome.state is State.SUCCEEDED):
        _record_contradiction(session, refund, outcome, actor, at)
        return
    is_open = refund.status == RefundStatus.PENDING
    if not is_open and not (refund.status == RefundStatus.COMPLETE and outcome.state is State.FAILED):
        return
    refund.gateway_reference = refund.gateway_reference or outcome.gateway_reference
    if outcome.state not in (State.SUCCEEDED, State.FAILED):
        return
    payment = lock_payment(session, merchant_id, refund.payment_id)
    refund.completed_at = at
    refund.check_count = 0
    refund.next_check_at = next_recheck(0, at) if outcome.state is State.SUCCEEDED else None
    refund.failure_code = outcome.failure_code
    if outcome.state is State.FAILED:
        _fail(session, refund, payment, actor, at)
    else:
        assert payment.gateway is not None, "a refunded payment was charged by a gateway"
        money = Money(refund.amount, refund.currency)
        post(
            session,
            merchant_id,
            refund_succeeded(
                customer_id=payment.customer_id,
                payment_id=payment.id,
                refund_id=refund.id,
                gateway=payment.gateway,
                money=money,
                at=at,
            ),
        )
        _become(session, refund, payment, RefundStatus.COMPLETE, actor, at)


def _fail(session: Session, refund: Refund, payment: Payment, actor: Actor, at: datetime) -> None:
    """Restore the amount to the payment, and to the customer's credit what was taken from it."""
    assert payment.gateway is not None, "a refunded payment was charged by a gateway"
    was_complete = refund.status == RefundStatus.COMPLETE
    scope = Scope(payment.merchant_id, payment.customer_id)
    taken = Money(refund.credit_taken, refund.currency)
    credit.add(session, scope, taken, actor=actor, source="refund_failed", payment_id=payment.id, at=at)
    payment.credit_granted += refund.credit_taken
    payment.amount_refunded -= refund.amount
    money = Money(refund.amount, refund.currency)
    posting = refund_failed(
        customer_id=payment.customer_id, payment_id=payment.id, refund_id=refund.id, gateway=payment.gateway,
        money=money, credit_taken=taken, had_succeeded=was_complete, at=at,
    )  # fmt: skip
    post(session, payment.merchant_id, posting)
    _become(session, refund, payment, RefundStatus.FAILED, actor, at)
    _update_payment_status(session, payment, actor, at)


def resolve_refund(services: Services, merchant_id: str, refund_id: str) -> bool:
    """Look up a refund at its gateway, and record the outcome. One that the gateway does not know is resent: by one of several
    concurrent callers, and not while the first request may be in flight.

    A complete refund is looked up too, since the bank may have returned it, and is never resent. Return whether the gateway
    answered. Safe to call from anywhere at any time. Raises NotFound.
    """
    with services.database.read() as reader:
        refund = get_refund(reader, MerchantScope(merchant_id), refund_id)
        payment = get_payment(reader, MerchantScope(merchant_id), refund.payment_id)
    gateway = services.gateways.find_named(merchant_id, payment.gateway)
    if gateway is None:
        return False
    assert payment.gateway_reference is not None, "what is refunded was charged"
    request = RefundRequest(refund_id, payment.gateway_reference, Money(refund.amount, refund.currency))
    outcome = gateway.look_up_refund(request)
    services.crash_point("refund.looked_up")
    if outcome.state is State.ABSENT and services.database.run(
        lambda session: _claim_resend(session, merchant_id, refund_id, refund.sent_at, services.clock.now())
    ):
        outcome = gateway.refund(request)
    services.database.run(
        lambda session: record_refund_outcome(
            session, merchant_id, refund_id, outcome, actor=gateway_actor(gateway.name), at=services.clock.now()
        )
    )
    return outcome.state is not State.UNKNOWN


def _write_intent(
    session: Session,
    *,
    services: Services,
    merchant_id: str,
    payment_id: str,
    amount: int,
    reason: str | None,
    actor: Actor,
) -> RefundRequest:
    now = services.clock.now()
    payment = lock_payment(session, merchant_id, payment_id)
    charge = payment.gateway_reference
    if payment.status not in statuses.CAPTURED or charge is None:
        raise NotRefundable
    left = payment.charge_amount - payment.amount_refunded
    if not 0 < amount <= left:
        raise RefundTooLarge
    money = Money(amount, payment.currency)
    taken = _take_credit(session, payment, money, left, actor, now)
    refund = Refund(
        merchant_id=merchant_id,
        id=new_id("re", now),
        payment_id=payment.id,
        status=RefundStatus.PENDING.value,
        currency=payment.currency,
        amount=amount,
        credit_taken=taken.amount,
        reason=reason,
        next_check_at=statuses.next_check(0, now),
        sent_at=now,
        created_at=now,
    )
    session.add(refund)
    payment.amount_refunded += amount
    payment.credit_granted -= taken.amount
    session.flush()
    _record(session, refund, payment, EventType.REFUND_CREATED, actor, now)
    _update_payment_status(session, payment, actor, now)
    begun = refund_begun(
        customer_id=payment.customer_id,
        payment_id=payment.id,
        refund_id=refund.id,
        money=money,
        credit_taken=taken,
        at=now,
    )
    post(session, merchant_id, begun)
    return RefundRequest(refund.id, charge, money)


def _claim_resend(
    session: Session, merchant_id: str, refund_id: str, last_sent_at: datetime | None, at: datetime
) -> bool:
    """Claim the resending of a refund for `RESEND_REFUND_AFTER`; return whether the caller may resend it, as no other caller then may.

    `last_sent_at` was read before the lookup: a lookup from before another caller resent the refund proves nothing.
    """
    moved = session.execute(
        _CLAIM_RESEND,
        {
            "of_merchant": merchant_id,
            "of_refund": refund_id,
            "last_sent_at": last_sent_at,
            "sent_before": at - RESEND_REFUND_AFTER,
            "at": at,
        },
    )
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE answers with a CursorResult


# Built once: building a statement costs as much as running it.
_REFUNDS = table_of(Refund)
_LOCK = (
    sa.select(Refund)
    .where(Refund.merchant_id == sa.bindparam("merchant_id"), Refund.id == sa.bindparam("id"))
    .with_for_update()
)
_CLAIM_RESEND = (
    sa.update(_REFUNDS)
    .where(
        _REFUNDS.c.merchant_id == sa.bindparam("of_merchant"),
        _REFUNDS.c.id == sa.bindparam("of_refund"),
        _REFUNDS.c.status == "pending",
        _REFUNDS.c.sent_at.is_not_distinct_from(sa.bindparam("last_sent_at")),
        sa.func.coalesce(_REFUNDS.c.sent_at, _REFUNDS.c.created_at) <= sa.bindparam("sent_before"),
    )
    .values(sent_at=sa.bindparam("at"))
)


def _take_credit(session: Session, payment: Payment, money: Money, left: int, actor: Actor, at: datetime) -> Money:
    """Take from the customer's credit what of the refund became credit, and return how much that is. Raises CreditSpent."""
    if not payment.credit_granted:
        return Money(0, payment.currency)
    scope = Scope(payment.merchant_id, payment.customer_id)
    free = credit.lock_free(session, scope, payment.currency)
    taken = credit_to_take(money.amount, left=left, granted=payment.credit_granted, free=free)
    if taken is None:
        raise CreditSpent(left - payment.credit_granted + min(payment.credit_granted, free))
    credit.take(session, scope, Money(taken, payment.currency), actor=actor, payment_id=payment.id, at=at)
    return Money(taken, payment.currency)


def _record_contradiction(session: Session, refund: Refund, outcome: RefundOutcome, actor: Actor, at: datetime) -> None:
    """Record an outcome that contradicts the refund, as that of a payment: nothing is booked, an error in the log alerts the operator."""
    event = Event(
        type=EventType.REFUND_OUTCOME_CONTRADICTED,
        merchant_id=refund.merchant_id,
        object_id=refund.id,
        details={"status": refund.status, "outcome": outcome.state.value},
        at=at,
    )
    record(session, actor, event)
    log.error(
        "refund.outcome_contradicted",
        extra={"refund": refund.id, "status": refund.status, "outcome": outcome.state.value},
    )


def _become(
    session: Session, refund: Refund, payment: Payment, status: RefundStatus, actor: Actor, at: datetime
) -> None:
    """The only writer of a refund's status."""
    before = refund.status
    assert may_follow(before, status), f"a refund that is {before} does not become {status}"
    refund.status = status.value
    session.flush()
    _record(session, refund, payment, _EVENT_OF[status], actor, at, previous={"status": before})


def _record(
    session: Session,
    refund: Refund,
    payment: Payment,
    event_type: EventType,
    actor: Actor,
    at: datetime,
    previous: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    event = Event(
        type=event_type,
        merchant_id=refund.merchant_id,
        object_id=refund.id,
        customer_id=payment.customer_id,
        object=shape_refund(refund),
        previous=previous,
        details={"payment": payment.id, "amount": refund.amount, "currency": refund.currency},
        at=at,
    )
    record(session, actor, event)


_EVENT_OF = MappingProxyType(
    {RefundStatus.COMPLETE: EventType.REFUND_COMPLETE, RefundStatus.FAILED: EventType.REFUND_FAILED}
)


def _update_payment_status(session: Session, payment: Payment, actor: Actor, at: datetime) -> None:
    """Update the payment's status to the amount that is refunded of it."""
    payment.updated_at = at
    if payment.amount_refunded == 0:
        status = PaymentStatus.COMPLETE
    elif payment.amount_refunded == payment.charge_amount:
        status = PaymentStatus.REFUNDED
    else:
        status = PaymentStatus.PARTIALLY_REFUNDED
    if payment.status == status:
        payment.version += 1
    else:
        become(session, payment, status, actor=actor, at=at)
