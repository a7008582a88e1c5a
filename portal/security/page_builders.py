"""Makes the page of the account's security from sessions and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.events.queries import StoredEvent
from portal.events.rules import ActorType, EventType
from portal.networks import is_same_region, shown_region
from portal.payment_methods.pages import method_name
from portal.security.pages import Happening, PasskeyEntry, SecurityPage, SessionEntry
from portal.sign_in.queries import SessionRow
from portal.sign_in.queries.passkeys import PasskeyRow
from portal.web.devices import browser_and_system, device_class

SHOWN = (
    EventType.PORTAL_SIGNED_IN, EventType.PORTAL_SIGNED_OUT, EventType.PORTAL_SESSION_ENDED, EventType.CUSTOMER_UPDATED,
    EventType.CUSTOMER_EMAIL_CHANGED, EventType.CUSTOMER_EMAIL_CHANGE_UNDONE,
    EventType.PAYMENT_COMPLETE, EventType.PAYMENT_FAILED, EventType.REFUND_COMPLETE, EventType.CREDIT_ADDED,
    EventType.PAYMENT_METHOD_ADDED, EventType.PAYMENT_METHOD_UPDATED, EventType.PAYMENT_METHOD_REMOVED,
    EventType.PERSON_INVITED, EventType.PERSON_JOINED, EventType.PERSON_UPDATED, EventType.PERSON_REMOVED,
)  # fmt: skip
"""What is shown of what happened; the rest follows from it, or is nobody's business but the merchant's."""
_AMOUNTS = {
    EventType.PAYMENT_COMPLETE: "amount", EventType.PAYMENT_FAILED: "amount", EventType.REFUND_COMPLETE: "amount",
    EventType.CREDIT_ADDED: "amount",
}  # fmt: skip
_UNNAMED = frozenset({"updated_at", "metadata", "default_payment_method"})
"""Details of a customer that change without anybody's changing them, or that the customer never sees."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the person of the account (None: its own address), the names of its persons by id, who of them is behind what a
    gateway reported, by the id of the payment, and the name of its own address. Whoever does not manage the account sees nothing of when others signed in."""

    person_id: str | None
    names: Mapping[str, str]
    behind: Mapping[str, str]
    own_name: str
    may_manage: bool


def is_done_by_gateway(event: StoredEvent) -> bool:
    """Return whether an event is an outcome that a gateway reported of a payment that somebody made."""
    return event.type.startswith("payment.") and event.actor_type != ActorType.CUSTOMER and event.object_id is not None


def build_security_page(
    sessions: Sequence[SessionRow],
    events: Sequence[StoredEvent],
    passkeys: Sequence[PasskeyRow],
    *,
    this: str,
    host: str,
    can_add_passkey: bool,
    network: str,
    local: Callable[[datetime], datetime],
    reading_as: Reader,
    done: str = "",
    older_url: str | None = None,
) -> SecurityPage:
    """Return the page. `this` is the id of this browser's session, `host` the name of this address without its port, `network` the remote address of the request, `local` turns an instant
    into the reader's hours."""
    entries = [_entry(row, this, network, local) for row in sessions]
    return SecurityPage(
        sessions=tuple(sorted(entries, key=lambda entry: not entry.is_this)),
        happenings=tuple(made for event in events if (made := _happening(event, local, reading_as)) is not None),
        passkeys=tuple(_passkey_entry(row, host, local) for row in passkeys),
        can_add_passkey=can_add_passkey,
        done=done,
        older_url=older_url,
    )


def _entry(row: SessionRow, this: str, network: str, local: Callable[[datetime], datetime]) -> SessionEntry:
    browser, system = browser_and_system(row.user_agent)
    place = "" if not row.network else "here" if is_same_region(row.network, network) else "elsewhere"
    return SessionEntry(
        id=row.id,
        browser=browser,
        system=system,
        device=device_class(row.user_agent),
        place=place,
        network=shown_region(row.network or "") if place == "elsewhere" else "",
        is_by_host=row.kind in ("host", "identified"),
        is_this=row.id == this,
        last_used_at=local(row.last_used_at),
    )


def _passkey_entry(row: PasskeyRow, host: str, local: Callable[[datetime], datetime]) -> PasskeyEntry:
    browser, system = browser_and_system(row.user_agent)
    return PasskeyEntry(
        id=row.id,
        browser=browser,
        system=system,
        host="" if row.host == host else row.host,
        is_synced=row.is_synced,
        created_at=local(row.created_at),
        last_used_at=local(row.last_used_at) if row.last_used_at else None,
    )


def _happening(event: StoredEvent, local: Callable[[datetime], datetime], reader: Reader) -> Happening | None:
    """Return what an event was in the customer's eyes, None where it was nothing to it."""
    shape: dict[str, Any] = event.data.get("object") or {}
    previous: dict[str, Any] = event.data.get("previous") or {}
    details = tuple(sorted(set(previous) - _UNNAMED))
    if event.type == EventType.CUSTOMER_UPDATED and not details:
        return None
    by = _by(event, reader)
    if by == "other" and not reader.may_manage and event.type.startswith(("portal.", "person.")):
        return None
    amount = _AMOUNTS.get(EventType(event.type))
    return Happening(
        kind=event.type,
        by=by,
        who=_who(event, by, reader),
        at=local(event.created_at),
        amount=shape.get(amount) if amount else None,
        currency=shape.get("currency") or "",
        subject=_subject(event.type, shape),
        details=details,
        way=shape.get("by")
        or shape.get("reason")
        or (shape.get("status") if event.type == EventType.PERSON_REMOVED else "")
        or "",
    )


def _who(event: StoredEvent, by: str, reader: Reader) -> str:
    """Return the name of the other person of the account who did it, or made the payment that it is about; "" where that is nobody."""
    if by == "other":
        return reader.names.get(event.actor_person, "") if event.actor_person else reader.own_name
    person = reader.behind.get(event.object_id or "") if by == "" else None
    return reader.names.get(person, "") if person and person != reader.person_id else ""


def _by(event: StoredEvent, reader: Reader) -> str:
    if event.actor_type == ActorType.CUSTOMER:
        return "you" if event.actor_person == reader.person_id else "other"
    return "merchant" if event.actor_type in (ActorType.STAFF, ActorType.API_KEY, ActorType.HOST) else ""


def _subject(kind: str, shape: dict[str, Any]) -> str:
    if kind.startswith("person."):
        return str(shape.get("name") or shape.get("email") or "")
    if kind.startswith("payment_method."):
        nickname: str = shape.get("nickname") or ""
        return nickname or method_name(
            shape.get("type") or "other", shape.get("brand"), shape.get("last4"), shape.get("bank_name")
        )
    return str(shape.get("number") or "") if kind.startswith("invoice.") else ""
