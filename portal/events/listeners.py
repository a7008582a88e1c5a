"""Listeners of events: for each type, the kinds of outbox messages that it causes. Their handlers are registered in
`portal/worker.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from portal.events.rules import Event, EventType


def _always(_event: Event) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Listener:
    """A kind of outbox message; `when` says for which events of the type one is written, `carries` which of the event's
    details its payload has beside the ids."""

    kind: str
    when: Callable[[Event], bool] = _always
    carries: tuple[str, ...] = ()

    def payload(self, event_id: str, event: Event) -> dict[str, Any]:
        """Return the message's payload: `{"event", "type", "object"}`, two ids and a type, and the details it carries."""
        details = {name: event.details[name] for name in self.carries}
        return {"event": event_id, "type": event.type.value, "object": event.object_id, **details}


def _is_first_completion(event: Event) -> bool:
    """Return False for a payment that is complete again because its refund failed: its receipt was sent before."""
    return event.previous.get("status") not in ("partially_refunded", "refunded")


def _is_surplus(event: Event) -> bool:
    return event.details.get("source") == "surplus"


def _was_announced(event: Event) -> bool:
    """Return whether the customer was mailed about the refund before it failed; one that was never complete was not announced."""
    return event.previous.get("status") == "complete"


def _had_an_address(event: Event) -> bool:
    """Return whether there is an address before, from which the change can be undone."""
    return bool(event.previous.get("email"))


LISTENERS: Mapping[EventType, tuple[Listener, ...]] = MappingProxyType(
    {
        EventType.PAYMENT_COMPLETE: (Listener("receipt_mail", _is_first_completion),),
        EventType.CREDIT_ADDED: (Listener("surplus_mail", _is_surplus, carries=("payment", "amount")),),
        EventType.REFUND_COMPLETE: (Listener("refund_mail", carries=("payment",)),),
        EventType.REFUND_FAILED: (Listener("refund_mail", _was_announced, carries=("payment",)),),
        EventType.CUSTOMER_EMAIL_CHANGED: (Listener("email_changed_mail", _had_an_address, carries=("change",)),),
        EventType.QUESTION_ASKED: (Listener("question_mail"),),
        EventType.PAYMENT_METHOD_EXPIRING: (Listener("method_expiring_mail", carries=("expiry",)),),
    }
)
