"""A person as events show it."""

from __future__ import annotations

from typing import Any

from portal.clock import write_instant
from portal.people.models import Person
from portal.people.queries import StoredPerson


def shape_person(person: Person | StoredPerson) -> dict[str, Any]:
    """Return the whole of a person; `status` is invited, joined, declined or removed."""
    gone = "declined" if person.declined_at else "removed"
    status = gone if person.removed_at else "joined" if person.joined_at else "invited"
    return {
        "id": person.id,
        "object": "person",
        "customer": person.customer_id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "status": status,
        "invited_at": write_instant(person.invited_at),
        "joined_at": write_instant(person.joined_at) if person.joined_at else None,
    }
