"""The one place where a gateway's outcome is recorded: `record_outcome`, called by requests, pages, events and the worker alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from portal.contacts import mask_card_numbers
from portal.credit import operations as credit
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.gateways.contract import ChargeOutcome, State
from portal.invoices.operations import balance
from portal.invoices.queries.payable import read_currencies
from portal.ledger.operations.posting import post
from portal.ledger.rules import Settled, payment_captured
from portal.money import Money
from portal.payment_methods.operations.consents import consenting_actor, link_consent
from portal.payment_methods.operations.methods import mark_used, remember_method
from portal.payment_methods.rules import shown_brand
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.locks import list_allocations, lock_invoices_of, lock_payment
from portal.payments.operations.papers import fix_receipt
from portal.payments.operations.status import become
from portal.payments.rules import statuses
from portal.payments.rules.statuses import PaymentStatus
from portal.tenancy import Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What recording an outcome did; `saved_method_id` is the method that was saved by it."""

    payment_id: str
    customer_id: str
    before: str
    status: str
    saved_method_id: str | None = None

    @property
    def has_changed(self) -> bool:
        return self.before != self.status


def record_outcome(
    session: Session, merchant_id: str, payment_id: str, outcome: ChargeOutcome, *, actor: Actor, at: datetime
) -> RecordedOutcome:
    """Update payment, invoices, credit and method to the outcome, in the caller's transaction. `actor` is who decided: the gateway,
    or who canceled, or `SYSTEM` where a time of ours was up.

    Idempotent: the same outcome again, from any caller, changes nothing. Serialised by the payment's row; the unique
    indexes and checks of the tables decide, not the lock. Its invoices are locked before it, as at the
    confirmation: in the opposite order the two would deadlock.
    """
    lock_invoices_of(session, merchant_id, payment_id)
    payment = lock_payment(session, merchant_id, payment_id)
    before = payment.status
    decision = statuses.decide_status(
        before,
        Money(payment.charge_amount, payment.currency),
        payment.id,
        outcome,
        was_opened=payment.opened_at is not None,
    )
    if decision.is_contradiction:
        # Nothing of it is stored: it may be about somebody else's charge.
        _record_contradiction(session, payment, outcome, actor, at)
        return RecordedOutcome(payment.id, payment.customer_id, before, before)
    payment.gateway_reference = payment.gateway_reference or outcome.gateway_reference
    payment.gateway_page_reference = payment.gateway_page_reference or outcome.page_reference
    if outcome.method and not payment.method_last4:
        payment.method_type, payment.method_last4 = outcome.method.type, outcome.method.last4
        brand = shown_brand(outcome.method.type, outcome.method.brand, outcome.method.bank_name)
        payment.method_brand = mask_card_numbers(brand) if brand else None
    if decision.status != "requires_action":
        payment.action_url = None
    elif outcome.state is State.REQUIRES_ACTION:
        # A lookup that failed says nothing about the page, which is still there.
        payment.action_url = outcome.action_url
    method_before = payment.payment_method_id
    payment.updated_at = at
    if decision.status not in statuses.UNSETTLED:
        payment.next_check_at = None
    if decision.status != before:
        _apply_status(session, payment, decision.status, outcome, actor, at)
    saved_method_id = payment.payment_method_id if method_before is None else None
    return RecordedOutcome(payment.id, payment.customer_id, before, payment.status, saved_method_id)


def record_paid_by_credit(session: Session, payment: Payment, *, actor: Actor, at: datetime) -> RecordedOutcome:
    """Complete a confirmed payment that credit pays in full: no gateway takes part."""
    before = payment.status
    assert payment.charge_amount == 0 and before == "processing", "credit pays all of a confirmed payment"
    payment.next_check_at = None
    outcome = ChargeOutcome(State.SUCCEEDED, payment.id, evidence="credit")
    _apply_status(session, payment, PaymentStatus.COMPLETE, outcome, actor, at)
    return RecordedOutcome(payment.id, payment.customer_id, before, payment.status)


