"""Receiving gateways' events: verify and store once. They are handled later (`jobs`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.gateways.contract import EventRefused, VerifiedEvent
from portal.provider_events.models import ProviderEvent
from portal.services import Services


def receive_event(
    services: Services, merchant_id: str, gateway_name: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Verify an event's raw bytes and store it once, to be handled by the worker; return whether it is new.

    Nothing else is done before the response, so that a thousand events a second can be received. An event is a hint, and its
    payload is never trusted (threats, rule 21). Raises EventRefused.
    """
    gateway = services.gateways.find_named(merchant_id, gateway_name)
    if gateway is None:
        raise EventRefused("no such account")
    now = services.clock.now()
    event = gateway.read_event(headers, body, now)
    with services.database.unit_of_work() as session:
        is_new = _store_once(session, merchant_id, gateway_name, event, now)
    services.crash_point("event.stored")
    return is_new


def _store_once(session: Session, merchant_id: str, gateway_name: str, event: VerifiedEvent, now: datetime) -> bool:
    if session.get(ProviderEvent, (merchant_id, gateway_name, event.event_id)) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(
                ProviderEvent(
                    merchant_id=merchant_id,
                    gateway=gateway_name,
                    event_id=event.event_id,
                    type=event.type,
                    reference=event.reference,
                    gateway_reference=event.gateway_reference,
                    received_at=now,
                    due_at=now,
                )
            )
    except IntegrityError:  # Another process has stored the same event at this moment.
        return False
    return True
