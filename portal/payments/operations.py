"""Paying: write the intent, call the gateway, record the outcome; and resolving what was left unknown.

No call to a gateway is ever made inside a transaction, and none without a durable intent (rules 16 and 17).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import signals
from portal.audit.operations import record_act
from portal.credit import balance as credit
from portal.credit.queries import free_credit
from portal.gateways.asking import SEND_AGAIN_AFTER
from portal.gateways.contract import ChargeOrder, Gateway, Outcome, PageOrder, Payer, PromptOrder, Question, State
from portal.invoices import balance
from portal.merchants.queries import get_merchant
from portal.money import Money
from portal.payment_methods.consents import Consent, record_consent
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries import get_payer
from portal.payments import rules
from portal.payments.amounts import Pricing
from portal.payments.checkouts import (
    CREDIT,
    check_first_of_split,
    end_checkout,
    find_holder,
    list_holders,
    supersede,
)
from portal.payments.errors import (
    AmountChanged,
    CheckoutEnded,
    InvoiceBeingPaid,
    MethodMissing,
    MethodUnknown,
    NoGateway,
    TooManyAttempts,
    TooManyPrompts,
)
from portal.payments.models import Payment, PaymentAllocation, is_second_attempt
from portal.payments.outcomes import (
    Recording,
    failed,
    given_up,
    list_allocations,
    lock_payment,
    record_outcome,
    record_paid_by_credit,
)
from portal.payments.shares import chosen_pricing, lock_dues, lock_invoices_of, price_anew, shown_version
from portal.public_ids import first_id
from portal.services import Services
from portal.settings import Settings
from portal.tenancy import Scope

log = logging.getLogger(__name__)

ASK_AT_MOST_EVERY = timedelta(milliseconds=500)
"""For pages, however often they are loaded; but for a customer who was sent to the gateway's page and may be back in no time."""


@dataclass(frozen=True, slots=True)
class _Intent:
    """A durable intent as the gateway is told it. Without a token the telephone `phone` is asked, or where there is none the
    customer enters a method on the gateway's page."""

    payment_id: str
    money: Money
    description: str
    token: str | None
    channel: str | None
    phone: str | None
    save: bool
    locale: str
    payee: str
    payer: Payer
    return_url: str


def confirm_payment(
    services: Services,
    scope: Scope,
    payment_id: str,
    *,
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
            lambda session: _write_intent(
                session, services, gateway, scope, payment_id, version, return_url, locale, consent
            )
        )
    except IntegrityError as fault:
        if not is_second_attempt(fault):
            raise
        # The index "one active attempt an invoice and slot" decided a race that the reservation had let through.
        raise InvoiceBeingPaid(next(iter(_other_attempts(services, scope, payment_id)), None)) from None
    if written is None:
        resolve_payment(services, scope.merchant_id, payment_id, unless_asked_within=ASK_AT_MOST_EVERY)
        return
    if isinstance(written, Recording):
        _announce(scope.merchant_id, written)
        return
    services.crash_point("payment.intent_committed")
    assert gateway is not None, "only what credit pays whole does without a gateway, and it is never sent"
    outcome = _send(gateway, written)
    services.crash_point("payment.gateway_answered")
    _record(services, scope.merchant_id, payment_id, outcome)
    services.crash_point("payment.outcome_recorded")


def resolve_payment(
    services: Services, merchant_id: str, payment_id: str, *, unless_asked_within: timedelta = timedelta(0)
) -> None:
    """Ask the gateway what became of a payment without a proven outcome, and record it.

    An order that the gateway has never heard of is given again under the same reference, until its time is up. Safe for
    anybody to call at any time.
    """
    now = services.clock.now()
    asked = services.database.run(
        lambda session: _note_question(session, merchant_id, payment_id, now, unless_asked_within)
    )
    gateway = _find_gateway(services, merchant_id, asked.gateway) if asked is not None else None
    if asked is None or gateway is None:
        return
    question = asked.question
    outcome = gateway.look_up(question)
    services.crash_point("payment.looked_up")
    if outcome.state is State.ABSENT and now >= question.sent_at + SEND_AGAIN_AFTER:
        if now >= asked.expires_at:
            outcome = failed(payment_id, "timeout")
        elif asked.intent is not None:
            outcome = _send(gateway, asked.intent)
    elif (
        outcome.state in (State.REQUIRES_ACTION, State.PENDING)
        and now >= asked.expires_at
        and asked.method_type != "bank_account"
    ):
        outcome = given_up(gateway.cancel(question))
    _record(services, merchant_id, payment_id, outcome)


