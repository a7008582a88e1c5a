"""How amounts, numbers, dates and times are written in a language: compiled once a locale from Babel's data into plain Python.

Calling Babel for each row costs half of a page, so its data is read here once; the tests compare with Babel. Where the design
differs: the minus is U+2212 before everything; the CFA franc of Central Africa is written after the number, as FCFA; letters never
touch digits; digits are Latin and bidi marks are left out (amounts are isolated in the page); the clock has 24 hours; in French
the first of a month is "1er avril".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from portal.money import exponent

if TYPE_CHECKING:
    from babel import Locale

MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
_BIDI_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
_WRITTEN_AFTER = {"XAF": "FCFA"}


@dataclass(frozen=True, slots=True)
class MoneyParts:
    """One amount in pieces, for the large amount of a page.

    Written one after the other, `prefix`, `whole`, `part` and `unit_after` are what the `money` filter writes. `prefix` is the
    minus and a currency that stands before; `part` the decimals with their separator, or empty; `unit` the currency when it stands
    after, and `unit_after` the same with its no-break space (both empty when it stands before).
    """

    prefix: str
    whole: str
    part: str
    unit: str
    unit_after: str


@dataclass(frozen=True, slots=True)
class MoneyNotation:
    """How amounts of one currency are written in a language, for a script that writes them as the `money` filter does: `before` and
    `after` the digits, the separators of groups and decimals, how many `digits` follow the latter, and the sizes of the last group and
    of those before it."""

    before: str
    after: str
    group: str
    point: str
    digits: int
    last_group: int
    other_groups: int


@dataclass(frozen=True, slots=True)
class Formats:
    """The filters of one locale. Dates and instants are written as given: the caller converts them to the merchant's timezone."""

    money: Callable[[int, str], str]
    money_parts: Callable[[int, str], MoneyParts]
    money_notation: Callable[[str], MoneyNotation]
    unit_price: Callable[[Decimal, str], str]
    number: Callable[[int | Decimal], str]
    day: Callable[[date], str]
    day_short: Callable[[date, date], str]
    month: Callable[[date], str]
    months: Callable[[date, date], str]
    clock_time: Callable[[datetime], str]
    clock_seconds: Callable[[datetime], str]
    day_time: Callable[[datetime], str]
    city: Callable[[str], str]

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by the names that templates use."""
        return {name: getattr(self, name) for name in self.__slots__} | {"iso": iso, "query": query}


@lru_cache(maxsize=64)
def formats_for(locale: str) -> Formats:
    """Return the compiled formats of a locale that Babel knows (`en`, `fr`, `pt_BR`, `ar`); raises babel.UnknownLocaleError for others."""
    from babel import Locale

    known = Locale.parse(locale.replace("-", "_"))
    number, group = _compile_number(known)
    money, money_parts = _compile_money(known, group)
    day, day_short = _compile_days(known)
    return Formats(
        money,
        money_parts,
        _compile_notation(known),
        _compile_unit_price(known, money, number),
        number,
        day,
        day_short,
        _compile_month(known),
        _compile_months(known),
        _compile_clock(known, "Hm"),
        _compile_clock(known, "Hms"),
        _compile_day_time(known, day, _compile_clock(known, "Hm")),
        _compile_city(known),
    )


def iso(moment: date | datetime) -> str:
    """Return a date or an instant for the `datetime` attribute: `2026-03-05`, `2026-03-05T10:47:07+01:00`."""
    return moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else moment.isoformat()


def query(address: str) -> list[tuple[str, str]]:
    """Return the fields in the query of an address, for the form of a button that leads there: such a form has a query of its own."""
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


def _compile_number(locale: Locale) -> tuple[Callable[[int | Decimal], str], Callable[[int], str]]:
    symbols = locale.number_symbols["latn"]
    separator, point = str(symbols["group"]), str(symbols["decimal"])
    primary, secondary = locale.decimal_formats[None].grouping

    if (primary, secondary) == (3, 3):

        def group(whole: int) -> str:
            return f"{whole:,}".replace(",", separator)
    else:

        def group(whole: int) -> str:
            digits = str(whole)
            head, tail = digits[:-primary], digits[-primary:]
            parts = [tail]
            while head:
                head, tail = head[:-secondary], head[-secondary:]
                parts.append(tail)
            return separator.join(reversed(parts))

    def number(value: int | Decimal) -> str:
        if type(value) is int:
            return group(value) if value >= 0 else MINUS + group(-value)
        if not isinstance(value, Decimal) or not value.is_finite():
            raise TypeError("numbers are int or finite Decimal, never float")
        whole, _, part = f"{abs(value):f}".partition(".")
        part = part.rstrip("0")
        sign = MINUS if value < 0 else ""
        return f"{sign}{group(int(whole))}{point}{part}" if part else f"{sign}{group(int(whole))}"

    return number, group


def _compile_money(
    locale: Locale, group: Callable[[int], str]
) -> tuple[Callable[[int, str], str], Callable[[int, str], MoneyParts]]:
    point = str(locale.number_symbols["latn"]["decimal"])
    writers: dict[str, Callable[[int], str]] = {}

    def money(amount: int, currency: str) -> str:
        try:
            return writers[currency](amount)
        except KeyError:
            before, after = _affixes(locale, currency)
            writers[currency] = _money_writer(exponent(currency), before=before, after=after, point=point, group=group)
        return writers[currency](amount)

    def money_parts(amount: int, currency: str) -> MoneyParts:
        before, after = _affixes(locale, currency)
        whole, part = divmod(abs(amount), 10 ** (digits := exponent(currency)))
        decimals = f"{point}{part:0{digits}d}" if digits else ""
        return MoneyParts(
            (MINUS if amount < 0 else "") + before, group(whole), decimals, after.lstrip(NO_BREAK_SPACE), after
        )

    return money, money_parts


def _compile_notation(locale: Locale) -> Callable[[str], MoneyNotation]:
    symbols = locale.number_symbols["latn"]
    primary, secondary = locale.decimal_formats[None].grouping

    def money_notation(currency: str) -> MoneyNotation:
        before, after = _affixes(locale, currency)
        group, point = str(symbols["group"]), str(symbols["decimal"])
        return MoneyNotation(before, after, group, point, exponent(currency), primary, secondary)

    return money_notation


def _compile_unit_price(
    locale: Locale, money: Callable[[int, str], str], number: Callable[[int | Decimal], str]
) -> Callable[[Decimal, str], str]:
    def unit_price(amount: Decimal, currency: str) -> str:
        """Return a price in minor units that may have a fraction: `$20.00`, but `£2.5517`, as the merchant wrote it."""
        if amount == amount.to_integral_value():
            return money(int(amount), currency)
        before, after = _affixes(locale, currency)
        return f"{before}{number(amount.scaleb(-exponent(currency)))}{after}"

    return unit_price


def _money_writer(
    digits: int, *, before: str, after: str, point: str, group: Callable[[int], str]
) -> Callable[[int], str]:
    negative = MINUS + before
    if digits == 0:

        def write_whole(amount: int) -> str:
            if type(amount) is not int:
                raise TypeError("an amount is an int of minor units")
            return f"{before}{group(amount)}{after}" if amount >= 0 else f"{negative}{group(-amount)}{after}"

        return write_whole

    scale, decimals = 10**digits, f"{point}%0{digits}d{after}"  # No currency is written with a percent sign.

    def write(amount: int) -> str:
        if type(amount) is not int:
            raise TypeError("an amount is an int of minor units")
        start = before
        if amount < 0:
            start, amount = negative, -amount
        whole, part = divmod(amount, scale)
        return f"{start}{group(whole) if whole > 999 else whole}{decimals % part}"

    return write


def _affixes(locale: Locale, currency: str) -> tuple[str, str]:
    """Return what stands before and after the digits of an amount, spaces included."""
    from babel.numbers import get_currency_symbol

    exponent(currency)  # A currency that does not exist is refused before Babel writes anything for it.
    if currency in _WRITTEN_AFTER:
        return "", NO_BREAK_SPACE + _WRITTEN_AFTER[currency]
    symbol = get_currency_symbol(currency, locale).translate(_BIDI_MARKS)
    pattern = locale.currency_formats["standard"]
    before, after = (
        str(affix).translate(_BIDI_MARKS).replace("¤", symbol) for affix in (pattern.prefix[0], pattern.suffix[0])
    )
    if before[-1:].isalpha():
        before += NO_BREAK_SPACE
    if after[:1].isalpha():
        after = NO_BREAK_SPACE + after
    return before, after


def _compile_days(locale: Locale) -> tuple[Callable[[date], str], Callable[[date, date], str]]:
    in_full = _day_table(locale, "yMMMd")
    in_year = {key: before for key, (before, _) in _day_table(locale, "MMMd").items()}

    def day(on: date) -> str:
        before, after = in_full[on.month * 32 + on.day]
        return f"{before}{on.year}{after}"

    def day_short(on: date, today: date) -> str:
        return in_year[on.month * 32 + on.day] if on.year == today.year else day(on)

    return day, day_short


def _day_table(locale: Locale, skeleton: str) -> dict[int, tuple[str, str]]:
    """For each day of a leap year what is written before and after the year, under `month * 32 + day`."""
    table = {}
    for month in range(1, 13):
        for day in range(1, 32):
            before, _, after = "".join(_day_pieces(locale, skeleton, month, day)).partition("\0")
            table[month * 32 + day] = (before, after)
    return table


def _day_pieces(locale: Locale, skeleton: str, month: int, day: int) -> list[str]:
    from babel.dates import tokenize_pattern

    french_first = locale.language == "fr" and day == 1
    pieces = []
    for kind, value in tokenize_pattern(locale.datetime_skeletons[skeleton].pattern):
        if kind == "chars":
            pieces.append(str(value).translate(_BIDI_MARKS))
        elif value[0] == "y":
            pieces.append("\0")
        elif value[0] == "d":
            pieces.append("1er" if french_first else f"{day:0{value[1]}d}")
        elif value[0] in "ML" and int(value[1]) <= 2:
            pieces.append(f"{month:0{value[1]}d}")
        elif value[0] in "ML":
            context = "format" if value[0] == "M" else "stand-alone"
            width = "wide" if french_first or value[1] == 4 else "abbreviated"
            pieces.append(str(locale.months[context][width][month]))
        else:
            raise ValueError(f"the pattern {skeleton} of {locale} has the unknown field {value[0]}")
    return pieces


def _compile_month(locale: Locale) -> Callable[[date], str]:
    table = {}
    for month in range(1, 13):
        before, _, after = "".join(_day_pieces(locale, "yMMMM", month, 2)).partition("\0")
        table[month] = (before[:1].upper() + before[1:], after)  # It heads a group of rows.

    def month_and_year(on: date) -> str:
        before, after = table[on.month]
        return f"{before}{on.year}{after}"

    return month_and_year


def _compile_months(locale: Locale) -> Callable[[date, date], str]:
    @lru_cache(maxsize=1024)
    def interval(first: date, last: date) -> str:
        from babel.dates import format_interval

        text = format_interval(first, last, "yMMMM", locale=locale).translate(_BIDI_MARKS)
        return text[:1].upper() + text[1:]

    def months(first: date, last: date) -> str:
        """Write the months from one day's to another's, as the heading of a group of rows."""
        return interval(first.replace(day=1), last.replace(day=1))

    return months


def _compile_day_time(
    locale: Locale, day: Callable[[date], str], clock_time: Callable[[datetime], str]
) -> Callable[[datetime], str]:
    pattern = str(locale.datetime_formats["medium"]).replace("{1}", "%(day)s").replace("{0}", "%(time)s")

    def day_time(at: datetime) -> str:
        """Return day and minute: `Mar 5, 2026, 10:47`."""
        return pattern % {"day": day(at), "time": clock_time(at)}

    return day_time


def _compile_city(locale: Locale) -> Callable[[str], str]:
    @lru_cache(maxsize=1024)
    def city(zone: str) -> str:
        """Return the city that a timezone is named after: `Douala` for `Africa/Douala`."""
        from babel.dates import get_timezone_location

        return str(get_timezone_location(zone, locale=locale, return_city=True))

    return city


def _compile_clock(locale: Locale, skeleton: str) -> Callable[[datetime], str]:
    from babel.dates import tokenize_pattern

    parts = []
    for kind, value in tokenize_pattern(locale.datetime_skeletons[skeleton].pattern):
        if kind == "chars":
            parts.append(str(value).translate(_BIDI_MARKS).replace("%", "%%"))
        else:
            parts.append({"H": "%%(hour)0%dd", "m": "%%(minute)0%dd", "s": "%%(second)0%dd"}[value[0]] % value[1])
    pattern = "".join(parts)

    def clock(at: datetime) -> str:
        return pattern % {"hour": at.hour, "minute": at.minute, "second": at.second}

    return clock
