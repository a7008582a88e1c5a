"""Paying: write the intent, send it to the gateway, record the outcome; and resolving payments whose outcome is unknown.

No call to a gateway is ever made inside a transaction, and none without a committed intent (threats, rules 16 and 17). What a
request causes goes through `Services.calls`, which spares the threads of a web server: any call may go on after the request, or be
left to the worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.events.rules import SYSTEM, Actor, gateway_actor
from portal.gateways.contract import ChargeOutcome, Gateway, Lookup, State
from portal.payment_methods.operations.consents import Consent
from portal.payments.errors import InvoiceBeingPaid, NoGateway
from portal.payments.models import Payment, is_second_attempt
from portal.payments.operations.checkouts import end_checkout
from portal.payments.operations.gateway_requests import lookup_of
from portal.payments.operations.intents import Intent, write_intent
from portal.payments.operations.locks import lock_invoices_of, lock_lookup, lock_own_payment
from portal.payments.operations.outcomes import expired, failed, is_cancellation, record_outcome
from portal.payments.operations.sending import end_unsent, last_sending, record, send_payment
from portal.payments.operations.stopping import (
    can_be_stopped,
    find_stop_request,
    record_stop,
    request_stop,
    stop_at_gateway,
)
from portal.payments.queries.holders import find_other_holders
from portal.payments.queries.payments import find_payment, get_payment
from portal.payments.rules import sending, statuses
from portal.payments.rules.statuses import PaymentStatus
from portal.services import Services
from portal.tenancy import MerchantScope, Scope

MIN_LOOKUP_INTERVAL = timedelta(milliseconds=500)
"""How often pages look up a payment, however often they are loaded; a customer who may be back from the gateway's page is exempt."""


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
    has_fresh_code: bool = False,
    covered_until: datetime | None = None,
) -> None:
    """Pay a checkout: reserve, send, record. Called again, it only looks up the outcome of the first call.

    When this returns, the payment is confirmed and what it pays is reserved. The gateway may not have answered yet, and where
    `services.calls` spares the threads of a server, the payment may not have been sent yet: it goes on without this request.

    `version` is `shown_version` of the page that was confirmed; "" is the version of the amounts as they were chosen.
    `return_url` is the payment's own page, absolute; `locale` the language of the gateway's page.
    `consent` is recorded where the customer asked to save the new method; without it none is saved. `has_fresh_code`: the customer entered one
    a short while ago, or has no address to send one to; `covered_until` is when the last one stopped to hold, None where there was none.
    Raises AmountChanged, AmountUnchargeable, RestTooSmall, InvoiceBeingPaid, InvoiceSettled, CheckoutEnded, FreshCodeNeeded, MethodUnknown, NoGateway, TooManyAttempts, and
    NoResultFound for a payment that is not this customer's; then nothing was reserved and nothing was sent.
    """
    gateway = services.gateways.find(scope.merchant_id)
    if gateway is None and not _is_paid_by_credit(services, scope, payment_id):
        raise NoGateway
    for other_id in _other_attempts(services, scope, payment_id):
        services.calls.ask(other_id, partial(resolve_payment, services, scope.merchant_id, other_id))
    try:
        intent = services.database.run(
            lambda session: write_intent(
                session,
                services=services,
                gateway=gateway,
                scope=scope,
                payment_id=payment_id,
                version=version,
                return_url=return_url,
                locale=locale,
                consent=consent,
                has_fresh_code=has_fresh_code,
                covered_until=covered_until,
                actor=actor,
            )
        )
    except IntegrityError as fault:
        if not is_second_attempt(fault):
            raise
        # The index "one active attempt an invoice and slot" decided a race that the reservation had let through.
        raise InvoiceBeingPaid(next(iter(_other_attempts(services, scope, payment_id)), None)) from None
    match intent:
        case Intent.PAID_BY_CREDIT:
            return
        case Intent.CONFIRMED_BEFORE:
            look_up_for_page(services, scope.merchant_id, payment_id)
        case Intent.WRITTEN:
            services.crash_point("payment.intent_committed")
            assert gateway is not None, "only a payment by credit alone has no gateway, and it is never sent"
            send = partial(send_payment, services, scope.merchant_id, payment_id, gateway.name, last_sent_at=None)
            services.calls.send(payment_id, send)


