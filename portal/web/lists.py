"""Query parameters of lists: the filter, and the row that the page begins before or after; for views of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from portal.paging import FIRST, Cursor, Slice
from portal.web.pages import Pager

Row = TypeVar("Row")


def read_filter(arguments: Mapping[str, str], known: Mapping[str, Any] | tuple[str, ...], default: str) -> str:
    """Return the filter `status=` of a list. An unknown one is ignored: a mistyped URL still shows the list."""
    status = arguments.get("status", default) if arguments else default
    return status if status in known else default


def read_cursor(arguments: Mapping[str, str], parse: Callable[[str], Any]) -> Cursor:
    """Return the cursor of `after=` or `before=`; `parse` returns its key, or None for a malformed one.

    A malformed cursor is ignored, and the list begins at its start.
    """
    for direction in ("after", "before") if arguments else ():
        if text := arguments.get(direction):
            key = parse(text)
            if key is not None:
                return Cursor(direction, key)
    return FIRST


def build_pager(page: Slice[Row], fields: Mapping[str, str], write: Callable[[Row], str]) -> Pager:
    """Return the links to the next and the previous page. `fields` are those of the list's filter in its address, which they keep;
    `write` returns the cursor of a row."""
    start = f"?{urlencode(fields)}"
    joined = f"{start}&" if fields else start
    previous = (f"{joined}before={write(page.rows[0])}" if page.rows else start) if page.has_previous else None
    following = f"{joined}after={write(page.rows[-1])}" if page.has_next else None
    return Pager(newer_url=previous, older_url=following)
