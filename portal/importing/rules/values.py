"""Reads the single values of a row: dates in the file's zone, decimals, currencies, countries. Each returns a value or raises with a reason."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from portal.contacts import ContactRefused, normalise_email, normalise_name, normalise_phone
from portal.importing.errors import MappingFault
from portal.money import CURRENCIES, AmountError, exponent, minor_units, parse_decimal

T = TypeVar("T")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200  # Our ids hold no instant before 1970.
_ALIASES = {
    "eire": "IE",
    "rsa": "ZA",
    "usa": "US",
    "u.s.a.": "US",
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "uae": "AE",
}


class ValueRefused(ValueError):
    """A value cannot be read; the sentence begins with its field and does not repeat the value."""


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
            raise ValueRefused(f"{field} is not a date as {self.format or 'YYYY-MM-DD'} writes it") from None
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


def read_currency(field: str, text: str) -> str:
    if text.upper() not in CURRENCIES:
        raise ValueRefused(f"{field} is not a currency of ISO 4217")
    return text.upper()


def read_decimal(field: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except AmountError as fault:
        raise ValueRefused(f"{field} {fault}") from None


def read_minor(field: str, value: Decimal, currency: str) -> int:
    """Major units as minor units, rounded half up."""
    try:
        return minor_units(value, currency)
    except AmountError as fault:
        raise ValueRefused(f"{field} {fault}") from None


def read_exact_minor(field: str, text: str, currency: str) -> int:
    """Major units as minor units; refused when the currency has fewer decimals."""
    value = read_decimal(field, text)
    amount = read_minor(field, value, currency)
    if Decimal(amount).scaleb(-exponent(currency)) != value:
        raise ValueRefused(f"{field} has more decimals than {currency} has")
    return amount


def read_whole(field: str, text: str) -> int:
    """A whole number of minor units, as the API writes an amount."""
    value = read_decimal(field, text)
    if value != value.to_integral_value():
        raise ValueRefused(f"{field} is not a whole number of minor units")
    return int(value)


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


@cache
def find_country(name: str) -> str | None:
    """Return the ISO 3166 code of a country from its code or English name; None for what is no single country."""
    from babel import Locale

    territories = {
        code: str(title) for code, title in Locale("en").territories.items() if len(code) == 2 and code.isalpha()
    }
    if name.upper() in territories:
        return name.upper()
    by_title = {title.casefold(): code for code, title in territories.items() if code not in ("EU", "EZ", "UN", "ZZ")}
    key = name.casefold()
    # Babel says Czechia; many files still say Czech Republic.
    return (
        _ALIASES.get(key)
        or by_title.get(key)
        or {"czech republic": "CZ", "hong kong": "HK", "macau": "MO", "turkey": "TR"}.get(key)
    )


def key_text(text: str) -> str:
    """Return a number or a reference in the form that is compared: in NFC, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def attempt(reasons: list[str], read: Callable[..., T], field: str, *arguments: object) -> T | None:
    """Return the value, or None with the reason appended: a row reports all its faults at once."""
    try:
        return read(field, *arguments)
    except ValueRefused as fault:
        reasons.append(str(fault))
        return None


@lru_cache(maxsize=4096)
def _parse_instant(text: str, date_format: str | None) -> datetime:
    if date_format is not None:
        try:
            return datetime.strptime(text, date_format)  # noqa: DTZ007 - the caller puts the file's zone to it
        except ValueError:
            pass  # A second column may be plain ISO.
    if len(text) <= 10:
        return datetime.combine(date.fromisoformat(text), time())
    return datetime.fromisoformat(text)