def look_for_late_money(services: Services, merchant_id: str, payment_id: str) -> bool:
    """Ask whether money came after all for a payment that ended without any, and book it; nothing is ordered or called off.

    Tells whether there is an answer: nobody else asks again for a payment that has ended. Raises NoResultFound.
    """
    with services.database.read() as reader:
        row = reader.execute(
            sa.select(
                Payment.id,
                Payment.gateway,
                Payment.created_at,
                Payment.sent_at,
                Payment.gateway_reference,
                Payment.gateway_page_reference,
            ).where(Payment.merchant_id == merchant_id, Payment.id == payment_id)
        ).one()
    if row.sent_at is None:
        return True
    gateway = _find_gateway(services, merchant_id, row.gateway)
    if gateway is None:
        return False
    outcome = gateway.look_up(_question(row))
    services.crash_point("payment.looked_up")
    _record(services, merchant_id, payment_id, outcome)
    return outcome.state is not State.UNKNOWN


def cancel_payment(services: Services, scope: Scope, payment_id: str) -> str:
    """The customer cancels: a checkout ends at once; what the gateway has is cancelled there, and the truth recorded.

    Tells the status afterwards, which is `complete` when the money had come already. Raises NoResultFound.
    """
    now = services.clock.now()
    with services.database.unit_of_work() as session:
        payment = _get_own(session, scope, payment_id)
        if payment.status == "incomplete":
            end_checkout(session, payment, "canceled", at=now)
            record_act(
                session,
                scope.merchant_id,
                "payment.canceled",
                at=now,
                actor_type="customer",
                actor_id=scope.customer_id,
                customer_id=scope.customer_id,
                object_id=payment_id,
            )
            return payment.status
        status, gateway_name = payment.status, payment.gateway
        question = _question(payment)
    gateway = _find_gateway(services, scope.merchant_id, gateway_name)
    if status not in ("requires_action", "pending") or gateway is None or not gateway.capabilities.cancel:
        return status
    outcome = gateway.cancel(question)
    services.crash_point("payment.cancel_answered")
    return _record(services, scope.merchant_id, payment_id, outcome).status


def _write_intent(
    session: Session,
    services: Services,
    gateway: Gateway | None,
    scope: Scope,
    payment_id: str,
    version: str,
    return_url: str,
    locale: str,
    consent: Consent | None,
) -> _Intent | Recording | None:
    """The durable intent; None when it was confirmed before; the recording of what credit paid whole."""
    now = services.clock.now()
    lock_invoices_of(session, scope.merchant_id, payment_id)
    payment = _get_own(session, scope, payment_id)
    if payment.status in rules.UNSETTLED or payment.status in rules.CAPTURED or payment.confirmed_at is not None:
        return None
    if payment.status != "incomplete" or payment.expires_at <= now:
        raise CheckoutEnded
    if payment.gateway != CREDIT and (gateway is None or payment.gateway != gateway.name):
        # The merchant takes payments through another gateway since, at which the method is worth nothing.
        raise CheckoutEnded
    _limit_attempts(session, scope, services.settings, now)
    _limit_prompts(session, scope, payment, services.settings, now)
    allocations = list_allocations(session, payment)
    chosen = chosen_pricing(
        payment.currency,
        payment.amount,
        payment.credit_amount,
        [(share.invoice_id, share.amount, share.price) for share in allocations],
    )
    pricing = _price_now(session, scope, payment, allocations)
    method_id = payment.payment_method_id
    if (version or shown_version(payment.id, chosen, method_id)) != shown_version(payment.id, pricing, method_id):
        raise AmountChanged
    _take_over(session, payment, allocations, pricing)
    supersede(session, scope, [allocation.invoice_id for allocation in allocations], but=payment.id, at=now)
    _reserve(session, scope, payment, allocations, now)
    payment.status = "processing"
    payment.return_url, payment.locale = return_url, locale
    payment.confirmed_at = payment.sent_at = payment.checked_at = payment.updated_at = now
    payment.expires_at = now + timedelta(hours=services.settings.payment_expires_hours)
    payment.next_check_at = rules.next_check(0, now)
    payment.version += 1
    _take_consent(session, scope, payment, consent, now)
    record_act(
        session,
        scope.merchant_id,
        "payment.confirmed",
        at=now,
        actor_type="customer",
        actor_id=scope.customer_id,
        customer_id=scope.customer_id,
        object_id=payment.id,
        amount=payment.amount,
        credit_amount=payment.credit_amount,
        currency=payment.currency,
        save_method=payment.save_method,
    )
    session.flush()
    if payment.charge_amount == 0:
        return record_paid_by_credit(session, payment, at=now)
    intent = _intent(session, payment)
    if intent is None:
        raise MethodUnknown
    services.crash_point("payment.intent_written")
    return intent


