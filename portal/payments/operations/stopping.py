"""Stopping a payment that waits at its gateway: the request is stored, the gateway is called, and what it says is recorded.

Who requests it may have no thread for the call, or die before it: whoever looks the payment up next carries it out.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.events.rules import Actor, ActorType, gateway_actor
from portal.gateways.contract import ChargeOutcome, Gateway, Lookup, State
from portal.payments.models import Payment
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.outcomes import is_cancellation, record_outcome, stopped
from portal.payments.rules.sending import TAKE_OVER_AFTER
from portal.payments.rules.statuses import WAITING
from portal.services import Services


def can_be_stopped(status: str, gateway: Gateway) -> bool:
    """Return whether a payment in this status may be cancelled at its gateway."""
    return status in WAITING and gateway.capabilities.cancel


def request_stop(payment: Payment, actor: Actor, now: datetime) -> None:
    """Store that a payment which `can_be_stopped` is to be, and let the worker see to it soon, in the caller's transaction."""
    payment.stop_requested_at, payment.stop_requested_by = now, asdict(actor)
    payment.check_count, payment.next_check_at = 0, now + TAKE_OVER_AFTER


def find_stop_request(payment: Any) -> Actor | None:
    """Return who wants the payment stopped and has no answer yet; `payment` is one, or a row with these columns of one."""
    stored = payment.stop_requested_by
    if payment.stop_requested_at is None or payment.status not in WAITING or stored is None:
        return None
    return Actor(**{**stored, "type": ActorType(stored["type"])})


def stop_at_gateway(
    services: Services, merchant_id: str, gateway_name: str, lookup: Lookup, requested_by: Actor
) -> None:
    """Cancel a payment at its gateway, and record what that says. Safe to repeat, from anywhere at any time."""
    gateway = services.gateways.find_named(merchant_id, gateway_name)
    if gateway is None:
        return
    outcome = gateway.cancel(lookup)
    services.crash_point("payment.cancel_answered")
    record_stop(services, merchant_id, lookup.reference, gateway_name, outcome, requested_by=requested_by)


def record_stop(
    services: Services,
    merchant_id: str,
    payment_id: str,
    gateway_name: str,
    outcome: ChargeOutcome,
    *,
    requested_by: Actor,
) -> None:
    """Record what the gateway says to a cancellation, in a transaction of its own. Whatever it says answers the request; no answer leaves
    that open."""
    # A cancellation is recorded as the act of who requested it; any other outcome as the gateway's.
    decided_by = requested_by if is_cancellation(outcome) else gateway_actor(gateway_name)
    if is_cancellation(outcome) and requested_by.type is ActorType.CUSTOMER:
        outcome = stopped(outcome)

    def record_answer(session: Session) -> None:
        record_outcome(session, merchant_id, payment_id, outcome, actor=decided_by, at=services.clock.now())
        if outcome.state is not State.UNKNOWN:
            lock_payment(session, merchant_id, payment_id).stop_requested_at = None

    services.database.run(record_answer)
