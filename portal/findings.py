"""What an operator is told, one line each: how bad it is, what was looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found, in a sentence that says what to do."""

    level: Level
    subject: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level.value:<8} {self.subject:<9} {self.sentence}"