def _price_now(session: Session, scope: Scope, payment: Payment, allocations: Sequence[PaymentAllocation]) -> Pricing:
    """What the payment is at this moment, under the locks of its invoices. Raises InvoiceBeingPaid, InvoiceSettled."""
    if payment.kind == "top_up":
        return Pricing(payment.currency, (), payment.amount)
    options = get_merchant(session, scope.merchant_id).options
    if payment.split_of is not None:
        check_first_of_split(session, scope, payment.split_of)
    dues, reserved = lock_dues(session, scope, [share.invoice_id for share in allocations], options)
    for invoice_id, amount in reserved.items():
        holders = list_holders(session, scope, invoice_id) if amount else []
        if holders and holders != [payment.split_of]:
            raise InvoiceBeingPaid(holders[0])
    credit = free_credit(session, scope, payment.currency) if payment.use_credit else 0
    return price_anew(
        dues,
        payment.currency,
        chosen=payment.amount if payment.is_partial else None,
        credit=credit,
        splits=payment.splits,
    )


def _take_over(session: Session, payment: Payment, allocations: list[PaymentAllocation], pricing: Pricing) -> None:
    """Bring an unconfirmed payment to what it is now; invoices of which nothing is left leave it."""
    parts = {part.invoice_id: part for part in pricing.parts}
    for allocation in list(allocations):
        part = parts.get(allocation.invoice_id)
        if part is None:
            session.delete(allocation)
            allocations.remove(allocation)
            continue
        allocation.amount, allocation.invoice_version = part.share, part.version
        allocation.price = None if allocation.price is None else part.price
    if (payment.gateway == CREDIT) != (pricing.charge == 0):
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


def _intent(session: Session, payment: Payment) -> _Intent | None:
    """The order as the gateway is told it; None when its saved method was removed since: then it is not given again."""
    token = None
    if payment.payment_method_id is not None:
        token = session.execute(
            sa.select(PaymentMethod.token).where(
                PaymentMethod.merchant_id == payment.merchant_id,
                PaymentMethod.id == payment.payment_method_id,
                PaymentMethod.customer_id == payment.customer_id,
                PaymentMethod.status == "active",
            )
        ).scalar()
        if token is None:
            return None
    merchant = get_merchant(session, payment.merchant_id)
    return _Intent(
        payment.id,
        Money(payment.charge_amount, payment.currency),
        payment.description,
        token,
        payment.channel,
        payment.phone,
        payment.save_method,
        payment.locale or merchant.locale,
        merchant.legal_name,
        get_payer(session, Scope(payment.merchant_id, payment.customer_id), payment.gateway),
        payment.return_url or "",
    )


def _find_gateway(services: Services, merchant_id: str, name: str) -> Gateway | None:
    """The merchant's gateway, if it is still the one of that name: another has never heard of the other's payments, and would
    be given the order anew."""
    gateway = services.gateways.find(merchant_id)
    return gateway if gateway is not None and gateway.name == name else None


def _question(payment: Any) -> Question:
    return Question(
        payment.id, payment.sent_at or payment.created_at, payment.gateway_reference, payment.gateway_page_reference
    )


