"""Paying: write the intent, call the gateway, record the outcome; and resolving what was left unknown.

No call to a gateway is ever made inside a transaction, and none without a durable intent (threats, rules 16 and 17).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.events.rules import SYSTEM, Actor, gateway_actor
from portal.gateways.contract import ChargeOutcome, Lookup, State
from portal.gateways.polling import RESEND_AFTER
from portal.payment_methods.operations.consents import Consent
from portal.payments.errors import InvoiceBeingPaid, NoGateway
from portal.payments.models import is_second_attempt
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.intents import write_intent
from portal.payments.operations.locks import lock_own_payment, lock_payment
from portal.payments.operations.orders import Intent, intent_of, lookup_of, send
from portal.payments.operations.outcomes import Recording, expired, failed, is_cancellation, record_outcome
from portal.payments.queries.holders import find_other_holders
from portal.payments.queries.payments import find_payment, get_payment
from portal.payments.rules import statuses
from portal.payments.rules.statuses import PaymentStatus
from portal.services import Services
from portal.tenancy import MerchantScope, Scope

ASK_AT_MOST_EVERY = timedelta(milliseconds=500)
"""For pages, however often they are loaded; but for a customer who was sent to the gateway's page and may be back in no time."""


def confirm_payment(
    services: Services,
    scope: Scope,
    payment_id: str,
    *,
    actor: Actor,
    version: str,
    return_url: str,
    locale: str,
    consent: Consent | None = None,
) -> None:
    """The customer pressed Pay: reserve, charge, record. Pressed again, it only asks what became of the first time.

    `version` is `shown_version` of the page that was confirmed; "" stands for the amounts as they were chosen.
    `return_url` is the payment's own page, absolute; `locale` the language of the gateway's page.
    `consent` is recorded where the customer ticked that the new method be kept; without it none is kept.
    Raises AmountChanged, InvoiceBeingPaid, InvoiceSettled, CheckoutEnded, MethodUnknown, NoGateway, TooManyAttempts, and
    NoResultFound for a payment that is not this customer's; then nothing was reserved and nothing was sent.
    """
    gateway = services.gateways.find(scope.merchant_id)
    if gateway is None and not _is_paid_by_credit(services, scope, payment_id):
        raise NoGateway
    for other_id in _other_attempts(services, scope, payment_id):
        resolve_payment(services, scope.merchant_id, other_id)
    try:
        written = services.database.run(
            lambda session: write_intent(
                session, services, gateway, scope, payment_id, version, return_url, locale, consent, actor=actor
            )
        )
    except IntegrityError as fault:
        if not is_second_attempt(fault):
            raise
        # The index "one active attempt an invoice and slot" decided a race that the reservation had let through.
        raise InvoiceBeingPaid(next(iter(_other_attempts(services, scope, payment_id)), None)) from None
    if written is None:
        resolve_payment(services, scope.merchant_id, payment_id, unless_checked_within=ASK_AT_MOST_EVERY)
        return
    if isinstance(written, Recording):
        return
    services.crash_point("payment.intent_committed")
    assert gateway is not None, "only what credit pays whole does without a gateway, and it is never sent"
    outcome = send(gateway, written)
    services.crash_point("payment.gateway_answered")
    _record(services, scope.merchant_id, payment_id, outcome, actor=gateway_actor(gateway.name))
    services.crash_point("payment.outcome_recorded")


def resolve_payment(
    services: Services, merchant_id: str, payment_id: str, *, unless_checked_within: timedelta = timedelta(0)
) -> None:
    """Ask the gateway what became of a payment without a proven outcome, and record it.

    An order that the gateway has never heard of is given again under the same reference, until its time is up. Safe for
    anybody to call at any time.
    """
    now = services.clock.now()
    asked = services.database.run(
        lambda session: _note_lookup(session, merchant_id, payment_id, now, unless_checked_within)
    )
    gateway = services.gateways.find_named(merchant_id, asked.gateway) if asked is not None else None
    if asked is None or gateway is None:
        return
    lookup = asked.lookup
    actor = gateway_actor(gateway.name)
    outcome = gateway.look_up(lookup)
    services.crash_point("payment.looked_up")
    if outcome.state is State.ABSENT and now >= lookup.sent_at + RESEND_AFTER:
        if now >= asked.expires_at:
            outcome, actor = failed(payment_id, "timeout"), SYSTEM
        elif asked.intent is not None:
            outcome = send(gateway, asked.intent)
    elif (
        outcome.state in (State.REQUIRES_ACTION, State.PENDING)
        and now >= asked.expires_at
        and _method_type(asked, outcome) != "bank_account"
    ):
        outcome = gateway.cancel(lookup)
        if is_cancellation(outcome):
            outcome, actor = expired(outcome), SYSTEM
    _record(services, merchant_id, payment_id, outcome, actor=actor)


