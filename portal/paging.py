"""Lists read by key, never by offset: where a page begins, and how a page is cut out of the rows that were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

PAGE_SIZE = 25
READ_SIZE = PAGE_SIZE + 1
"""One row more than is shown tells whether there is a next page."""

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
    """The page that `cursor` asks for, out of rows in the list's order.

    Going back, the rows hold READ_SIZE from either side of the cursor's row, those ahead of it told by `is_ahead`: the
    first page is then a full one, whatever has come since.
    """
    if cursor.direction != "before":
        return Slice(rows[:PAGE_SIZE], cursor.direction == "after", len(rows) > PAGE_SIZE)
    ahead = sum(map(is_ahead, rows))
    start = max(0, ahead - PAGE_SIZE)
    return Slice(rows[start : start + PAGE_SIZE], start > 0, len(rows) > start + PAGE_SIZE)