def _apply_status(
    session: Session, payment: Payment, status: str, outcome: ChargeOutcome, actor: Actor, at: datetime
) -> None:
    came_late = payment.status in statuses.ENDED_WITHOUT_MONEY
    payment.listed = payment.listed or status in statuses.CAPTURED
    surplus = 0
    with session.no_autoflush:  # Payment and shares are written once, before the event.
        if status == PaymentStatus.COMPLETE:
            payment.completed_at = outcome.completed_at or at
            payment.failure_code = payment.failure_message = None
            surplus = _settle(session, payment, actor, at, came_late=came_late)
            _save_method(session, payment, outcome, at)
        elif status in statuses.ENDED_WITHOUT_MONEY:
            payment.completed_at = at
            payment.failure_code = outcome.failure_code
            payment.failure_message = mask_card_numbers(outcome.failure_message) if outcome.failure_message else None
            _release(session, payment, at)
    if status == PaymentStatus.COMPLETE:
        session.flush()
        fix_receipt(session, payment)
    become(
        session,
        payment,
        status,
        actor=actor,
        at=at,
        evidence=outcome.evidence,
        late=came_late,
        surplus=surplus,
    )


def _settle(session: Session, payment: Payment, actor: Actor, at: datetime, *, came_late: bool) -> int:
    """Book the money. Return how much of it became the customer's credit because no invoice could take it, in minor units."""
    scope = Scope(payment.merchant_id, payment.customer_id)
    currency = payment.currency
    used = Money(0 if came_late else payment.credit_amount, currency)
    charged = Money(payment.charge_amount, currency)
    settled = (
        _settle_late(session, payment, charged, actor, at)
        if came_late
        else _settle_reserved(session, payment, actor, at)
    )
    surplus = charged + used - Money(sum(part.price.amount for part in settled), currency)
    if used.amount:
        credit.use_reserved(session, scope, used, actor=actor, payment_id=payment.id, at=at)
    source = "top_up" if payment.kind == "top_up" else "surplus"
    credit.add(session, scope, surplus, actor=actor, source=source, payment_id=payment.id, at=at)
    payment.credit_granted = surplus.amount
    posting = payment_captured(
        payment.customer_id,
        payment.id,
        gateway=payment.gateway,
        charged=charged,
        credit_used=used,
        credit_granted=surplus,
        settled=settled,
        at=at,
    )
    post(session, payment.merchant_id, posting)
    if payment.kind == "top_up":
        # All of a top-up becomes credit, and the receipt says so: none of it is a surplus.
        return 0
    if surplus.amount:
        log.warning("payment.surplus_credited", extra={"payment": payment.id, "amount": surplus.amount})
    return surplus.amount


def _settle_reserved(session: Session, payment: Payment, actor: Actor, at: datetime) -> list[Settled]:
    allocated = _allocated(session, payment)
    for allocation, _ in allocated:
        balance.settle_reserved(
            session, payment.merchant_id, allocation.invoice_id, allocation.amount, actor=actor, at=at
        )
    for allocation, _ in allocated:
        allocation.state = "settled"
    return [_settled(payment, allocation, currency) for allocation, currency in allocated]


def _settle_late(session: Session, payment: Payment, charged: Money, actor: Actor, at: datetime) -> list[Settled]:
    """Settle invoices with money that came after the payment had ended: nothing is reserved for it any more, so that it pays what is
    free now, oldest first.

    The credit that was to pay a part was released at that time, and stays the customer's.
    """
    payment.amount, payment.credit_amount = charged.amount, 0
    left, settled = charged.amount, []
    for allocation, currency in _allocated(session, payment):
        # An invoice may have been corrected since, its currency too: its price is then missing or no longer valid.
        if currency == payment.currency:
            allocation.price = None
            wanted = min(allocation.amount, left)
        else:
            # In another currency an invoice is paid in full, or not at all.
            is_enough = allocation.price is not None and allocation.price <= left
            wanted = allocation.amount if is_enough else 0
        taken = 0
        if wanted:
            taken = balance.settle_unreserved(
                session,
                payment.merchant_id,
                allocation.invoice_id,
                wanted,
                actor=actor,
                at=at,
                whole=currency != payment.currency,
            )
        if not taken:
            continue
        allocation.state, allocation.amount = "settled", taken
        part = _settled(payment, allocation, currency)
        settled.append(part)
        left -= part.price.amount
    return settled


