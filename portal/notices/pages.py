"""What the pages of notices get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Switch:
    """A kind of notice of which the customer decides; `group` is "invoices" or "payments"."""

    kind: str
    group: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class CopyEntry:
    """An address that gets copies; `has_agreed` is false while it is only asked."""

    id: str
    address: str
    since: date
    has_agreed: bool


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """notices/list.html. `email` is where the mails go, None where the customer has no address. `days_before` are those on which is
    reminded; `always` are the kinds that are sent whatever is chosen. `done` is "saved", "asked" or "ended" after an act."""

    email: str | None
    switches: tuple[Switch, ...]
    always: tuple[str, ...]
    days_before: tuple[int, ...]
    copies: tuple[CopyEntry, ...]
    can_add: bool
    done: str = ""


@dataclass(frozen=True, slots=True)
class NewCopyPage:
    """notices/copy.html: an address to add. `fault`: "missing", "malformed", "own", "known", "too_many" or "card_number"."""

    typed: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class InvitationPage:
    """notices/invitation.html, for whoever holds the address: `state` is "ask", "agreed", "declined" or "gone"."""

    state: str
    token: str
    address: str = ""
    customer: str = ""


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """notices/unsubscribe.html: `state` is "ask", "stopped" or "gone"; `kind` what the link stops, "copy" of copies; `address` who gets it.
    `is_all_stopped`: nothing that can be stopped is on any more."""

    state: str
    token: str
    kind: str = ""
    address: str = ""
    is_all_stopped: bool = False
