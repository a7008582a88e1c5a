"""The result of importing an object, and the parts of each kind of import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from portal.importing.rules.groups import Group
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


class RowReader(Protocol):
    """Reads the rows of one file."""

    def key_of(self, values: Mapping[str, str]) -> tuple[str, str] | None:
        """Owner and object of a row, by which rows of one object are grouped; None when the row has none."""
        ...

    def read(self, values: Mapping[str, str]) -> tuple[datetime | None, dict[str, Any]]:
        """When it happened, and its values in a form for the spool. Raises RowRefused."""
        ...


class WrittenObject(Protocol):
    """The object of a group of rows."""

    @property
    def file_lines(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the rows of one import are read and written with."""

    merchant: MerchantProfile
    calendar: Calendar
    mapped: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of import. `noun` names its object; `is_one_row` says that a second row of an object is refused.

    `build` raises RowRefused; `write` returns a result for each object, in their order, and must
    change nothing outside of the session's transaction: it may be retried."""

    noun: str
    is_one_row: bool
    fields: Fields
    reader: Callable[[Context], RowReader]
    build: Callable[[Group], Any]
    write: Callable[[Session, Context, Sequence[Any]], list[WriteResult]]
