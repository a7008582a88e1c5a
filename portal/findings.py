"""Results of checks, for the operator: one line each, with a level, a subject and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. The sentence says what was found and, unless it is `ok`, what to do."""

    level: Level
    subject: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level.value:<8} {self.subject:<11} {self.sentence}"
