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
class Happening:
    """Something that happened on the account. `kind` is the type of its event; `by` is "you", "other" (a person of the account, `who`; "" where that is its own address), "merchant" or "" (nobody's doing).
    `amount` is in minor units of `currency`; `subject` the name of the method that it was about; `details` are the names
    of what changed; `way` how somebody signed in ("code", "link", "session", "host")."""

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
    """security.html. `sessions` begin with this browser's. `done` is "ended" or "ended_others" after an act. `older_url` leads to what
    happened before, None where there is nothing."""

    sessions: tuple[SessionEntry, ...]
    happenings: tuple[Happening, ...]
    done: str = ""
    older_url: str | None = None

    @property
    def others_count(self) -> int:
        return sum(not each.is_this for each in self.sessions)