def _allocated(session: Session, payment: Payment) -> list[tuple[PaymentAllocation, str]]:
    """Return the payment's shares, each with its invoice's currency."""
    allocations = list_allocations(session, payment)
    scope = Scope(payment.merchant_id, payment.customer_id)
    currencies = read_currencies(session, scope, [allocation.invoice_id for allocation in allocations])
    return [(allocation, currencies[allocation.invoice_id]) for allocation in allocations]


def _settled(payment: Payment, allocation: PaymentAllocation, currency: str) -> Settled:
    share = Money(allocation.amount, currency)
    paid = share if allocation.price is None else Money(allocation.price, payment.currency)
    return Settled(allocation.invoice_id, share, paid)


def _release(session: Session, payment: Payment, at: datetime) -> None:
    allocations = list_allocations(session, payment)
    for allocation in allocations:
        balance.release(session, payment.merchant_id, allocation.invoice_id, allocation.amount, at=at)
    if payment.credit_amount:
        held = Money(payment.credit_amount, payment.currency)
        credit.release(session, Scope(payment.merchant_id, payment.customer_id), held, at=at)
    for allocation in allocations:
        allocation.state = "released"


def _save_method(session: Session, payment: Payment, outcome: ChargeOutcome, at: datetime) -> None:
    scope = Scope(payment.merchant_id, payment.customer_id)
    gateway, entered = payment.gateway, outcome.method
    is_to_save = payment.payment_method_id is None and payment.save_method
    if is_to_save and gateway is not None and entered and entered.token:
        actor = consenting_actor(session, scope, payment_id=payment.id)
        payment.payment_method_id = remember_method(session, scope, gateway, entered, actor=actor, at=at)
        link_consent(session, payment.merchant_id, payment.payment_method_id, payment_id=payment.id)
    if payment.payment_method_id is not None:
        mark_used(session, scope, payment.payment_method_id, at=at)


def _record_contradiction(
    session: Session, payment: Payment, outcome: ChargeOutcome, actor: Actor, at: datetime
) -> None:
    """Record an outcome that contradicts the payment: nothing is booked, and an error in the log alerts the operator (threats 94, 102)."""
    event = Event(
        type=EventType.PAYMENT_OUTCOME_CONTRADICTED,
        merchant_id=payment.merchant_id,
        object_id=payment.id,
        customer_id=payment.customer_id,
        details={"status": payment.status, "outcome": outcome.state.value},
        at=at,
    )
    record(session, actor, event)
    log.error(
        "payment.outcome_contradicted",
        extra={"payment": payment.id, "status": payment.status, "outcome": outcome.state.value},
    )


def failed(reference: str, code: str) -> ChargeOutcome:
    """Return an outcome of our own for a payment that was never sent, or that the gateway does not know."""
    return ChargeOutcome(State.FAILED, reference, failure_code=code, evidence="never sent")


def is_cancellation(outcome: ChargeOutcome) -> bool:
    """Return whether the gateway reports that a payment was canceled, and not that it ended in another way."""
    return outcome.state is State.FAILED and outcome.failure_code in ("page_canceled", "payer_canceled")


def stopped(outcome: ChargeOutcome) -> ChargeOutcome:
    """Return the outcome of a cancellation that the customer requested on our page: a gateway says the same of one on the telephone."""
    return replace(outcome, failure_code="page_canceled", evidence="stopped")


def expired(outcome: ChargeOutcome) -> ChargeOutcome:
    """Return the outcome of a cancellation that we requested because the time was up: the payment expired, nobody canceled it."""
    code = "page_expired" if outcome.failure_code == "page_canceled" else "timeout"
    return replace(outcome, failure_code=code, evidence="expired")
