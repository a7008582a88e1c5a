"""The rows of one object of a file, as they come out of the spool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_GROUP_ROWS = 5000
"""Rows of one object, at most."""


@dataclass(frozen=True, slots=True)
class SpooledRow:
    """A row to be imported, or one that was refused: its line, and its values or the reason."""

    line: int
    payload: dict[str, Any]
    reason: str | None
    spoils: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one object, in the order of the file. `owner_at` is in microseconds since 1970, None when none has a time."""

    owner: str
    object: str
    owner_at: int | None
    rows: tuple[SpooledRow, ...]
