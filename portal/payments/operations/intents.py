"""The intent to pay, committed before the gateway is called: under the locks of its invoices a payment is priced again, checked
against the limits, and reserved; or it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy.orm import Session

from portal.credit import operations as credit
from portal.credit.queries import free_credit
from portal.customers.operations import lock_customer
from portal.errors import FreshCodeNeeded
from portal.events.rules import Actor
from portal.gateways.contract import ANY_AMOUNT, ChargeLimits, Gateway
from portal.invoices.operations import balance
from portal.merchants.queries import get_merchant
from portal.merchants.rules.payment_options import PaymentOptions
from portal.money import Money
from portal.pay_links.queries import find_pay_link
from portal.payment_methods.operations.consents import Consent, record_consent
from portal.payments.errors import (
    AmountChanged,
    AmountUnchargeable,
    CheckoutEnded,
    InvoiceBeingPaid,
    MethodMissing,
    MethodUnknown,
)
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.checkouts import check_first_of_split, supersede
from portal.payments.operations.gateway_requests import build_gateway_request
from portal.payments.operations.limits import limit_attempts, limit_prompts
from portal.payments.operations.locks import list_allocations, lock_invoices_of, lock_own_payment
from portal.payments.operations.outcomes import record_paid_by_credit
from portal.payments.operations.status import become
from portal.payments.queries.holders import find_holder, list_holders
from portal.payments.queries.shares import chosen_pricing, lock_dues, shown_version
from portal.payments.queries.without_code import sum_without_code
from portal.payments.rules import statuses
from portal.payments.rules.amounts import Pricing, reprice_choice
from portal.payments.rules.choices import read_amount
from portal.payments.rules.sending import TAKE_OVER_AFTER
from portal.payments.rules.statuses import PaymentStatus
from portal.services import Services
from portal.tenancy import Scope


class Intent(Enum):
    """What writing an intent came to: it is to be sent now, was confirmed before, or credit has paid all of it."""

    WRITTEN = auto()
    CONFIRMED_BEFORE = auto()
    PAID_BY_CREDIT = auto()


def _refuse_without_code(
    session: Session,
    services: Services,
    scope: Scope,
    options: PaymentOptions,
    charge: int,
    currency: str,
    covered_until: datetime | None,
) -> None:
    """Raise FreshCodeNeeded where this charge, with what saved methods paid since a code covered it, is above the merchant's limit."""
    if currency not in options.fresh_code_above:
        return
    lock_customer(session, scope)  # Two parts that are confirmed at once must not both fit.
    paid = sum_without_code(
        session, scope, currency, covered_until=covered_until, expires_hours=services.settings.payment_expires_hours,
        now=services.clock.now(),
    )  # fmt: skip
    if options.asks_for_code(paid + charge, currency):
        raise FreshCodeNeeded


def write_intent(
    session: Session,
    *,
    services: Services,
    gateway: Gateway | None,
    scope: Scope,
    payment_id: str,
    version: str,
    return_url: str,
    locale: str,
    consent: Consent | None,
    has_fresh_code: bool,
    covered_until: datetime | None,
    actor: Actor,
) -> Intent:
    """Write the intent in the caller's transaction; nothing is sent.

    The arguments are those of `confirm_payment`; `gateway` is the merchant's. Raises what `confirm_payment` raises except NoGateway:
    the transaction is then rolled back, and nothing is reserved.
    """
    now = services.clock.now()
    lock_invoices_of(session, scope.merchant_id, payment_id)
    payment = lock_own_payment(session, scope, payment_id)
    if payment.status in statuses.UNSETTLED or payment.status in statuses.CAPTURED or payment.confirmed_at is not None:
        return Intent.CONFIRMED_BEFORE
    if payment.status != "incomplete" or payment.expires_at <= now:
        raise CheckoutEnded
    if payment.gateway is not None and (gateway is None or payment.gateway != gateway.name):
        # The merchant has changed the gateway since: the method cannot be charged at the new one.
        raise CheckoutEnded
    _refuse_closed_link(session, payment, now)
    limit_attempts(session, scope, payment, services.settings, now)
    limit_prompts(session, scope, payment, services.settings, now)
    allocations = list_allocations(session, payment)
    chosen = chosen_pricing(
        payment.currency,
        payment.amount,
        payment.credit_amount,
        [(share.invoice_id, share.amount, share.price) for share in allocations],
    )
    limits = gateway.capabilities.charge_limits.get(payment.currency, ANY_AMOUNT) if gateway is not None else ANY_AMOUNT
    options = get_merchant(session, scope.merchant_id).options
    pricing, currencies = _reprice(session, scope, payment, allocations, options, limits)
    method_id = payment.payment_method_id
    if (version or shown_version(payment.id, chosen, method_id)) != shown_version(payment.id, pricing, method_id):
        raise AmountChanged
    if method_id is not None and not has_fresh_code:
        _refuse_without_code(session, services, scope, options, pricing.charge, payment.currency, covered_until)
    _apply_pricing(session, payment, allocations, pricing, currencies)
    with session.no_autoflush:  # The payment itself is written once, when it has become what it is now.
        supersede(
            session,
            scope,
            [allocation.invoice_id for allocation in allocations],
            except_payment_id=payment.id,
            pay_link_id=payment.pay_link_id,
            actor=actor,
            at=now,
        )
        _reserve(session, scope, payment, allocations, now)
    payment.return_url, payment.locale, payment.listed = return_url, locale, True
    payment.confirmed_at = payment.checked_at = payment.updated_at = now
    payment.expires_at = now + timedelta(hours=services.settings.payment_expires_hours)
    payment.next_check_at = now + TAKE_OVER_AFTER
    _record_consent(session, scope, payment, consent, now)
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
        record_paid_by_credit(session, payment, actor=actor, at=now)
        return Intent.PAID_BY_CREDIT
    if build_gateway_request(session, payment, services.settings.keys) is None:
        raise MethodUnknown
    services.crash_point("payment.intent_written")
    return Intent.WRITTEN


