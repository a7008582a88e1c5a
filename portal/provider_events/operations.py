"""Receiving gateways' events: verify and store once. They are handled later (`jobs`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.database import table_of
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
    row = {
        "merchant_id": merchant_id,
        "gateway": gateway_name,
        "event_id": event.event_id,
        "type": event.type,
        "reference": event.reference,
        "gateway_reference": event.gateway_reference,
        "received_at": now,
        "due_at": now,
    }
    statement = _STORE_SQLITE if session.get_bind().dialect.name == "sqlite" else _STORE_POSTGRESQL
    # None where it is stored already, perhaps by another process at this moment.
    return session.execute(statement, row).first() is not None


_STORED = table_of(ProviderEvent)
_STORE_SQLITE = sqlite_insert(_STORED).on_conflict_do_nothing().returning(_STORED.c.event_id)
_STORE_POSTGRESQL = postgresql_insert(_STORED).on_conflict_do_nothing().returning(_STORED.c.event_id)
