"""The rows of one object of a file, as they come out of the spool; and what a row says of who it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_GROUP_ROWS = 5000
"""Rows of one object, at most."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Whom and what a row is about. `object` is the object's own key (an invoice's number); `owner` is given where a person is not
    looked for (a payment's gateway).

    A person is named by our `id`, the merchant's `reference`, an email address (`email`, and `email_key` as it is compared) or a
    `phone` (E.164): the first of these that is there.
    """

    object: str | None = ""
    owner: str | None = None
    id: str | None = None
    reference: str | None = None
    email: str | None = None
    email_key: str | None = None
    phone: str | None = None

    @property
    def has_owner(self) -> bool:
        return bool(self.owner or self.id or self.reference or self.email_key or self.phone)


@dataclass(frozen=True, slots=True)
class Reading:
    """A row as it was read by itself: `payload` is its values in a form for the spool, `reasons` why it cannot be imported.

    `person` has what the row says of the customer, by field, in normal form; what cannot be read is left out.
    """

    keys: Keys
    at: datetime | None
    payload: dict[str, Any]
    reasons: list[str] = field(default_factory=list)
    person: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpooledRow:
    """A row to be imported, or one that was refused: its line, and its values or the reason."""

    line: int
    payload: dict[str, Any]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one object, in the order of the file.

    `owner` is whom it is about: `r:` and the merchant's reference, `e:` and the key of an email address, `p:` and a telephone number, `i:`
    and our id, or what the kind of import says. `owner_at` is in microseconds since 1970, None when no row has a time. `person` is
    what all rows of this owner say, the first that says anything deciding. `spoilt_by` is the line of a refused row that may belong
    to the object.
    """

    owner: str
    object: str
    owner_at: int | None
    rows: tuple[SpooledRow, ...]
    person: Mapping[str, str] = field(default_factory=dict)
    spoilt_by: int | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """What a group of rows comes to: an object, or none; and the rows that are not part of it, with their reasons."""

    object: Any = None
    refused: Mapping[int, str] = field(default_factory=dict)