def look_up_for_page(services: Services, merchant_id: str, payment_id: str) -> None:
    """Resolve a payment before a page shows it, if it was not looked up a moment ago and there is a thread for it."""
    look_up = partial(resolve_payment, services, merchant_id, payment_id, unless_checked_within=MIN_LOOKUP_INTERVAL)
    services.calls.ask(payment_id, look_up)


def resolve_payment(
    services: Services, merchant_id: str, payment_id: str, *, unless_checked_within: timedelta = timedelta(0)
) -> None:
    """Look up a payment without a proven outcome at its gateway, and record the outcome; one that was never sent is sent.

    A request that the gateway does not know is resent under the same reference, within ten minutes of the press; after that the
    payment ends (`not_sent`). One that somebody wants stopped is cancelled. Safe to call from anywhere at any time.
    """
    now = services.clock.now()
    pending = services.database.run(
        lambda session: _begin_lookup(session, merchant_id, payment_id, now, unless_checked_within)
    )
    if pending is None:
        return
    if pending.last_sent_at is None:
        send_payment(services, merchant_id, payment_id, pending.gateway, last_sent_at=None)
        return
    gateway = services.gateways.find_named(merchant_id, pending.gateway)
    if gateway is None:
        return
    outcome = gateway.look_up(pending.lookup)
    services.crash_point("payment.looked_up")
    if outcome.state is State.ABSENT and pending.status == "processing":
        _carry_on_absent(services, merchant_id, payment_id, gateway, pending, pending.last_sent_at, now)
        return
    if pending.stop_requested_by is not None and outcome.state in (State.REQUIRES_ACTION, State.PENDING):
        stop_at_gateway(services, merchant_id, gateway.name, pending.lookup, pending.stop_requested_by)
        return
    if pending.stop_requested_by is not None and is_cancellation(outcome):
        # Whoever cancelled it there died before it was recorded.
        record_stop(services, merchant_id, payment_id, gateway.name, outcome, requested_by=pending.stop_requested_by)
        return
    actor = gateway_actor(gateway.name)
    if outcome.state is State.ABSENT and now >= pending.expires_at:
        # It has told us of the payment, and does not know it any more.
        outcome, actor = failed(payment_id, "timeout"), SYSTEM
    elif (
        outcome.state in (State.REQUIRES_ACTION, State.PENDING)
        and now >= pending.expires_at
        and _method_type(pending, outcome) != "bank_account"
    ):
        outcome = gateway.cancel(pending.lookup)
        if is_cancellation(outcome):
            outcome, actor = expired(outcome), SYSTEM
    record(services, merchant_id, payment_id, outcome, actor=actor)


