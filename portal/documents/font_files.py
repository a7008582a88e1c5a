"""The fonts of the papers: those that are shipped with us, and the operator's own folders beside them; what they cover."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "fonts"
SWISS_FOLDER = FOLDER.parent / "swiss_fonts"
"""The fonts of a Swiss QR-bill, apart from the others: papers without one are set as if they were not there."""
_UNDRAWN = frozenset(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff\n"))


def uncovered(texts: Iterable[str]) -> str:
    """Return the characters of these texts that no shipped font has, each once, in order, at most 50."""
    points = {ord(letter) for text in texts for letter in text} - _covered() - _UNDRAWN
    return "".join(map(chr, sorted(points)[:50]))


@cache
def _covered() -> frozenset[int]:
    found: set[int] = set()
    for line in (FOLDER / "coverage.txt").read_text("ascii").split():
        first, _, last = line.partition("-")
        found.update(range(int(first, 16), int(last, 16) + 1))
    return frozenset(found)
