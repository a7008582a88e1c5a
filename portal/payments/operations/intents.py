"""The durable intent to pay, written under the locks of its invoices: priced anew, within the limits, reserved; or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.credit import operations as credit
from portal.credit.queries import free_credit
from portal.events.rules import Actor
from portal.gateways.contract import Gateway
from portal.invoices.operations import balance
from portal.merchants.queries import get_merchant
from portal.money import Money
from portal.payment_methods.operations.consents import Consent, record_consent
from portal.payments.errors import AmountChanged, CheckoutEnded, InvoiceBeingPaid, MethodMissing, MethodUnknown
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.checkouts import check_first_of_split, supersede
from portal.payments.operations.limits import limit_attempts, limit_prompts
from portal.payments.operations.locks import list_allocations, lock_invoices_of, lock_own_payment
from portal.payments.operations.orders import Intent, intent_of
from portal.payments.operations.outcomes import Recording, record_paid_by_credit
from portal.payments.operations.status import become
from portal.payments.queries.holders import find_holder, list_holders
from portal.payments.queries.shares import chosen_pricing, lock_dues, shown_version
from portal.payments.rules import statuses
from portal.payments.rules.amounts import Pricing, price_anew
from portal.payments.rules.choices import read_amount
from portal.payments.rules.statuses import PaymentStatus
from portal.services import Services
from portal.tenancy import Scope


def write_intent(
    session: Session,
    services: Services,
    gateway: Gateway | None,
    scope: Scope,
    payment_id: str,
    version: str,
    return_url: str,
    locale: str,
    consent: Consent | None,
    *,
    actor: Actor,
) -> Intent | Recording | None:
    """The durable intent, in the caller's transaction; None when it was confirmed before; the recording of what credit paid whole.

    The arguments are those of `confirm_payment`; `gateway` is the merchant's. Raises what that does but NoGateway: then the
    transaction is rolled back, and nothing is reserved.
    """
    now = services.clock.now()
    lock_invoices_of(session, scope.merchant_id, payment_id)
    payment = lock_own_payment(session, scope, payment_id)
    if payment.status in statuses.UNSETTLED or payment.status in statuses.CAPTURED or payment.confirmed_at is not None:
        return None
    if payment.status != "incomplete" or payment.expires_at <= now:
        raise CheckoutEnded
    if payment.gateway is not None and (gateway is None or payment.gateway != gateway.name):
        # The merchant takes payments through another gateway since, at which the method is worth nothing.
        raise CheckoutEnded
    limit_attempts(session, scope, services.settings, now)
    limit_prompts(session, scope, payment, services.settings, now)
    allocations = list_allocations(session, payment)
    chosen = chosen_pricing(
        payment.currency,
        payment.amount,
        payment.credit_amount,
        [(share.invoice_id, share.amount, share.price) for share in allocations],
    )
    pricing, currencies = _price_now(session, scope, payment, allocations)
    method_id = payment.payment_method_id
    if (version or shown_version(payment.id, chosen, method_id)) != shown_version(payment.id, pricing, method_id):
        raise AmountChanged
    _take_over(session, payment, allocations, pricing, currencies)
    supersede(
        session, scope, [allocation.invoice_id for allocation in allocations], but=payment.id, actor=actor, at=now
    )
    _reserve(session, scope, payment, allocations, now)
    payment.return_url, payment.locale = return_url, locale
    payment.confirmed_at = payment.sent_at = payment.checked_at = payment.updated_at = now
    payment.expires_at = now + timedelta(hours=services.settings.payment_expires_hours)
    payment.next_check_at = statuses.next_check(0, now)
    _take_consent(session, scope, payment, consent, now)
    become(
        session,
        payment,
        PaymentStatus.PROCESSING,
        actor=actor,
        at=now,
        amount=payment.amount,
        credit_amount=payment.credit_amount,
        currency=payment.currency,
        save_method=payment.save_method,
    )
    session.flush()
    if payment.charge_amount == 0:
        return record_paid_by_credit(session, payment, actor=actor, at=now)
    intent = intent_of(session, payment)
    if intent is None:
        raise MethodUnknown
    services.crash_point("payment.intent_written")
    return intent


def _price_now(
    session: Session, scope: Scope, payment: Payment, allocations: Sequence[PaymentAllocation]
) -> tuple[Pricing, Mapping[str, str]]:
    """What the payment is at this moment, under the locks of its invoices, and the currency of each of these, which may have been
    corrected since it was chosen. Raises InvoiceBeingPaid, InvoiceSettled."""
    if payment.kind == "top_up":
        return Pricing(payment.currency, (), payment.amount), {}
    options = get_merchant(session, scope.merchant_id).options
    if payment.split_of is not None:
        check_first_of_split(session, scope, payment.split_of)
    dues, reserved = lock_dues(session, scope, [share.invoice_id for share in allocations], options)
    for invoice_id, amount in reserved.items():
        holders = list_holders(session, scope, invoice_id) if amount else []
        if holders and holders != [payment.split_of]:
            raise InvoiceBeingPaid(holders[0])
    credit = free_credit(session, scope, payment.currency) if payment.use_credit else 0
    pricing = price_anew(dues, payment.currency, read_amount(payment), credit=credit)
    return pricing, {due.invoice_id: due.currency for due in dues}


def _take_over(
    session: Session,
    payment: Payment,
    allocations: list[PaymentAllocation],
    pricing: Pricing,
    currencies: Mapping[str, str],
) -> None:
    """Bring an unconfirmed payment to what it is now; invoices of which nothing is left leave it."""
    parts = {part.invoice_id: part for part in pricing.parts}
    for allocation in list(allocations):
        part = parts.get(allocation.invoice_id)
        if part is None:
            session.delete(allocation)
            allocations.remove(allocation)
            continue
        allocation.amount, allocation.invoice_version = part.share, part.version
        allocation.price = None if currencies[part.invoice_id] == payment.currency else part.price
    if (payment.gateway is None) != (pricing.charge == 0):
        # Credit came or went since the choice: whether a method pays at all is chosen anew.
        raise MethodMissing
    payment.amount, payment.credit_amount = pricing.total, pricing.credit
    payment.more_count = max(0, len(allocations) - 1)


def _reserve(
    session: Session, scope: Scope, payment: Payment, allocations: Sequence[PaymentAllocation], now: datetime
) -> None:
    """Hold the shares of the invoices and the credit for this payment: from now on nobody else can pay or use them."""
    for allocation in allocations:
        if not balance.reserve(session, scope.merchant_id, allocation.invoice_id, allocation.amount, at=now):
            raise InvoiceBeingPaid(find_holder(session, scope, allocation.invoice_id))
        allocation.state = "active"
    held = Money(payment.credit_amount, payment.currency)
    if held.amount and not credit.reserve(session, scope, held, at=now):
        raise AmountChanged


def _take_consent(session: Session, scope: Scope, payment: Payment, consent: Consent | None, now: datetime) -> None:
    """Keep the new method only with the customer's word for it, which is recorded with the order that asks for its token."""
    payment.save_method = payment.save_method and consent is not None
    if payment.save_method and consent is not None:
        record_consent(session, scope, consent, at=now, payment_id=payment.id)