def _refuse_closed_link(session: Session, payment: Payment, now: datetime) -> None:
    """Raise CheckoutEnded where the pay link was revoked after its page was shown: in the transaction that would reserve."""
    if payment.pay_link_id is None:
        return
    link = find_pay_link(session, payment.merchant_id, payment.pay_link_id, now=now)
    if link is None or not link.is_open:
        raise CheckoutEnded


def _reprice(
    session: Session,
    scope: Scope,
    payment: Payment,
    allocations: Sequence[PaymentAllocation],
    options: PaymentOptions,
    limits: ChargeLimits,
) -> tuple[Pricing, Mapping[str, str]]:
    """Return what the payment amounts to now, under the locks of its invoices, and the currency of each of them, which may have been
    corrected since the choice. Raises InvoiceBeingPaid, InvoiceSettled, and where the gateway does not charge what it would come to,
    or what it would leave, AmountUnchargeable or RestTooSmall."""
    if payment.kind == "top_up":
        if not limits.allows(payment.amount):
            raise AmountUnchargeable(limits.least)
        return Pricing(payment.currency, (), payment.amount), {}
    if payment.split_of is not None:
        check_first_of_split(session, scope, payment.split_of)
    dues, reserved = lock_dues(session, scope, [share.invoice_id for share in allocations], options)
    for invoice_id, amount in reserved.items():
        holders = list_holders(session, scope, invoice_id) if amount else []
        if holders and holders != [payment.split_of]:
            raise InvoiceBeingPaid(holders[0])
    credit = free_credit(session, scope, payment.currency) if payment.use_credit else 0
    pricing = reprice_choice(dues, payment.currency, read_amount(payment), credit=credit, limits=limits)
    return pricing, {due.invoice_id: due.currency for due in dues}


def _apply_pricing(
    session: Session,
    payment: Payment,
    allocations: list[PaymentAllocation],
    pricing: Pricing,
    currencies: Mapping[str, str],
) -> None:
    """Update an unconfirmed payment and its shares to the new pricing; invoices with nothing left to pay are removed from it."""
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
        # The credit has changed since the choice: the customer has to choose again whether a method pays at all.
        raise MethodMissing
    payment.amount, payment.credit_amount = pricing.total, pricing.credit
    payment.more_count = max(0, len(allocations) - 1)


def _reserve(
    session: Session, scope: Scope, payment: Payment, allocations: Sequence[PaymentAllocation], now: datetime
) -> None:
    """Reserve the shares of the invoices and the credit for this payment: from now on no other payment can use them."""
    for allocation in allocations:
        if not balance.reserve(session, scope.merchant_id, allocation.invoice_id, allocation.amount, at=now):
            raise InvoiceBeingPaid(find_holder(session, scope, allocation.invoice_id))
    held = Money(payment.credit_amount, payment.currency)
    if held.amount and not credit.reserve(session, scope, held, at=now):
        raise AmountChanged
    for allocation in allocations:
        allocation.state = "active"


def _record_consent(session: Session, scope: Scope, payment: Payment, consent: Consent | None, now: datetime) -> None:
    """Save the new method only with the customer's consent, which is recorded with the request that returns its token."""
    payment.save_method = payment.save_method and consent is not None
    if payment.save_method and consent is not None:
        record_consent(session, scope, consent, at=now, payment_id=payment.id)
