"""What the page of an account's persons gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person of the account. `id` is "" for the account's own address, which nobody changes here. `name` is "" where none was given.

    `role`: "owner", "payer" or "viewer". `state`: "joined", "invited", "expired" (the invitation has ended) or "declined" (nothing is done about who did). `on` is the day of the last
    sign-in of who joined, of the invitation, or of its end; None where that is not known. `is_you`: the reader.
    """

    id: str
    name: str
    address: str
    role: str
    state: str
    on: date | None = None
    is_you: bool = False


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """people.html. `people` begins with the account's own address, where it has one. `can_change`: a fresh code was entered, so that the forms
    are there; else a button leads to one.

    `done`: "", "invited", "again", "changed", "removed" or "withdrawn". `typed`, `typed_name` and `typed_role` are what was typed of an
    invitation with a `fault`: "missing", "malformed", "card_number", "own", "known", "too_many", "role" or "name".
    """

    people: tuple[PersonEntry, ...]
    can_change: bool
    days: int
    done: str = ""
    fault: str = ""
    typed: str = ""
    typed_name: str = ""
    typed_role: str = "viewer"


@dataclass(frozen=True, slots=True)
class AccountInvitationPage:
    """people_invitation.html, for whoever has the link of an invitation: `state` is "ask", "declined" or "gone". `inviter` is the mail address of who
    invites, "" where that is not known; `role` what the person may do; `address` who is invited."""

    state: str
    token: str
    inviter: str = ""
    role: str = ""
    address: str = ""
