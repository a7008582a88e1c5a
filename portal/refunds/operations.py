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
from portal.payments import rules
from portal.payments.models import Payment
from portal.payments.outcomes import lock_payment
from portal.public_ids import new_id
from portal.refunds.errors import NotRefundable, RefundTooLarge
from portal.refunds.models import Refund
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 50


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
        lambda session: _write_intent(session, services, merchant_id, payment_id, amount, reason, actor_id)
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
    refund.status, refund.next_check_at, refund.completed_at = outcome.state.value, None, at
    refund.failure_code = outcome.failure_code
    payment = lock_payment(session, merchant_id, refund.payment_id)
    money = Money(refund.amount, refund.currency)
    told = (payment.customer_id, payment.id, refund.id, payment.gateway, money)
    if outcome.state is State.FAILED:
        payment.amount_refunded -= refund.amount
        _show_refunded(payment, at)
        post(session, merchant_id, refund_failed(*told, had_succeeded=had_succeeded, at=at))
    else:
        post(session, merchant_id, refund_succeeded(*told, at=at))
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


def check_refunds(services: Services) -> int:
    """Ask the gateways for every refund whose time to ask has come; tells how many."""
    now = services.clock.now()
    with services.database.unit_of_work() as session:
        due = (
            session.execute(
                sa.select(Refund)
                .where(Refund.next_check_at <= now)
                .order_by(Refund.next_check_at)
                .limit(_BATCH)
                .with_for_update(skip_locked=True)
                .execution_options(tenant_wide=True)
            )
            .scalars()
            .all()
        )
        for refund in due:
            refund.check_count += 1
            refund.next_check_at = rules.next_check(refund.check_count, now)
    for refund in due:
        try:
            _resolve(services, refund)
        except Exception:  # one refund that cannot be resolved must not stop the others; it stays due and is shown
            log.exception("refund.check_failed", extra={"refund": refund.id})
    return len(due)


def _resolve(services: Services, refund: Refund) -> None:
    gateway = services.gateways.find(refund.merchant_id)
    if gateway is None:
        return
    with services.database.read() as connection:
        charge = connection.execute(
            sa.select(Payment.gateway_reference).where(
                Payment.merchant_id == refund.merchant_id, Payment.id == refund.payment_id
            )
        ).scalar_one()
    assert charge is not None, "what is refunded was charged"
    order = RefundOrder(refund.id, charge, Money(refund.amount, refund.currency))
    outcome = gateway.look_up_refund(order)
    if outcome.state is State.ABSENT:
        outcome = gateway.refund(order)
    services.database.run(
        lambda session: record_refund_outcome(session, refund.merchant_id, refund.id, outcome, at=services.clock.now())
    )


def _write_intent(
    session: Session,
    services: Services,
    merchant_id: str,
    payment_id: str,
    amount: int,
    reason: str | None,
    actor_id: str,
) -> RefundOrder:
    now = services.clock.now()
    payment = lock_payment(session, merchant_id, payment_id)
    charge = payment.gateway_reference
    if payment.status not in rules.CAPTURED or charge is None:
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
