"""How much the long proofs try: little enough for `make test` to stay under eight minutes, all of it in `make verify`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

IS_LONG = os.environ.get("TESTS_LONG") == "1"
"""Set by `make verify`, and by nothing else."""


def tier(short: T, long: T) -> T:
    """Return what `make test` tries, or what `make verify` does."""
    return long if IS_LONG else short
