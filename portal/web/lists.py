"""How a list's page is named in an address: which filter, and before or after which row; for views of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from portal.paging import FIRST, Cursor, Slice
from portal.web.pages import Pager

Row = TypeVar("Row")


def read_filter(arguments: Mapping[str, str], known: Mapping[str, Any] | tuple[str, ...], default: str) -> str:
    """The filter `status=` of a list. What is not one is passed over: an address with a slip in it still shows the list."""
    asked = arguments.get("status", default) if arguments else default
    return asked if asked in known else default


def read_cursor(arguments: Mapping[str, str], parse: Callable[[str], Any]) -> Cursor:
    """Where `after=` or `before=` says the page begins; `parse` gives the key of a cursor, None for what is not one.

    A cursor with a slip in it is passed over, and the list begins at its start.
    """
    for direction in ("after", "before") if arguments else ():
        if text := arguments.get(direction):
            key = parse(text)
            if key is not None:
                return Cursor(direction, key)
    return FIRST


def build_pager(page: Slice[Row], status: str, write: Callable[[Row], str]) -> Pager:
    """The steps of a list. `write` tells the cursor of a row; `status` is the filter as it stands in the address, or ""."""
    start = f"?status={status}" if status else "?"
    before = f"{start}{'&' if status else ''}"
    previous = (f"{before}before={write(page.rows[0])}" if page.rows else start) if page.has_previous else None
    following = f"{before}after={write(page.rows[-1])}" if page.has_next else None
    return Pager(newer_url=previous, older_url=following)
