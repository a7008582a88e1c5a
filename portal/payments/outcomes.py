"""The one place where a provider's word becomes our record: `record_outcome`, used by request, page, event and worker alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.operations import record_act
from portal.contacts import mask_card_numbers
from portal.gateways.contract import Outcome, State
from portal.invoices import balance
from portal.invoices.models import CreditNote
from portal.money import Money
from portal.outbox.operations import enqueue
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations import remember_method
from portal.payment_methods.rules import shown_brand
from portal.payments import rules
from portal.payments.models import Payment, PaymentAllocation
from portal.public_ids import new_id
from portal.tenancy import Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """What recording an outcome did. `surplus` (minor units) went to the customer's credit."""

    payment_id: str
    customer_id: str
    before: str
    status: str
    surplus: int = 0

    @property
    def has_changed(self) -> bool:
        return self.before != self.status


def record_outcome(session: Session, merchant_id: str, payment_id: str, outcome: Outcome, *, at: datetime) -> Recording:
    """Bring payment, invoices, credit, method and outbox to what the outcome says, in the caller's transaction.

    Idempotent: the same outcome again, from whomever, changes nothing. Serialised by the payment's row; the unique
    indexes and checks of the tables decide, not the lock.
    """
    payment = lock_payment(session, merchant_id, payment_id)
    before = payment.status
    verdict = rules.judge(
        before, Money(payment.amount, payment.currency), payment.id, outcome, was_opened=payment.opened_at is not None
    )
    if verdict.is_contradiction:
        # Not one word of it is taken over: it may well speak of somebody else's charge.
        _quarantine(session, payment, outcome, at)
        return Recording(payment.id, payment.customer_id, before, before)
    payment.gateway_reference = payment.gateway_reference or outcome.gateway_reference
    payment.gateway_page_reference = payment.gateway_page_reference or outcome.page_reference
    if outcome.method and not payment.method_last4:
        payment.method_type, payment.method_last4 = outcome.method.type, outcome.method.last4
        payment.method_brand = shown_brand(outcome.method.type, outcome.method.brand, outcome.method.bank_name)
    if verdict.status != "requires_action":
        payment.action_url = None
    elif outcome.state is State.REQUIRES_ACTION:
        # A look-up that failed says nothing of the page: it is still where it was.
        payment.action_url = outcome.action_url
    surplus = 0
    if verdict.status != before:
        surplus = _become(session, payment, verdict.status, outcome, at)
    if payment.status not in rules.UNSETTLED:
        payment.next_check_at = None
    payment.updated_at = at
    session.flush()
    return Recording(payment.id, payment.customer_id, before, payment.status, surplus)


def lock_payment(session: Session, merchant_id: str, payment_id: str) -> Payment:
    """The payment's row, read under its lock. Raises NoResultFound."""
    return session.execute(
        sa.select(Payment).where(Payment.merchant_id == merchant_id, Payment.id == payment_id).with_for_update()
    ).scalar_one()


def list_allocations(session: Session, payment: Payment) -> list[PaymentAllocation]:
    """The payment's shares of invoices, by invoice: always locked in this order, so that two payments never deadlock."""
    statement = (
        sa.select(PaymentAllocation)
        .where(PaymentAllocation.merchant_id == payment.merchant_id, PaymentAllocation.payment_id == payment.id)
        .order_by(PaymentAllocation.invoice_id)
    )
    return list(session.execute(statement).scalars())