def _send(gateway: Gateway, intent: _Intent) -> Outcome:
    if intent.token is not None:
        return gateway.charge(
            ChargeOrder(intent.payment_id, intent.money, intent.token, intent.description, intent.return_url)
        )
    if intent.phone is not None and intent.channel is not None:
        return gateway.prompt(
            PromptOrder(
                intent.payment_id,
                intent.money,
                intent.channel,
                intent.phone,
                intent.payer,
                intent.description,
                intent.return_url,
                intent.save,
            )
        )
    return gateway.open_page(
        PageOrder(
            intent.payment_id,
            intent.money,
            intent.payee,
            intent.payer,
            intent.description,
            return_url=intent.return_url,
            cancel_url=intent.return_url,
            locale=intent.locale,
            save=intent.save,
        )
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A payment that is asked for. `intent` is the order that may be given again, None when its method was removed."""

    gateway: str
    question: Question
    intent: _Intent | None
    expires_at: datetime
    method_type: str | None


def _note_question(
    session: Session, merchant_id: str, payment_id: str, now: datetime, unless_asked_within: timedelta
) -> _Asked | None:
    """Write down that the gateway is asked now; None when there is nothing to ask, or somebody asked just before."""
    payment = lock_payment(session, merchant_id, payment_id)
    if payment.status not in rules.UNSETTLED or payment.sent_at is None:
        return None
    is_asked = payment.checked_at is not None and now < payment.checked_at + unless_asked_within
    if is_asked and payment.status != "requires_action":
        return None
    payment.checked_at = now
    return _Asked(
        payment.gateway, _question(payment), _intent(session, payment), payment.expires_at, payment.method_type
    )


def _record(services: Services, merchant_id: str, payment_id: str, outcome: Outcome) -> Recording:
    recording = services.database.run(
        lambda session: record_outcome(session, merchant_id, payment_id, outcome, at=services.clock.now())
    )
    _announce(merchant_id, recording)
    return recording


def _announce(merchant_id: str, recording: Recording) -> None:
    if recording.has_changed:
        signals.send_payment_status(merchant_id, recording.payment_id, recording.customer_id, recording.status)
    if recording.kept_method_id is not None:
        signals.send_method("added", merchant_id, recording.kept_method_id, recording.customer_id)


def _is_paid_by_credit(services: Services, scope: Scope, payment_id: str) -> bool:
    with services.database.read() as connection:
        gateway = connection.execute(
            sa.select(Payment.gateway).where(
                Payment.merchant_id == scope.merchant_id,
                Payment.customer_id == scope.customer_id,
                Payment.id == payment_id,
            )
        ).scalar()
    return gateway == CREDIT


def _get_own(session: Session, scope: Scope, payment_id: str) -> Payment:
    asked = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "id": payment_id}
    return session.execute(_LOCK_OWN, asked).scalar_one()


_LOCK_OWN = (
    sa.select(Payment)
    .where(
        Payment.merchant_id == sa.bindparam("merchant_id"),
        Payment.customer_id == sa.bindparam("customer_id"),
        Payment.id == sa.bindparam("id"),
    )
    .with_for_update()
)


def _other_attempts(services: Services, scope: Scope, payment_id: str) -> list[str]:
    """Payments that hold an invoice which `payment_id` would pay."""
    with services.database.read() as connection:
        found = connection.execute(_HOLDING_THE_SAME, {"merchant_id": scope.merchant_id, "payment_id": payment_id})
        return list(found.scalars())


_MINE, _THEIRS = sa.orm.aliased(PaymentAllocation), sa.orm.aliased(PaymentAllocation)
_HOLDING_THE_SAME = (
    sa.select(_THEIRS.payment_id)
    .join(_MINE, sa.and_(_MINE.merchant_id == _THEIRS.merchant_id, _MINE.invoice_id == _THEIRS.invoice_id))
    .where(
        _MINE.merchant_id == sa.bindparam("merchant_id"),
        _MINE.payment_id == sa.bindparam("payment_id"),
        _THEIRS.merchant_id == sa.bindparam("merchant_id"),
        _THEIRS.payment_id != sa.bindparam("payment_id"),
        _THEIRS.state == "active",
    )
    .distinct()
)


def _limit_attempts(session: Session, scope: Scope, settings: Settings, now: datetime) -> None:
    """Carding is stopped by counting rows, so that the limit survives a restart (threats 125, 195)."""
    confirmed = _confirmed_lately(scope.merchant_id, settings, now).where(
        Payment.customer_id == scope.customer_id, Payment.listed
    )
    if session.execute(confirmed).scalar_one() >= settings.payment_attempts_per_customer_per_hour:
        raise TooManyAttempts


def _limit_prompts(session: Session, scope: Scope, payment: Payment, settings: Settings, now: datetime) -> None:
    """Nobody's telephone is rung again and again: counted by number, whoever asks, and by customer, whatever the number
    (threats 103)."""
    is_saved = payment.payment_method_id is not None and payment.method_type == "mobile_money"
    if payment.channel is None and not is_saved:
        return
    prompted = _confirmed_lately(scope.merchant_id, settings, now).where(
        sa.or_(
            Payment.channel.is_not(None),
            sa.and_(Payment.payment_method_id.is_not(None), Payment.method_type == "mobile_money"),
        )
    )
    asked = [prompted.where(Payment.customer_id == scope.customer_id)]
    if payment.phone is not None:
        asked.append(prompted.where(Payment.phone == payment.phone))
    if any(session.execute(each).scalar_one() >= settings.payment_prompts_per_phone_per_hour for each in asked):
        raise TooManyPrompts


def _confirmed_lately(merchant_id: str, settings: Settings, now: datetime) -> sa.Select[int]:
    """The count of payments that were confirmed in the last hour, by when they were made: an id tells that, and a checkout
    lives for some hours before it is confirmed."""
    since = now - timedelta(hours=1)
    return sa.select(sa.func.count()).where(
        Payment.merchant_id == merchant_id,
        Payment.id >= first_id("pay", since - timedelta(hours=settings.payment_expires_hours)),
        Payment.confirmed_at > since,
    )
