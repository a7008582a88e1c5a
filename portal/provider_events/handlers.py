"""What an event causes, by the kind of object it is about: always a lookup at the gateway. Its payload is never trusted."""

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
from portal.provider_events.rules import HandlingResult
from portal.public_ids import is_id
from portal.refunds.operations import resolve_refund
from portal.refunds.queries import find_refund, list_refunds_of
from portal.services import Services
from portal.tenancy import MerchantScope


@dataclass(frozen=True, slots=True)
class Hint:
    """An event as a reason for a lookup: which merchant, which gateway, and the object that it is about.

    A lookup made after `fresh_after` covers it, so that of several events at once only one causes a lookup.
    """

    merchant_id: str
    gateway: str
    reference: str | None
    gateway_reference: str | None
    fresh_after: datetime


Handler: TypeAlias = Callable[[Services, Hint, str], HandlingResult]
"""Takes the services, the hint, and our id of its object. May be called again for the same event."""


def handle(services: Services, hint: Hint) -> HandlingResult:
    """Look up the object of a hint at its gateway. A hint about an object that we do not have kinds for is done."""
    for prefix, handler in HANDLERS.items():
        if hint.reference is not None and is_id(prefix, hint.reference):
            return handler(services, hint, hint.reference)
    if hint.reference is None and hint.gateway_reference is not None:
        payment_id = _find_payment_of_charge(services, hint, hint.gateway_reference)
        return _handle_payment(services, hint, payment_id) if payment_id else HandlingResult.NOT_OURS
    return HandlingResult.DONE


def _handle_payment(services: Services, hint: Hint, payment_id: str) -> HandlingResult:
    with services.database.read() as reader:
        found = find_payment(reader, MerchantScope(hint.merchant_id), payment_id)
    if found is None:
        return HandlingResult.UNKNOWN_HERE
    now = services.clock.now()
    if found.status in statuses.UNSETTLED:
        # A lookup that fails is repeated by the payment's own polling.
        resolve_payment(services, hint.merchant_id, payment_id, unless_checked_within=now - hint.fresh_after)
    elif found.status in statuses.ENDED_WITHOUT_MONEY:
        ended_at = found.completed_at or found.updated_at
        if now < ended_at + statuses.LATE_MONEY_WITHIN and not look_for_late_money(
            services, hint.merchant_id, payment_id
        ):
            return HandlingResult.NO_ANSWER
    elif found.status in statuses.CAPTURED:
        return _handle_refunds(services, hint, payment_id)
    return HandlingResult.DONE


def _handle_refunds(services: Services, hint: Hint, payment_id: str) -> HandlingResult:
    """A captured payment changes only by its refunds, and some gateways send events about the charge for those."""
    with services.database.read() as reader:
        refunds = list_refunds_of(reader, MerchantScope(hint.merchant_id), [payment_id])[payment_id]
    results = [_handle_refund(services, hint, refund.id) for refund in refunds if refund.status != "failed"]
    return next((handled for handled in results if handled is not HandlingResult.DONE), HandlingResult.DONE)


def _handle_refund(services: Services, hint: Hint, refund_id: str) -> HandlingResult:
    with services.database.read() as reader:
        refund = find_refund(reader, MerchantScope(hint.merchant_id), refund_id)
    if refund is None:
        return HandlingResult.UNKNOWN_HERE
    is_resolved = resolve_refund(services, hint.merchant_id, refund_id)
    # A pending one is polled by its own schedule.
    return HandlingResult.DONE if is_resolved or refund.status == "pending" else HandlingResult.NO_ANSWER


def _handle_setup(services: Services, hint: Hint, setup_id: str) -> HandlingResult:
    with services.database.read() as reader:
        found = find_setup(reader, MerchantScope(hint.merchant_id), setup_id)
    if found is None:
        return HandlingResult.UNKNOWN_HERE
    resolve_setup(services, hint.merchant_id, setup_id, unless_checked_within=services.clock.now() - hint.fresh_after)
    return HandlingResult.DONE


def _find_payment_of_charge(services: Services, hint: Hint, gateway_reference: str) -> str | None:
    with services.database.read() as reader:
        return find_payment_of_charge(
            reader,
            MerchantScope(hint.merchant_id),
            gateway=hint.gateway,
            gateway_reference=gateway_reference,
        )


HANDLERS: Mapping[str, Handler] = MappingProxyType({"pay": _handle_payment, "re": _handle_refund, "pms": _handle_setup})
"""By the prefix of our id. An event about anything else is stored and has no effect."""
