"""What a customer's history is narrowed to, as one value: read from the query of an address, and written back into one. No queries."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from portal.money import CURRENCIES
from portal.payments.rules.search import MAX_QUERY

METHODS = ("card", "mobile_money", "bank_account", "other", "credit")
"""The values of `method=`: what a payment was paid by, `credit` where the customer's credit alone paid it."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
# Far from both ends of what a datetime can be, in whatever timezone: payments lie between.
_FIRST_YEAR, _LAST_YEAR = 1971, 9000


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What of the history is shown: one of the tabs or statuses of `queries.history.FILTERS`, a method (one of METHODS), a currency, days
    (both included, in the merchant's timezone) and a search as it was typed. "" and None are no limit."""

    status: str = "all"
    method: str = ""
    currency: str = ""
    from_on: date | None = None
    to_on: date | None = None
    q: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether more is asked than a status: such a list has no count."""
        return bool(self.method or self.currency or self.from_on or self.to_on or self.q)

    @property
    def fields(self) -> dict[str, str]:
        """The query of its address, by name; what is no limit is left out."""
        if self == _NO_LIMIT:
            return {}
        values = {
            "q": self.q,
            "status": "" if self.status == "all" else self.status,
            "method": self.method,
            "currency": self.currency,
            "from": self.from_on.isoformat() if self.from_on else "",
            "to": self.to_on.isoformat() if self.to_on else "",
        }
        return {name: value for name, value in values.items() if value}

    def without(self, name: str) -> HistoryFilter:
        """Return the filter without one of its fields, by its name in the address."""
        return replace(self, **{_ATTRIBUTES.get(name, name): getattr(_NO_LIMIT, _ATTRIBUTES.get(name, name))})

    def since(self, zone: tzinfo) -> datetime | None:
        """Return the first instant that is shown, in UTC; None for no limit."""
        return _start_of(max(self.from_on, date(_FIRST_YEAR, 1, 1)), zone) if self.from_on else None

    def until(self, zone: tzinfo) -> datetime | None:
        """Return the first instant after `since` that is not shown any more; None for no limit."""
        if self.to_on is None or self.to_on.year >= _LAST_YEAR:
            return None
        return _start_of(max(self.to_on, date(_FIRST_YEAR - 1, 1, 1)) + timedelta(days=1), zone)


def read_history_filter(arguments: Mapping[str, str], statuses: Collection[str]) -> HistoryFilter:
    """Return the filter of an address; a value that is not known is ignored, so that a mistyped address still shows the list."""
    if not arguments:
        return _NO_LIMIT
    status, method = arguments.get("status", ""), arguments.get("method", "")
    currency = arguments.get("currency", "").upper()
    return HistoryFilter(
        status=status if status in statuses else "all",
        method=method if method in METHODS else "",
        currency=currency if currency in CURRENCIES else "",
        from_on=_read_day(arguments.get("from", "")),
        to_on=_read_day(arguments.get("to", "")),
        q=_BLANKS.sub(" ", arguments.get("q", "")).strip()[:MAX_QUERY].rstrip(),
    )


def _read_day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _start_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(min(day, date(_LAST_YEAR, 1, 1)), time.min, zone).astimezone(UTC)


_ATTRIBUTES = {"from": "from_on", "to": "to_on"}
_NO_LIMIT = HistoryFilter()