def _become(session: Session, payment: Payment, status: str, outcome: Outcome, at: datetime) -> int:
    came_late = payment.status in rules.ENDED_WITHOUT_MONEY
    payment.status = status
    payment.version += 1
    payment.listed = payment.listed or status in rules.CAPTURED
    surplus = 0
    if status == "complete":
        payment.completed_at = outcome.completed_at or at
        payment.failure_code = payment.failure_message = None
        surplus = _settle(session, payment, at)
        _keep_method(session, payment, outcome, at)
        enqueue(session, payment.merchant_id, "receipt_mail", {"payment": payment.id}, at=at)
    elif status in rules.ENDED_WITHOUT_MONEY:
        payment.completed_at = at
        payment.failure_code = outcome.failure_code
        payment.failure_message = mask_card_numbers(outcome.failure_message) if outcome.failure_message else None
        _release(session, payment, at)
    record_act(
        session,
        payment.merchant_id,
        f"payment.{status}",
        at=at,
        actor_type="system",
        actor_id=payment.gateway,
        customer_id=payment.customer_id,
        object_id=payment.id,
        evidence=outcome.evidence,
        late=came_late,
        surplus=surplus,
    )
    log.info("payment.status_changed", extra={"payment": payment.id, "status": status, "late": came_late})
    return surplus


def _settle(session: Session, payment: Payment, at: datetime) -> int:
    surplus = 0
    for allocation in list_allocations(session, payment):
        if allocation.state == "active":
            balance.settle_reserved(session, payment.merchant_id, allocation.invoice_id, allocation.amount, at=at)
        else:
            taken = balance.settle_unreserved(
                session, payment.merchant_id, allocation.invoice_id, allocation.amount, at=at
            )
            surplus += allocation.amount - taken
        allocation.state = "settled"
    if surplus:
        _credit_surplus(session, payment, surplus, at)
    return surplus


def _credit_surplus(session: Session, payment: Payment, surplus: int, at: datetime) -> None:
    """Money that no invoice could take stands to the customer's credit, and is told where credit is told."""
    session.add(
        CreditNote(
            merchant_id=payment.merchant_id,
            id=new_id("cn", at),
            customer_id=payment.customer_id,
            number=f"CREDIT-{payment.id[-8:]}",
            currency=payment.currency,
            description=payment.description,
            amount=surplus,
            issued_on=at.date(),
            created_at=at,
        )
    )
    log.warning("payment.surplus_credited", extra={"payment": payment.id, "amount": surplus})


def _release(session: Session, payment: Payment, at: datetime) -> None:
    for allocation in list_allocations(session, payment):
        if allocation.state == "active":
            balance.release(session, payment.merchant_id, allocation.invoice_id, allocation.amount, at=at)
        allocation.state = "released"


def _keep_method(session: Session, payment: Payment, outcome: Outcome, at: datetime) -> None:
    scope = Scope(payment.merchant_id, payment.customer_id)
    if payment.payment_method_id is None and payment.save_method and outcome.method and outcome.method.token:
        payment.payment_method_id = remember_method(session, scope, payment.gateway, outcome.method, at=at)
    if payment.payment_method_id is not None:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == payment.merchant_id, PaymentMethod.id == payment.payment_method_id)
            .values(last_used_at=at)
        )


def _quarantine(session: Session, payment: Payment, outcome: Outcome, at: datetime) -> None:
    """A provider's word that does not fit: nothing is booked, a person is told (threats 94, 102)."""
    record_act(
        session,
        payment.merchant_id,
        "payment.outcome_contradicted",
        at=at,
        actor_type="system",
        actor_id=payment.gateway,
        customer_id=payment.customer_id,
        object_id=payment.id,
        status=payment.status,
        told=outcome.state.value,
    )
    log.error(
        "payment.outcome_contradicted",
        extra={"payment": payment.id, "status": payment.status, "told": outcome.state.value},
    )


def failed(reference: str, code: str) -> Outcome:
    """An end without money that we know by ourselves: nothing was ever sent, or the provider has never heard of it."""
    return Outcome(State.FAILED, reference, failure_code=code, evidence="never sent")


def given_up(outcome: Outcome) -> Outcome:
    """What a cancellation that we asked for after the time was up means: it expired, nobody cancelled it."""
    if outcome.state is State.FAILED and outcome.failure_code in ("page_canceled", "payer_canceled"):
        code = "page_expired" if outcome.failure_code == "page_canceled" else "timeout"
        return replace(outcome, failure_code=code, evidence="expired")
    return outcome
