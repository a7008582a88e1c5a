"""Makes the page of an account's persons from their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from portal.people.pages import PersonEntry
from portal.people.queries import StoredPerson
from portal.people.rules import INVITATION_FOR, Role, is_open


def build_entries(
    people: Sequence[StoredPerson],
    declined: Sequence[StoredPerson] = (),
    *,
    own_name: str,
    own_address: str,
    reader: str | None,
    day_of: Callable[[datetime], date],
    at: datetime,
) -> tuple[PersonEntry, ...]:
    """Return the account's own address first, then its persons, then who declined; `reader` is the person who reads, None for the account's own address."""
    own = PersonEntry("", own_name, own_address, Role.OWNER, "joined", is_you=reader is None)
    entries = (_entry(person, reader, day_of, at) for person in (*people, *declined))
    return (*((own,) if own_address else ()), *entries)


def _entry(person: StoredPerson, reader: str | None, day_of: Callable[[datetime], date], at: datetime) -> PersonEntry:
    instant: datetime | None
    if person.declined_at is not None:
        state, instant = "declined", person.declined_at
    elif person.joined_at is not None:
        state, instant = "joined", person.signed_in_at
    elif is_open(joined_at=None, invited_at=person.invited_at, at=at):
        state, instant = "invited", person.invited_at
    else:
        state, instant = "expired", person.invited_at + INVITATION_FOR
    return PersonEntry(
        person.id,
        person.name or "",
        person.email,
        person.role,
        state,
        on=day_of(instant) if instant is not None else None,
        is_you=person.id == reader,
    )
