"""What the page of the account's security gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A browser that is signed in. `browser` and `system` are names ("Safari", "iOS"), "" where they are not known; `device` is "phone",
    "tablet", "desktop" or "". `place` says where it came from: "here" for the network of this request, "elsewhere" with the
    beginning of its address in `network`, "" where that was not noted. `is_by_host`: the merchant's site signed it in."""

    id: str
    browser: str
    system: str
    device: str
    place: str
    network: str
    is_by_host: bool
    is_this: bool
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class PasskeyEntry:
    """A passkey. `browser` and `system` are those in which it was added; `host` is "" where it works at this address, else the one where it
    does. `is_synced`: it is on the reader's other devices too."""

    id: str
    browser: str
    system: str
    host: str
    is_synced: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened on the account. `kind` is the type of its event; `by` is "you", "other" (a person of the account, `who`; "" where that is its own address), "merchant" or "" (nobody's doing).
    `amount` is in minor units of `currency`; `subject` the name of the method that it was about; `details` are the names
    of what changed; `way` how somebody signed in ("code", "link", "notice", "passkey", "session", "host")."""

    kind: str
    by: str
    at: datetime
    amount: int | None = None
    currency: str = ""
    subject: str = ""
    details: tuple[str, ...] = ()
    way: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class SecurityPage:
    """security.html. `sessions` begin with this browser's. `done` is "ended", "ended_others", "passkey_added" or "passkey_removed" after an act.
    `older_url` leads to what happened before, None where there is nothing. `can_add_passkey`: also where there is none yet."""

    sessions: tuple[SessionEntry, ...]
    happenings: tuple[Happening, ...]
    passkeys: tuple[PasskeyEntry, ...] = ()
    can_add_passkey: bool = False
    done: str = ""
    older_url: str | None = None

    @property
    def row_count(self) -> int:
        """How many things that happened this page lists."""
        return len(self.happenings)

    @property
    def others_count(self) -> int:
        return sum(not each.is_this for each in self.sessions)
