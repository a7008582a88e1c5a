"""The result of importing an object, and the parts of each kind of import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from portal.importing.rules.amounts import NumberStyle
from portal.importing.rules.groups import Built, Group, Reading
from portal.importing.rules.mapping import Fields
from portal.importing.rules.values import Calendar
from portal.merchants.queries import MerchantProfile


class Change(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an object could not be written."""

    reason: str


WriteResult = Change | Refused


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a batch: a result for each object, in their order, and the ids of what was made, so that it can be undone."""

    results: list[WriteResult]
    made: list[str]


class RowReader(Protocol):
    """Reads the rows of one file."""

    def read(self, values: Mapping[str, str]) -> Reading:
        """Return the row as it is by itself, with every fault that it has."""
        ...

    def looks_like_row(self, values: Mapping[str, str]) -> bool:
        """Return whether these are the values of a row, and not a line of a text: what can be checked of them holds."""
        ...


class WrittenObject(Protocol):
    """The object of a group of rows. Its first row counts as the result of the writing; `later_changes` are the results of its other
    rows where it was created, empty where they count as the first."""

    @property
    def file_lines(self) -> tuple[int, ...]: ...

    @property
    def later_changes(self) -> tuple[Change, ...]: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the rows of one import are read and written with."""

    merchant: MerchantProfile
    calendar: Calendar
    style: NumberStyle
    now: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of import. `noun` names its object; `has_people` says that rows are grouped by the person whom they name.

    `write` must change nothing outside of the session's transaction: it may be retried. `preview` is an object in a few words, cell by cell below `preview_head`.
    """

    noun: str
    has_people: bool
    fields: Fields
    reader: Callable[[Context], RowReader]
    build: Callable[[Context, Group], Built]
    write: Callable[[Session, Context, Sequence[Any]], Written]
    preview_head: tuple[str, ...]
    preview: Callable[[Any], tuple[str, ...]]
