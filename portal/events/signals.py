"""Signals of public events for the host application: best effort, after the commit, in the process that did it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from blinker import ANY, NamedSignal

from portal.events.rules import Event, EventType

Receiver = TypeVar("Receiver", bound=Callable[..., Any])
_log = logging.getLogger(__name__)


class EventSignal(NamedSignal):
    """A signal with strong references to its receivers: one connected inside `create_app()` would be collected before its first event."""

    def connect(self, receiver: Receiver, sender: Any = ANY, weak: bool = False) -> Receiver:
        """Connect `receiver(merchant_id, customer_id=…, event_id=…, …)`; held strongly unless `weak`."""
        return super().connect(receiver, sender, weak)


def _name_of(event_type: EventType) -> str:
    return event_type.value.removeprefix("portal.").replace(".", "_")


SIGNALS: Mapping[EventType, EventSignal] = MappingProxyType(
    {event_type: EventSignal(_name_of(event_type)) for event_type in EventType if event_type.is_public}
)
BY_NAME: Mapping[str, EventSignal] = MappingProxyType({signal.name: signal for signal in SIGNALS.values()})


def has_receivers(event_type: EventType) -> bool:
    """Return whether anybody in this process listens to the signal of a type."""
    signal = SIGNALS.get(event_type)
    return signal is not None and bool(signal.receivers)


def send_signal(event_id: str, event: Event) -> None:
    """Send a public event to every receiver, the merchant's id as the sender; one that fails is logged and undoes nothing."""
    signal = SIGNALS[event.type]
    ids = {f"{event.type.noun}_id": event.object_id, "customer_id": event.customer_id, "event_id": event_id}
    for receiver in signal.receivers_for(event.merchant_id):
        try:
            receiver(event.merchant_id, **ids)
        except Exception:  # A receiver of the host may fail in any way; what is committed stays.
            _log.exception("signal.receiver_failed", extra={"signal": signal.name, "event": event_id})
