"""What the page of the statement gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from portal.statement.rules import Ageing, Movement


@dataclass(frozen=True, slots=True)
class Period:
    """A period that people name: "month", "quarter", "year" or "last_year", with its address; `on` is a day in it."""

    name: str
    url: str
    on: date
    is_current: bool


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A line, with the address of what it is about, None where there is no page of it."""

    movement: Movement
    url: str | None


@dataclass(frozen=True, slots=True)
class StatementPage:
    """statement.html. Amounts are minor units of `currency`; `first_on` and `last_on` are the days of the statement. `skipped_count` movements at the beginning are not on the page (they are in the file), and `brought_forward` is the
    balance after them. `under_way` is money on its way, which is not counted. `zip_url` has all papers of these days, in every
    currency. Without `currency` there never was anything."""

    currency: str | None
    currencies: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    first_on: date | None = None
    last_on: date | None = None
    opening: int = 0
    charged: int = 0
    credited: int = 0
    closing: int = 0
    rows: tuple[MovementRow, ...] = ()
    skipped_count: int = 0
    brought_forward: int = 0
    ageing: Ageing = field(default_factory=Ageing)
    under_way: int = 0
    csv_url: str = ""
    pdf_url: str = ""
    zip_url: str = ""

    @property
    def row_count(self) -> int:
        """How many movements this page lists."""
        return len(self.rows)
