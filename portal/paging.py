"""Pages of lists by key, never by offset: cursors, and the page of the rows that were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

PAGE_SIZE = 25
READ_SIZE = PAGE_SIZE + 1
"""One row more than is shown, to know whether there is a next page."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: at the list's start (`direction` "first"), after a row, or, going back, before a row.

    `key` is the row's place in the list's order: its id, or its due date and id.
    """

    direction: str = "first"
    key: Any = None


FIRST = Cursor()


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of a list. `has_previous` and `has_next` are pages nearer the list's start and its end."""

    rows: list[Row]
    has_previous: bool
    has_next: bool


def cut(rows: list[Row], cursor: Cursor, is_ahead: Callable[[Row], bool]) -> Slice[Row]:
    """Return the page of `cursor`, out of rows in the list's order.

    Going back, there are READ_SIZE rows on either side of the cursor's row; `is_ahead` returns whether a row is before it.
    The first page is then a full one, whatever was added since.
    """
    if cursor.direction != "before":
        return Slice(rows[:PAGE_SIZE], cursor.direction == "after", len(rows) > PAGE_SIZE)
    ahead = sum(map(is_ahead, rows))
    start = max(0, ahead - PAGE_SIZE)
    return Slice(rows[start : start + PAGE_SIZE], start > 0, len(rows) > start + PAGE_SIZE)
