"""Pages of lists by key, never by offset: cursors, the statements of a page, and the page of the rows that were read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from portal.database import Reader

PAGE_SIZE = 25
READ_SIZE = PAGE_SIZE + 1
"""One row more than is shown, to know whether there is a next page."""
EXPORT_SIZE = 500
"""Rows of a page that nobody sees."""

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


def read_newest_first(
    reader: Reader,
    ranges: Sequence[sa.Select[Any]],
    make: Callable[[sa.Row[Any]], Row],
    *,
    id_column: Any,
    id_of: Callable[[Row], str],
    cursor: Cursor,
    limit: int,
) -> Slice[Row]:
    """Return the page of at most `limit` rows at `cursor`, whose key is an id, in descending order of ids.

    Each of `ranges` selects rows that an index gives in the order of `id_column`, such as those of one status; no row is in
    two of them. Of each one page is read, so that the cost is that of a page, at any depth.
    """
    parts = [part for one in ranges for part in _around(one, id_column, cursor)]
    limited = [part.limit(limit + 1) for part in parts]
    statement = limited[0] if len(limited) == 1 else sa.union_all(*(sa.select(part.subquery()) for part in limited))
    rows = sorted((make(row) for row in reader.execute(statement)), key=id_of, reverse=True)
    return cut(rows, cursor, lambda row: id_of(row) > cursor.key, limit)


def read_pages(list_page: Callable[[Cursor, int], Slice[Row]], id_of: Callable[[Row], str]) -> Iterator[list[Row]]:
    """Yield the pages of a whole list, newest first, for exports that stream: no more than one page is in memory."""
    cursor = FIRST
    while True:
        page = list_page(cursor, EXPORT_SIZE)
        if page.rows:
            yield page.rows
        if not page.has_next:
            return
        cursor = Cursor("after", id_of(page.rows[-1]))


def count_up_to(reader: Reader, ranges: Sequence[sa.Select[Any]], most: int, *, id_column: Any) -> int | None:
    """Return how many rows `ranges` have together, None when they are more than `most`: a count must not cost more than a list."""
    count = 0
    # Without an order PostgreSQL reads the table, where it guesses that it meets enough of them soon.
    for one in ranges:
        limited = one.with_only_columns(sa.literal_column("1")).order_by(id_column).limit(most + 1).subquery()
        count += reader.execute(sa.select(sa.func.count()).select_from(limited)).scalar_one()
        if count > most:
            return None
    return count


def cut(rows: list[Row], cursor: Cursor, is_ahead: Callable[[Row], bool], size: int = PAGE_SIZE) -> Slice[Row]:
    """Return the page at `cursor`, of at most `size` rows, out of rows in the list's order.

    Going back, there are `size` rows and one more on either side of the cursor's row; `is_ahead` returns whether a row is before
    it. The first page is then a full one, whatever was added since.
    """
    if cursor.direction != "before":
        return Slice(rows[:size], cursor.direction == "after", len(rows) > size)
    ahead = sum(map(is_ahead, rows))
    start = max(0, ahead - size)
    return Slice(rows[start : start + size], start > 0, len(rows) > start + size)


def _around(one: sa.Select[Any], id_column: Any, cursor: Cursor) -> list[sa.Select[Any]]:
    down, up = id_column.desc(), id_column.asc()
    if cursor.direction == "first":
        return [one.order_by(down)]
    if cursor.direction == "after":
        return [one.where(id_column < cursor.key).order_by(down)]
    return [one.where(id_column > cursor.key).order_by(up), one.where(id_column <= cursor.key).order_by(down)]
