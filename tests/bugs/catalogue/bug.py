"""A seeded bug: a change of a few words that takes one safeguard away, and has to be there to be made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TextGone(Exception):
    """What a bug would change is not in the code any more: the catalogue is out of date, and proves nothing."""


@dataclass(frozen=True)
class Change:
    """In `file` every `text` becomes `instead`."""

    file: str
    text: str
    instead: str

    def apply(self, root: Path) -> None:
        """Change the tree at `root`. Raises TextGone."""
        path = root / self.file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if self.text not in before:
            raise TextGone(f"{self.file} does not say {self.text!r}")
        path.write_text(before.replace(self.text, self.instead), encoding="utf-8")


@dataclass(frozen=True)
class Bug:
    """`likely` are the tests that are run first, as pytest takes them; the whole suite follows where they stay green."""

    name: str
    changes: tuple[Change, ...]
    likely: tuple[str, ...]


def bug(name: str, *changes: tuple[str, str, str], likely: tuple[str, ...]) -> Bug:
    """Return a bug of these changes, each a file, the text that is there and what stands there instead."""
    return Bug(name, tuple(Change(*change) for change in changes), likely)
