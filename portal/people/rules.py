"""What the persons of an account may do, and how long an invitation lives; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

PERSON = "per"
"""The prefix of a person's id."""
INVITATION_FOR = timedelta(days=7)
"""How long an address that was invited may sign in for the first time."""
DECLINED = "declined"
"""The reason with which an invited person is removed who does not want to be one."""
DECLINED_SHOWN_FOR = timedelta(days=30)
"""How long the owner sees that an invitation was declined."""
MAX_PEOPLE = 50
"""Persons of one account, invited ones included."""
INVITATIONS_PER_DAY = 20
"""Invitations that one account may have sent in a day, repeated ones included."""
INVITATIONS_TO_ADDRESS_PER_DAY = 3
"""Invitations that one address may get in a day from one account."""
INVITATIONS_TO_ADDRESS_BY_ALL_PER_DAY = 12
"""Invitations that one address may get in a day from all accounts of a merchant together: several times what one account may send, so that
none of them uses up what another needs."""
MAX_NAME = 120


class Role(StrEnum):
    """What a person may do: a viewer sees everything, a payer also pays, an owner also decides about the account."""

    OWNER = "owner"
    PAYER = "payer"
    VIEWER = "viewer"


class Right(StrEnum):
    """What a page or an act needs of whoever is signed in."""

    READ = "read"
    PAY = "pay"
    MANAGE = "manage"


RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Right),
        Role.PAYER: frozenset({Right.READ, Right.PAY}),
        Role.VIEWER: frozenset({Right.READ}),
    }
)


def may(role: str, right: Right) -> bool:
    """Return whether a role has a right; an unknown role has none."""
    return right in RIGHTS.get(role, frozenset())


def is_open(*, joined_at: datetime | None, invited_at: datetime, at: datetime) -> bool:
    """Return whether a person that was not removed may sign in: it joined before, or its invitation still lives."""
    return joined_at is not None or at < invited_at + INVITATION_FOR
