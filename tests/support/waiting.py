"""Waiting for something to come about in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    what: Callable[[], T | None], *, seconds: float = 10, sentence: str = "it did not come about in time"
) -> T:
    """Ask until there is an answer (None, False and nothing are none) and tell it; fail with `sentence` when the time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, sentence
        time.sleep(0.03)
    return answer
