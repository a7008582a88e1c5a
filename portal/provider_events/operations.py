"""The inbox of gateways' events: store once, and have the gateway asked for what it hints at."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.gateways.contract import EventRefused, Notice
from portal.payments.models import Payment
from portal.provider_events.models import ProviderEvent
from portal.public_ids import is_id
from portal.services import Services


def receive_event(
    services: Services, merchant_id: str, gateway_name: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Verify an event's raw bytes, store it once and make the payment that it names due to be asked for.

    Tells whether it is new. An event is a hint and never believed (rule 21): the worker asks the gateway. It may come
    before our own commit knows of the payment: the payment's own schedule asks then. Raises EventRefused.
    """
    gateway = services.gateways.find(merchant_id)
    if gateway is None or gateway.name != gateway_name:
        raise EventRefused("no such account")
    now = services.clock.now()
    notice = gateway.read_event(headers, body, now)
    with services.database.unit_of_work() as session:
        is_new = _store_once(session, merchant_id, gateway_name, notice, services)
        if is_new and notice.reference and is_id("pay", notice.reference):
            session.execute(
                sa.update(Payment)
                .where(
                    Payment.merchant_id == merchant_id,
                    Payment.id == notice.reference,
                    Payment.next_check_at.is_not(None),
                    Payment.next_check_at > now,
                )
                .values(next_check_at=now)
                .execution_options(synchronize_session=False)
            )
    return is_new


def _store_once(session: Session, merchant_id: str, gateway_name: str, notice: Notice, services: Services) -> bool:
    now = services.clock.now()
    if session.get(ProviderEvent, (merchant_id, gateway_name, notice.event_id)) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(
                ProviderEvent(
                    merchant_id=merchant_id,
                    gateway=gateway_name,
                    event_id=notice.event_id,
                    type=notice.type,
                    reference=notice.reference,
                    received_at=now,
                    handled_at=now,
                )
            )
    except IntegrityError:  # The same event came to another process at this moment.
        return False
    return True
