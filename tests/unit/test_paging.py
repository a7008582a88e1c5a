"""Cutting a page out of the rows that were read."""

from __future__ import annotations

import pytest

from portal.paging import FIRST, PAGE_SIZE, READ_SIZE, Cursor, Slice, cut


def read(items: list[int], cursor: Cursor) -> list[int]:
    """What a query gives: one row more than a page, or as many from either side of the cursor's row."""
    if cursor.direction == "first":
        return items[:READ_SIZE]
    place = items.index(cursor.key)
    if cursor.direction == "after":
        return items[place + 1 :][:READ_SIZE]
    return items[max(0, place - READ_SIZE) : place] + items[place:][:READ_SIZE]


def page(items: list[int], cursor: Cursor) -> Slice[int]:
    return cut(read(items, cursor), cursor, lambda row: row < cursor.key)


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 50, 51, 60])
def test_steps_forward_and_back_meet_every_row(count: int) -> None:
    items = list(range(count))
    found, seen = page(items, FIRST), []
    seen += found.rows
    while found.has_next:
        found = page(items, Cursor("after", found.rows[-1]))
        seen += found.rows
    assert seen == items
    while found.has_previous:
        before = found.rows[0]
        found = page(items, Cursor("before", before))
        assert found.rows == items[max(0, before - PAGE_SIZE) : max(before, PAGE_SIZE)]
        assert found.has_next
    assert found.rows == items[:PAGE_SIZE]


def test_step_back_near_the_start_fills_the_first_page() -> None:
    found = page(list(range(60)), Cursor("before", 3))

    assert found == Slice(list(range(PAGE_SIZE)), has_previous=False, has_next=True)