def check_ended_payment(services: Services, merchant_id: str, payment_id: str) -> bool:
    """Look up whether a payment that ended without money was paid after all, and book the money; nothing is charged or cancelled.

    Return whether the gateway answered: a payment that has ended is not polled again. Raises NotFound.
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
    record(services, merchant_id, payment_id, outcome, actor=gateway_actor(gateway.name))
    return outcome.state is not State.UNKNOWN


def cancel_payment(services: Services, scope: Scope, payment_id: str, *, actor: Actor) -> str:
    """Cancel a payment: a checkout, and a payment that was not sent yet, end at once; what waits at the gateway is cancelled there, and
    its outcome recorded.

    Where no thread is free for that, or the gateway does not answer, the payment still waits when this returns, and whoever looks it up
    next cancels it: the worker, within seconds. Return the status afterwards, which is `complete` when the money had come already. Raises
    NoResultFound.
    """
    now = services.clock.now()
    gateway = _find_gateway(services, scope, payment_id)
    with services.database.unit_of_work() as session:
        lock_invoices_of(session, scope.merchant_id, payment_id)
        payment = lock_own_payment(session, scope, payment_id)
        if payment.status == "incomplete":
            end_checkout(session, payment, PaymentStatus.CANCELED, actor=actor, at=now)
            return payment.status
        if payment.status == "processing" and last_sending(payment) is None:
            outcome = failed(payment_id, "page_canceled")
            return record_outcome(session, scope.merchant_id, payment_id, outcome, actor=actor, at=now).status
        if gateway is None or not can_be_stopped(payment.status, gateway):
            return payment.status
        request_stop(payment, actor, now)
        lookup = lookup_of(payment)
    services.crash_point("payment.stop_requested")
    services.calls.send(payment_id, partial(stop_at_gateway, services, scope.merchant_id, gateway.name, lookup, actor))
    with services.database.read() as reader:
        return get_payment(reader, scope, payment_id).status


@dataclass(frozen=True, slots=True)
class _PendingLookup:
    """A payment whose outcome is looked up. `last_sent_at` is None for one that was never sent, `stop_requested_by` for one that nobody
    wants stopped."""

    status: str
    gateway: str | None
    lookup: Lookup
    confirmed_at: datetime | None
    last_sent_at: datetime | None
    expires_at: datetime
    method_type: str | None
    stop_requested_by: Actor | None


def _carry_on_absent(
    services: Services,
    merchant_id: str,
    payment_id: str,
    gateway: Gateway,
    pending: _PendingLookup,
    last_sent_at: datetime,
    now: datetime,
) -> None:
    """Resend a payment that the gateway does not know, or end it once it is certain that it will never arrive."""
    assert pending.confirmed_at is not None, "a payment was confirmed before it was sent"
    if sending.may_resend(pending.confirmed_at, last_sent_at, now):
        send_payment(services, merchant_id, payment_id, gateway.name, last_sent_at=last_sent_at)
    elif now >= sending.never_arrives_from(pending.confirmed_at, last_sent_at):
        # What of it is at the gateway all the same, such as a payment without its prompt, is closed first.
        outcome = gateway.cancel(pending.lookup) if gateway.capabilities.cancel else None
        if outcome is None or outcome.state is State.ABSENT or is_cancellation(outcome):
            end_unsent(services, merchant_id, payment_id, "not_sent", last_sent_at=last_sent_at)
        else:
            record(services, merchant_id, payment_id, outcome, actor=gateway_actor(gateway.name))


def _method_type(pending: _PendingLookup, outcome: ChargeOutcome) -> str | None:
    """Return the type of the method; a bank transfer, which takes days, may have been entered on the gateway's page since the last
    lookup."""
    return outcome.method.type if outcome.method else pending.method_type


def _begin_lookup(
    session: Session, merchant_id: str, payment_id: str, now: datetime, unless_checked_within: timedelta
) -> _PendingLookup | None:
    """Store that the gateway is being looked up now; return None when nothing is unknown, or a lookup was made just before."""
    payment = lock_lookup(session, merchant_id, payment_id)
    if payment.status not in statuses.UNSETTLED:
        return None
    was_just_looked_up = payment.checked_at is not None and now < payment.checked_at + unless_checked_within
    if was_just_looked_up and payment.status != "requires_action":
        return None
    session.execute(_STORE_LOOKUP, {"of_merchant": merchant_id, "of_payment": payment_id, "at": now})
    return _PendingLookup(
        payment.status,
        payment.gateway,
        lookup_of(payment),
        payment.confirmed_at,
        last_sending(payment),
        payment.expires_at,
        payment.method_type,
        find_stop_request(payment),
    )


_PAYMENTS = table_of(Payment)
_STORE_LOOKUP = (
    sa.update(_PAYMENTS)
    .where(_PAYMENTS.c.merchant_id == sa.bindparam("of_merchant"), _PAYMENTS.c.id == sa.bindparam("of_payment"))
    .values(checked_at=sa.bindparam("at"))
)


def _find_gateway(services: Services, scope: Scope, payment_id: str) -> Gateway | None:
    with services.database.read() as reader:
        found = find_payment(reader, scope, payment_id)
    return services.gateways.find_named(scope.merchant_id, found.gateway) if found is not None else None


def _is_paid_by_credit(services: Services, scope: Scope, payment_id: str) -> bool:
    with services.database.read() as reader:
        found = find_payment(reader, scope, payment_id)
    return found is not None and found.way == "credit"


def _other_attempts(services: Services, scope: Scope, payment_id: str) -> list[str]:
    """Return the payments that hold an invoice which `payment_id` would pay."""
    with services.database.read() as reader:
        holders = find_other_holders(reader, scope, payment_id)
    return sorted({holder for others in holders.values() for holder in others})
