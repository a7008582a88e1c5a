"""How a page asks a gateway: in few threads at a time, so that one that does not answer takes no other page with it."""

from __future__ import annotations

import threading
from collections.abc import Callable

_ASKING = threading.BoundedSemaphore(2)
"""How many threads of this process may wait for a gateway because somebody looks at a page; a server has four or eight."""
_WAIT_SECONDS = 0.2


def look_up_if_free(ask: Callable[[], None]) -> None:
    """Ask, unless enough threads wait for a gateway already: what is recorded is shown then, and the page asks again by itself."""
    if not _ASKING.acquire(timeout=_WAIT_SECONDS):
        return
    try:
        ask()
    finally:
        _ASKING.release()
