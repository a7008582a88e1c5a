"""Cleaning of what providers return: text that a page can show and a database can store, ids that are left whole or dropped.

A database rejects a NUL character or half of a surrogate pair each time it is written: an outcome with one in it would never
be recorded, and its invoice would stay reserved for ever.
"""

from __future__ import annotations

from datetime import datetime

LONGEST_ID, MAX_ADDRESS_LENGTH = 255, 2000
_YEARS = range(
    1970, 2200
)  # Our ids hold no instant before 1970; near the years 1 and 9999 conversion to another timezone overflows.


def printable(text: str | None) -> str | None:
    """Return a text for people on one line, without characters that do not print; None where nothing is left."""
    if text is None or text.isprintable():
        return text or None
    line = " ".join(text.split())
    return "".join(character for character in line if character.isprintable()) or None


def storable_id(text: str | None, longest: int = LONGEST_ID) -> str | None:
    """Return an id, a token or an address unchanged; None where it cannot be stored: cut or cleaned it would identify another object."""
    return text if text is not None and 0 < len(text) <= longest and text.isprintable() else None


def storable_instant(at: datetime | None) -> datetime | None:
    """Return an instant that converts to every timezone; None for one at the edge of the calendar."""
    return at if at is not None and at.year in _YEARS else None


def number_within(value: int | None, allowed: range) -> int | None:
    """Return a number within the allowed range; None for any other."""
    return value if value is not None and value in allowed else None
