"""What can be wrong with a theme: where, of which kind, and in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

_ALIKE = 0.68


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to put right. `line` counts from 1; 0 is the file as a whole.

    `kind` is one of those in docs/themes.md. `nearest` is what to write instead: a known name, a colour that passes; "" where there is none.
    """

    theme: str
    path: Path
    line: int
    sentence: str
    kind: str = "theme"
    nearest: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}" if self.line else f"{self.path}: {self.sentence}"

    def as_document(self) -> dict[str, Any]:
        """The fault as `portal theme check --json` has it; `line` and `nearest` are null where there is none."""
        return {
            "theme": self.theme,
            "file": str(self.path),
            "line": self.line or None,
            "kind": self.kind,
            "message": self.sentence,
            "nearest": self.nearest or None,
        }


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, also where it is written in camelCase; "" where none is like it."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return next(iter(get_close_matches(snake, sorted(known), n=1, cutoff=_ALIKE)), "")


def did_you_mean(nearest: str) -> str:
    """The end of a sentence about an unknown name."""
    return f"; did you mean {nearest}?" if nearest else ""
