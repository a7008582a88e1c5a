"""Listeners of events: for each type, the kinds of outbox messages that it causes. Their handlers are registered in
`portal/worker.py`; which mail is which notice, and who may stop it, stands in `portal/notice_kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from portal.events.rules import Event, EventType

FAILED_MAIL_DELAY = timedelta(minutes=15)
"""How long a failed payment has to be made good before its mail: whoever pays another way at once gets none."""


def _always(_event: Event) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Listener:
    """A kind of outbox message; `when` says for which events of the type one is written, `carries` which of the event's
    details its payload has beside the ids, `delay` how long after the event it is due."""

    kind: str
    when: Callable[[Event], bool] = _always
    carries: tuple[str, ...] = ()
    delay: timedelta = timedelta(0)

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


def _may_be_withdrawn(event: Event) -> bool:
    """Return whether the customer has time to withdraw the request: not where the merchant had it erased at once."""
    return bool(event.details.get("may_be_withdrawn"))


def _had_an_address(event: Event) -> bool:
    """Return whether there is an address before, from which the change can be undone."""
    return bool(event.previous.get("email"))


LISTENERS: Mapping[EventType, tuple[Listener, ...]] = MappingProxyType(
    {
        EventType.INVOICE_OPENED: (Listener("invoice_mail"),),
        EventType.INVOICE_DUE_SOON: (Listener("due_soon_mail", carries=("days",)),),
        EventType.INVOICE_OVERDUE: (Listener("overdue_mail", carries=("days",)),),
        EventType.PAYMENT_COMPLETE: (Listener("receipt_mail", _is_first_completion),),
        EventType.PAYMENT_FAILED: (Listener("payment_failed_mail", delay=FAILED_MAIL_DELAY),),
        EventType.CREDIT_ADDED: (Listener("surplus_mail", _is_surplus, carries=("payment", "amount")),),
        EventType.REFUND_COMPLETE: (Listener("refund_mail", carries=("payment",)),),
        EventType.REFUND_FAILED: (Listener("refund_mail", _was_announced, carries=("payment",)),),
        EventType.CUSTOMER_EMAIL_CHANGED: (Listener("email_changed_mail", _had_an_address, carries=("change",)),),
        EventType.CUSTOMER_EXPORTED: (Listener("export_ready_mail", carries=("export",)),),
        EventType.CUSTOMER_ERASURE_REQUESTED: (Listener("erasure_requested_mail", _may_be_withdrawn),),
        EventType.CUSTOMER_ERASURE_BEGUN: (Listener("erased_mail"),),
        EventType.QUESTION_ASKED: (Listener("question_mail"),),
        EventType.PAYMENT_METHOD_ADDED: (Listener("method_added_mail"),),
        EventType.PAYMENT_METHOD_REMOVED: (Listener("method_removed_mail"),),
        EventType.PORTAL_NEW_DEVICE: (Listener("new_device_mail"),),
        EventType.PASSKEY_ADDED: (Listener("passkey_added_mail"),),
        EventType.PASSKEY_REMOVED: (Listener("passkey_removed_mail"),),
        EventType.PERSON_INVITED: (Listener("person_invited_mail"),),
        EventType.PAYMENT_METHOD_EXPIRING: (Listener("method_expiring_mail", carries=("expiry",)),),
    }
)
