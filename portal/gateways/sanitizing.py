"""What of a provider's words is kept: signs that a page can show and a database can store, and ids that mean one thing.

A NUL or half of a surrogate pair is refused by a database each time it is written: an outcome that holds one would never be
recorded, and the invoice be held for ever.
"""

from __future__ import annotations

from datetime import datetime

LONGEST_ID, LONGEST_ADDRESS = 255, 2000
_YEARS = range(1970, 2200)  # Ids of ours hold no instant before 1970, and near year 1 and 9999 no zone can be told.


def readable(text: str | None) -> str | None:
    """A text for people, in one line and without the signs that do not print; None where nothing is left of it."""
    if text is None or text.isprintable():
        return text or None
    line = " ".join(text.split())
    return "".join(sign for sign in line if sign.isprintable()) or None


def usable(text: str | None, longest: int = LONGEST_ID) -> str | None:
    """An id, a token or an address as it is; None where it cannot be kept as it is: cut or cleaned it would name another thing."""
    return text if text is not None and 0 < len(text) <= longest and text.isprintable() else None


def plausible(at: datetime | None) -> datetime | None:
    """An instant that every zone can tell; None for one at the edge of the calendar."""
    return at if at is not None and at.year in _YEARS else None


def whole_number(value: int | None, allowed: range) -> int | None:
    """A number that can be what it is said to be; None for any other."""
    return value if value is not None and value in allowed else None
