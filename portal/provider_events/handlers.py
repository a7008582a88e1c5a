"""What an event leads to, by the kind of thing it speaks of: always a question to the gateway, never its own word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from portal.payment_methods.operations.setups import resolve_setup
from portal.payment_methods.queries.setups import find_setup
from portal.payments.operations.paying import look_for_late_money, resolve_payment
from portal.payments.queries.at_gateways import find_payment_of_charge
from portal.payments.queries.payments import find_payment
from portal.payments.rules import statuses
from portal.provider_events.rules import Handled
from portal.public_ids import is_id
from portal.refunds.operations import resolve_refund
from portal.refunds.queries import find_refund, list_refunds_of
from portal.services import Services
from portal.tenancy import MerchantScope


@dataclass(frozen=True, slots=True)
class Hint:
    """An event as far as it leads anywhere: whose, at which gateway, and what it speaks of.

    A question that was asked after `fresh_after` has had its answer: of the events that come together one asks.
    """

    merchant_id: str
    gateway: str
    reference: str | None
    gateway_reference: str | None
    fresh_after: datetime


Handler: TypeAlias = Callable[[Services, Hint, str], Handled]
"""Given services, the hint, and our id of what it speaks of. May be called again for the same event."""


def handle(services: Services, hint: Hint) -> Handled:
    """Ask the gateway for what a hint speaks of. One that speaks of nothing we know a kind of is done with."""
    for prefix, handler in HANDLERS.items():
        if hint.reference is not None and is_id(prefix, hint.reference):
            return handler(services, hint, hint.reference)
    if hint.reference is None and hint.gateway_reference is not None:
        payment_id = _payment_of_charge(services, hint, hint.gateway_reference)
        return _about_payment(services, hint, payment_id) if payment_id else Handled.NOT_OURS
    return Handled.DONE


def _about_payment(services: Services, hint: Hint, payment_id: str) -> Handled:
    with services.database.read() as reader:
        found = find_payment(reader, MerchantScope(hint.merchant_id), payment_id)
    if found is None:
        return Handled.UNKNOWN_HERE
    now = services.clock.now()
    if found.status in statuses.UNSETTLED:
        # An answer that is lost is asked for again by the payment's own schedule.
        resolve_payment(services, hint.merchant_id, payment_id, unless_asked_within=now - hint.fresh_after)
    elif found.status in statuses.ENDED_WITHOUT_MONEY:
        ended_at = found.completed_at or found.updated_at
        if now < ended_at + statuses.LATE_MONEY_WITHIN and not look_for_late_money(
            services, hint.merchant_id, payment_id
        ):
            return Handled.NO_ANSWER
    elif found.status in statuses.CAPTURED:
        return _about_refunds(services, hint, payment_id)
    return Handled.DONE


def _about_refunds(services: Services, hint: Hint, payment_id: str) -> Handled:
    """A captured payment changes by its refunds alone, and some gateways tell those by the charge."""
    with services.database.read() as reader:
        refunds = list_refunds_of(reader, MerchantScope(hint.merchant_id), [payment_id])[payment_id]
    told = [_about_refund(services, hint, refund.id) for refund in refunds if refund.status != "failed"]
    return next((handled for handled in told if handled is not Handled.DONE), Handled.DONE)


def _about_refund(services: Services, hint: Hint, refund_id: str) -> Handled:
    with services.database.read() as reader:
        refund = find_refund(reader, MerchantScope(hint.merchant_id), refund_id)
    if refund is None:
        return Handled.UNKNOWN_HERE
    is_answered = resolve_refund(services, hint.merchant_id, refund_id)
    # One without an outcome is asked for by its own schedule.
    return Handled.DONE if is_answered or refund.status == "pending" else Handled.NO_ANSWER


def _about_setup(services: Services, hint: Hint, setup_id: str) -> Handled:
    with services.database.read() as reader:
        found = find_setup(reader, MerchantScope(hint.merchant_id), setup_id)
    if found is None:
        return Handled.UNKNOWN_HERE
    resolve_setup(services, hint.merchant_id, setup_id, unless_asked_within=services.clock.now() - hint.fresh_after)
    return Handled.DONE


def _payment_of_charge(services: Services, hint: Hint, gateway_reference: str) -> str | None:
    with services.database.read() as reader:
        return find_payment_of_charge(
            reader,
            MerchantScope(hint.merchant_id),
            gateway=hint.gateway,
            gateway_reference=gateway_reference,
        )


HANDLERS: Mapping[str, Handler] = MappingProxyType({"pay": _about_payment, "re": _about_refund, "pms": _about_setup})
"""By the prefix of our id. Whatever else an event may speak of is stored, and nothing follows from it."""
