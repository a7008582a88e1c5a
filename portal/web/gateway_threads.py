"""Limits the threads that wait for a gateway on behalf of a page, so that a slow gateway does not block other pages."""

from __future__ import annotations

import threading
from collections.abc import Callable

_LOOKUPS = threading.BoundedSemaphore(2)
"""How many threads of this process may wait for a gateway while a page is shown; a server has four or eight."""
_WAIT_SECONDS = 0.2


def look_up_if_free(look_up: Callable[[], None]) -> None:
    """Call `look_up`, unless enough threads wait for a gateway already: then the page shows what is recorded, and refreshes itself."""
    if not _LOOKUPS.acquire(timeout=_WAIT_SECONDS):
        return
    try:
        look_up()
    finally:
        _LOOKUPS.release()
