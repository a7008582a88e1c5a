"""One run of an import: what it is called, and what it comes to in counts of rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from portal.importing.rules.results import Change


@dataclass(frozen=True, slots=True)
class Run:
    """A run of `portal import`: `id` is `imp_…`, `file` the file's name without its folder."""

    id: str
    kind: str
    file: str
    started_at: datetime


@dataclass(slots=True)
class Summary:
    """How many rows had which result; the four sum to `rows`."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def count(self, change: Change, row_count: int) -> None:
        """Count rows of a result."""
        setattr(self, change.value, getattr(self, change.value) + row_count)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)
