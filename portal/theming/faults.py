"""What can be wrong with a theme: where, and in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to put right. `line` counts from 1; 0 is the file as a whole."""

    theme: str
    path: Path
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}" if self.line else f"{self.path}: {self.sentence}"
