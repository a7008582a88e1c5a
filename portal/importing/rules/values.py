"""Reads the single values of a row that are no numbers: dates in the file's zone, texts, email addresses, telephone numbers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from portal.contacts import ContactRefused, normalise_email, normalise_name, normalise_phone
from portal.importing.errors import MappingFault
from portal.importing.rules.refusals import ValueRefused

_FIRST_YEAR, _LAST_YEAR = 1970, 2200  # Our ids hold no instant before 1970.
_ZONE_APART = re.compile(r"[  ](?P<offset>[+-][0-9]{2}:?[0-9]{2})$")
_NAMED_UTC = re.compile(r"[  ]?(?:UTC|GMT|Z)$", re.IGNORECASE)
_EXAMPLE_OPTION = "--date-format '%d/%m/%Y'"


@dataclass(frozen=True, slots=True)
class Calendar:
    """How the file writes dates: a `strptime` format (None: ISO 8601 only), and the zone of its wall clock."""

    format: str | None
    zone: ZoneInfo

    def instant(self, field: str, text: str) -> datetime:
        """The instant in UTC; a date alone is the beginning of that day in the file's zone."""
        return self.local(field, text).astimezone(UTC)

    def day(self, field: str, text: str) -> date:
        return self.local(field, text).date()

    def local(self, field: str, text: str) -> datetime:
        try:
            found = _parse_instant(text, self.format)
        except (ValueError, OverflowError):
            raise ValueRefused(
                f"{field} is not a date as {self.format or 'YYYY-MM-DD'} writes it: {_EXAMPLE_OPTION}"
            ) from None
        if not _FIRST_YEAR < found.year < _LAST_YEAR:
            raise ValueRefused(f"{field} is before {_FIRST_YEAR + 1} or after {_LAST_YEAR - 1}")
        return found.astimezone(self.zone) if found.tzinfo else found.replace(tzinfo=self.zone)


def checked_calendar(date_format: str | None, timezone: str) -> Calendar:
    """Raises MappingFault for a format that cannot be used and a zone that does not exist."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise MappingFault(f"there is no timezone {timezone}; it is a name such as Europe/London") from None
    if date_format is not None:
        try:
            sample = datetime(2001, 12, 13, 14, 15, 16, tzinfo=UTC)
            if _parse_instant(sample.strftime(date_format), date_format).date() != sample.date():
                raise ValueError
        except ValueError:
            raise MappingFault(
                f"the date format {date_format} does not tell a day, such as '%m/%d/%Y %H:%M' does"
            ) from None
    return Calendar(date_format, zone)


def read_text(field: str, text: str, limit: int = 255) -> str:
    try:
        line = normalise_name(text, field=field)
    except ContactRefused as fault:
        raise ValueRefused(str(fault)) from None
    if len(line) > limit:
        raise ValueRefused(f"{field} is longer than {limit} characters")
    return line


def read_email(field: str, text: str) -> str:
    try:
        return normalise_email(text, field=field)
    except ContactRefused as fault:
        raise ValueRefused(str(fault)) from None


def read_phone(field: str, text: str, region: str | None) -> str:
    try:
        return normalise_phone(text, region, field=field)
    except ContactRefused as fault:
        raise ValueRefused(str(fault)) from None


def key_text(text: str) -> str:
    """Return a number or a reference in the form that is compared: in NFC, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@lru_cache(maxsize=4096)
def _parse_instant(text: str, date_format: str | None) -> datetime:
    """Read a date in the file's format, or its day alone where the format has a time too, or in ISO 8601."""
    text = _with_ascii_digits(text)
    for each in _formats(date_format):
        try:
            return datetime.strptime(text, each)  # noqa: DTZ007 - the caller puts the file's zone to it
        except ValueError:
            continue
    if len(text) <= 10:
        return datetime.combine(date.fromisoformat(text), time())
    return datetime.fromisoformat(_NAMED_UTC.sub("+00:00", _ZONE_APART.sub(r"\g<offset>", text)))


@lru_cache(maxsize=16)
def _formats(date_format: str | None) -> tuple[str, ...]:
    if date_format is None:
        return ()
    day_alone = re.split(r"[ T,]+(?=%[HIXcR])", date_format)[0]
    return (date_format,) if day_alone == date_format else (date_format, day_alone)


def _with_ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
        for letter in text
        if unicodedata.category(letter) != "Cf"
    )