def look_for_late_money(services: Services, merchant_id: str, payment_id: str) -> bool:
    """Ask whether money came after all for a payment that ended without any, and book it; nothing is ordered or called off.

    Tells whether there is an answer: nobody else asks again for a payment that has ended. Raises NotFound.
    """
    with services.database.read() as reader:
        row = get_payment(reader, MerchantScope(merchant_id), payment_id)
    if row.sent_at is None:
        return True
    gateway = services.gateways.find_named(merchant_id, row.gateway)
    if gateway is None:
        return False
    outcome = gateway.look_up(lookup_of(row))
    services.crash_point("payment.looked_up")
    _record(services, merchant_id, payment_id, outcome, actor=gateway_actor(gateway.name))
    return outcome.state is not State.UNKNOWN


def cancel_payment(services: Services, scope: Scope, payment_id: str, *, actor: Actor) -> str:
    """The customer cancels: a checkout ends at once; what the gateway has is cancelled there, and the truth recorded.

    Tells the status afterwards, which is `complete` when the money had come already. Raises NoResultFound.
    """
    now = services.clock.now()
    with services.database.unit_of_work() as session:
        payment = lock_own_payment(session, scope, payment_id)
        if payment.status == "incomplete":
            end_checkout(session, payment, PaymentStatus.CANCELED, actor=actor, at=now)
            return payment.status
        status, gateway_name = payment.status, payment.gateway
        lookup = lookup_of(payment)
    gateway = services.gateways.find_named(scope.merchant_id, gateway_name)
    if status not in ("requires_action", "pending") or gateway is None or not gateway.capabilities.cancel:
        return status
    outcome = gateway.cancel(lookup)
    services.crash_point("payment.cancel_answered")
    # That it is canceled is the act of who canceled it; whatever else the gateway answers is its own.
    decided_by = actor if is_cancellation(outcome) else gateway_actor(gateway.name)
    return _record(services, scope.merchant_id, payment_id, outcome, actor=decided_by).status


@dataclass(frozen=True, slots=True)
class _Asked:
    """A payment whose outcome is looked up. `intent` is the order that may be resent, None when its method was removed."""

    gateway: str | None
    lookup: Lookup
    intent: Intent | None
    expires_at: datetime
    method_type: str | None


def _method_type(asked: _Asked, outcome: ChargeOutcome) -> str | None:
    """What is paid with: a bank transfer takes days, also one that was entered on the gateway's page since we asked last."""
    return outcome.method.type if outcome.method else asked.method_type


def _note_lookup(
    session: Session, merchant_id: str, payment_id: str, now: datetime, unless_checked_within: timedelta
) -> _Asked | None:
    """Write down that the gateway is asked now; None when there is nothing to ask, or somebody asked just before."""
    payment = lock_payment(session, merchant_id, payment_id)
    if payment.status not in statuses.UNSETTLED or payment.sent_at is None:
        return None
    is_asked = payment.checked_at is not None and now < payment.checked_at + unless_checked_within
    if is_asked and payment.status != "requires_action":
        return None
    payment.checked_at = now
    return _Asked(
        payment.gateway, lookup_of(payment), intent_of(session, payment), payment.expires_at, payment.method_type
    )


def _record(
    services: Services, merchant_id: str, payment_id: str, outcome: ChargeOutcome, *, actor: Actor
) -> Recording:
    return services.database.run(
        lambda session: record_outcome(session, merchant_id, payment_id, outcome, actor=actor, at=services.clock.now())
    )


def _is_paid_by_credit(services: Services, scope: Scope, payment_id: str) -> bool:
    with services.database.read() as reader:
        found = find_payment(reader, scope, payment_id)
    return found is not None and found.way == "credit"


def _other_attempts(services: Services, scope: Scope, payment_id: str) -> list[str]:
    """Payments that hold an invoice which `payment_id` would pay."""
    with services.database.read() as reader:
        holders = find_other_holders(reader, scope, payment_id)
    return sorted({holder for others in holders.values() for holder in others})
