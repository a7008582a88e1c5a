"""Sending a confirmed payment to its gateway: claimed in a transaction of its own, sent once by whoever claimed it, or ended as never
sent when its time is up.

Only a claim sets `sent_at`. A payment without one was never sent, by anybody: that needs no gateway to prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.clock import Clock
from portal.events.rules import SYSTEM, Actor, gateway_actor
from portal.gateways.contract import ChargeOutcome
from portal.gateways.polling import next_check
from portal.payments.operations.gateway_requests import GatewayRequest, build_gateway_request, send_request
from portal.payments.operations.locks import lock_invoices_of, lock_payment
from portal.payments.operations.outcomes import RecordedOutcome, failed, record_outcome
from portal.payments.rules import sending
from portal.services import Services


@dataclass(frozen=True, slots=True)
class _Claim:
    """A payment that this process has claimed, and the request that it sends now."""

    request: GatewayRequest
    confirmed_at: datetime
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class _Unsendable:
    """A payment that was never sent and will not be any more; `failure_code` says why."""

    failure_code: str


def send_payment(
    services: Services, merchant_id: str, payment_id: str, gateway_name: str | None, *, last_sent_at: datetime | None
) -> None:
    """Send a confirmed payment to its gateway, under its own reference, and record the outcome.

    `last_sent_at` is when it was sent last as far as the caller knows, None for one that never was: where somebody has sent it since,
    or is about to, nothing happens. Nothing is sent more than ten minutes after the press; a payment that was never sent ends then,
    with the failure code `not_sent`. Safe to call from anywhere at any time.
    """
    gateway = services.gateways.find_named(merchant_id, gateway_name)
    claim = services.database.run(
        lambda session: _claim(
            session,
            merchant_id,
            payment_id,
            last_sent_at,
            has_gateway=gateway is not None,
            clock=services.clock,
            keys=services.settings.keys,
        )
    )
    if isinstance(claim, _Unsendable):
        end_unsent(services, merchant_id, payment_id, claim.failure_code, last_sent_at=None)
        return
    if claim is None or gateway is None:
        return
    services.crash_point("payment.send_claimed")
    # Again, and here: the process may have been stopped since the claim, and what was in time then need not be any more.
    if not sending.may_send(claim.confirmed_at, claim.claimed_at, services.clock.now()):
        return
    outcome = send_request(gateway, claim.request)
    services.crash_point("payment.gateway_answered")
    record(services, merchant_id, payment_id, outcome, actor=gateway_actor(gateway.name))
    services.crash_point("payment.outcome_recorded")


def end_unsent(
    services: Services, merchant_id: str, payment_id: str, failure_code: str, *, last_sent_at: datetime | None
) -> None:
    """End a payment of which nothing has reached the gateway, unless somebody has set out to send it since `last_sent_at`."""

    def end(session: Session) -> None:
        lock_invoices_of(session, merchant_id, payment_id)
        payment = lock_payment(session, merchant_id, payment_id)
        if payment.status == "processing" and last_sending(payment) == last_sent_at:
            outcome = failed(payment_id, failure_code)
            record_outcome(session, merchant_id, payment_id, outcome, actor=SYSTEM, at=services.clock.now())

    services.database.run(end)


def record(
    services: Services, merchant_id: str, payment_id: str, outcome: ChargeOutcome, *, actor: Actor
) -> RecordedOutcome:
    """Record an outcome in a transaction of its own."""
    return services.database.run(
        lambda session: record_outcome(session, merchant_id, payment_id, outcome, actor=actor, at=services.clock.now())
    )


def last_sending(payment: Any) -> datetime | None:
    """Return when a payment, or a row with these columns of one, was sent last; None for one that never was."""
    sent_at: datetime | None = payment.last_sent_at or payment.sent_at
    return sent_at


def _claim(
    session: Session,
    merchant_id: str,
    payment_id: str,
    last_sent_at: datetime | None,
    *,
    has_gateway: bool,
    clock: Clock,
    keys: Sequence[bytes],
) -> _Claim | _Unsendable | None:
    """Claim a payment: of several processes, one sends it. Return None where there is nothing to send now."""
    payment = lock_payment(session, merchant_id, payment_id)
    # Only now: the lock may have been waited for, for longer than a claim is good for.
    now = clock.now()
    if payment.status != "processing" or payment.confirmed_at is None or last_sending(payment) != last_sent_at:
        return None
    is_first = last_sent_at is None
    if not sending.is_in_time(payment.confirmed_at, now):
        return _Unsendable("not_sent") if is_first else None
    request = build_gateway_request(session, payment, keys)
    if request is None:
        # Its saved method was removed since.
        return _Unsendable("method_invalid") if is_first else None
    if not has_gateway:
        return None
    payment.sent_at = payment.sent_at or now
    payment.last_sent_at = payment.checked_at = now
    if is_first:
        payment.next_check_at = next_check(payment.check_count, now)
    return _Claim(request, payment.confirmed_at, now)
