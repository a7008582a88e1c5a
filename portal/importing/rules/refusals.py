"""Why a single value of a row is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ValueRefused(ValueError):
    """A value cannot be read; the sentence begins with its field, and ends with the option that would help where there is one."""


def attempt(reasons: list[str], read: Callable[..., T], field: str, *arguments: object) -> T | None:
    """Return the value, or None with the reason appended: a row reports all its faults at once."""
    try:
        return read(field, *arguments)
    except ValueRefused as fault:
        reasons.append(str(fault))
        return None
