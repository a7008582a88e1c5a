"""Refunding: the intent with its share of what was captured, the call, the outcome; as paying, never two of a kind."""

from __future__ import annotations

import logging
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.operations import record_act
from portal.gateways.contract import RefundOrder, RefundOutcome, State
from portal.ledger.operations import post
from portal.ledger.rules import refund_begun, refund_failed, refund_succeeded
from portal.money import Money
from portal.outbox.operations import enqueue
from portal.payments import rules
from portal.payments.locks import lock_payment
from portal.payments.models import Payment
from portal.public_ids import new_id
from portal.refunds.errors import NotRefundable, RefundTooLarge
from portal.refunds.models import Refund
from portal.refunds.rules import next_look
from portal.services import Services

log = logging.getLogger(__name__)


def refund_payment(
    services: Services, merchant_id: str, payment_id: str, amount: int, *, reason: str | None, actor_id: str
) -> str:
    """Give back `amount` (minor units) of a payment and tell the refund's id; its outcome may still be to come.

    The amount is set aside on the payment before the gateway is called, so that refunds that race never exceed what was
    captured. Raises RefundTooLarge, NotRefundable, NoResultFound.
    """
    gateway = services.gateways.find(merchant_id)
    if gateway is None or not gateway.capabilities.refunds:
        raise NotRefundable
    order: RefundOrder = services.database.run(
        lambda session: _write_intent(
            session, services, gateway.name, merchant_id, payment_id, amount, reason, actor_id
        )
    )
    services.crash_point("refund.intent_committed")
    outcome = gateway.refund(order)
    services.crash_point("refund.gateway_answered")
    services.database.run(
        lambda session: record_refund_outcome(session, merchant_id, order.reference, outcome, at=services.clock.now())
    )
    return order.reference


def record_refund_outcome(
    session: Session, merchant_id: str, refund_id: str, outcome: RefundOutcome, *, at: datetime
) -> None:
    """Bring a refund and its payment to what the gateway says; idempotent. A refund that fails gives its amount back."""
    refund = session.execute(
        sa.select(Refund).where(Refund.merchant_id == merchant_id, Refund.id == refund_id).with_for_update()
    ).scalar_one()
    if not _may_become(refund.status, outcome.state) or outcome.reference != refund.id:
        return
    if outcome.money is not None and outcome.money != Money(refund.amount, refund.currency):
        log.error("refund.outcome_contradicted", extra={"refund": refund.id})
        return
    refund.gateway_reference = refund.gateway_reference or outcome.gateway_reference
    if outcome.state not in (State.SUCCEEDED, State.FAILED):
        return
    had_succeeded = refund.status == "succeeded"
    refund.status, refund.completed_at = outcome.state.value, at
    refund.check_count = 0
    refund.next_check_at = next_look(0, at) if outcome.state is State.SUCCEEDED else None
    refund.failure_code = outcome.failure_code
    payment = lock_payment(session, merchant_id, refund.payment_id)
    money = Money(refund.amount, refund.currency)
    told = (payment.customer_id, payment.id, refund.id, payment.gateway, money)
    if outcome.state is State.FAILED:
        payment.amount_refunded -= refund.amount
        _show_refunded(payment, at)
        post(session, merchant_id, refund_failed(*told, had_succeeded=had_succeeded, at=at))
        if had_succeeded:
            # Who was told that it comes is told that it does not; of one that never left nobody had heard.
            enqueue(session, merchant_id, "refund_mail", {"refund": refund.id, "told": "came_back"}, at=at)
    else:
        post(session, merchant_id, refund_succeeded(*told, at=at))
        enqueue(session, merchant_id, "refund_mail", {"refund": refund.id, "told": "succeeded"}, at=at)
    record_act(
        session,
        merchant_id,
        f"refund.{outcome.state.value}",
        at=at,
        actor_type="system",
        actor_id=payment.gateway,
        customer_id=payment.customer_id,
        object_id=refund.id,
        amount=refund.amount,
    )


def resolve_refund(services: Services, merchant_id: str, refund_id: str) -> bool:
    """Ask the gateway what became of a refund, and record it; one that the gateway has never heard of is given again.

    A refund that was called done is asked for too, and never given again: the bank may have sent it back. Tells whether the
    gateway answered. Safe for anybody to call at any time. Raises NoResultFound.
    """
    with services.database.read() as reader:
        refund = reader.execute(
            sa.select(
                Refund.status,
                Refund.amount,
                Refund.currency,
                Payment.gateway,
                Payment.gateway_reference.label("charge"),
            )
            .join(Payment, sa.and_(Payment.merchant_id == Refund.merchant_id, Payment.id == Refund.payment_id))
            .where(Refund.merchant_id == merchant_id, Payment.merchant_id == merchant_id, Refund.id == refund_id)
        ).one()
    gateway = services.gateways.find(merchant_id)
    if gateway is None or gateway.name != refund.gateway:
        return False
    assert refund.charge is not None, "what is refunded was charged"
    order = RefundOrder(refund_id, refund.charge, Money(refund.amount, refund.currency))
    outcome = gateway.look_up_refund(order)
    services.crash_point("refund.looked_up")
    if outcome.state is State.ABSENT and refund.status == "pending":
        outcome = gateway.refund(order)
    services.database.run(
        lambda session: record_refund_outcome(session, merchant_id, refund_id, outcome, at=services.clock.now())
    )
    return outcome.state is not State.UNKNOWN


def _write_intent(
    session: Session,
    services: Services,
    gateway: str,
    merchant_id: str,
    payment_id: str,
    amount: int,
    reason: str | None,
    actor_id: str,
) -> RefundOrder:
    now = services.clock.now()
    payment = lock_payment(session, merchant_id, payment_id)
    charge = payment.gateway_reference
    if payment.status not in rules.CAPTURED or charge is None or payment.gateway != gateway:
        raise NotRefundable
    if not 0 < amount <= payment.charge_amount - payment.amount_refunded:
        raise RefundTooLarge
    refund = Refund(
        merchant_id=merchant_id,
        id=new_id("re", now),
        payment_id=payment.id,
        status="pending",
        currency=payment.currency,
        amount=amount,
        reason=reason,
        next_check_at=rules.next_check(0, now),
        created_at=now,
    )
    session.add(refund)
    payment.amount_refunded += amount
    _show_refunded(payment, now)
    record_act(
        session,
        merchant_id,
        "refund.created",
        at=now,
        actor_type="staff",
        actor_id=actor_id,
        customer_id=payment.customer_id,
        object_id=refund.id,
        amount=amount,
    )
    money = Money(amount, payment.currency)
    post(session, merchant_id, refund_begun(payment.customer_id, payment.id, refund.id, money, at=now))
    return RefundOrder(refund.id, charge, money)


def _may_become(status: str, state: State) -> bool:
    """A refund ends once; one that was called done may still come back, days later (the bank did not take it)."""
    return status == "pending" or (status == "succeeded" and state is State.FAILED)


def _show_refunded(payment: Payment, at: datetime) -> None:
    if payment.amount_refunded == 0:
        payment.status = "complete"
    else:
        payment.status = "refunded" if payment.amount_refunded == payment.charge_amount else "partially_refunded"
    payment.version += 1
    payment.updated_at = at
