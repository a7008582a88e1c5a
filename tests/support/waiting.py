"""Waiting for something to come about in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    what: Callable[[], T | None], *, seconds: float = 10, sentence: str = "it did not come about in time"
) -> T:
    """Call `what` until it returns a true value, and return that; fail with `sentence` when the time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, sentence
        time.sleep(0.03)
    return answer
