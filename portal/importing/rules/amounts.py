"""Reads numbers as files write them: thousands separators, currency signs, digits of other scripts, minus signs and brackets.

What has two readings is refused, and the message ends with the option that would decide. Nothing is rounded here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from portal.importing.rules.currency_signs import belongs_to, currencies_of
from portal.importing.rules.refusals import ValueRefused
from portal.money import CURRENCIES, MAX_AMOUNT, exponent

_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.(?:[0-9]{1,2}|[0-9]{4,8}))?", re.ASCII)
# A point before the first digit is a part of the number, unless it ends an abbreviation such as "Rs.".
_NUMBER = re.compile(r"(?:(?<!\w)\.)?[0-9](?:[0-9 .,'٫٬]*[0-9])?")
_WESTERN = re.compile(r"[1-9][0-9]{0,2}(?:(?P<mark>[ .,'٬])[0-9]{3})(?:(?P=mark)[0-9]{3})*", re.ASCII)
_INDIAN = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}", re.ASCII)
_MINUSES = dict.fromkeys("‐‑‒–—―−﹘﹣－⁻", "-")
_QUOTES = dict.fromkeys("’‘ʼ′＇`´", "'")
_MARKS = {
    **_MINUSES, **_QUOTES, "．": ".", "。": ".", "，": ",", "،": ",", "、": ",", "（": "(", "）": ")", "＋": "+", "﹢": "+", "﹪": "%", "％": "%", "٪": "%",
}  # fmt: skip
_MAX_DIGITS, _MAX_DECIMALS = 15, 8
_THOUSANDS_AND_MILLIONS = frozenset(
    {"k", "m"}
)  # Behind a number these may be thousands and millions as well as currencies.
_BOTH = "--decimal . or --decimal ,"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the file writes numbers. `decimal` is the decimal sign that the command gives, None where it gives none: then it is
    a point, and what could be a thousands separator as well is refused."""

    decimal: str | None = None


def read_currency(field: str, text: str) -> str:
    """Return the code of a currency from its code or from a sign that no other currency has."""
    code = text.strip().upper()
    if code in CURRENCIES:
        return code
    named = currencies_of(text)
    if len(named) == 1:
        return next(iter(named))
    if named:
        raise ValueRefused(f"{field} is a sign that several currencies have; give the code, as with --set currency=USD")
    raise ValueRefused(f"{field} is not a currency of ISO 4217")


def read_amount(field: str, text: str, currency: str, style: NumberStyle) -> int:
    """Return an amount in major units as minor units. Refused beyond the currency's own decimals and beyond 15 digits."""
    value = _read(field, text, currency, style, is_price=False)
    amount = value.scaleb(exponent(currency))
    if amount != amount.to_integral_value():
        raise ValueRefused(f"{field} has more decimals than {currency} has")
    if abs(amount) > MAX_AMOUNT:
        raise ValueRefused(f"{field} has more than {_MAX_DIGITS} digits")
    return int(amount)


def read_price(field: str, text: str, currency: str, style: NumberStyle) -> Decimal:
    """Return a price in major units with up to 8 decimals."""
    return _read(field, text, currency, style, is_price=True)


def read_number(field: str, text: str, style: NumberStyle) -> Decimal:
    """Return a number that is no money, such as a quantity."""
    return _read(field, text, None, style, is_price=True)


def read_percentage(field: str, text: str, style: NumberStyle) -> Decimal:
    """Return a rate in per cent from 0 to 100, written with or without its sign."""
    plain = "".join(_MARKS.get(letter, letter) for letter in text).strip()
    rate = _read(field, plain.removesuffix("%").strip(), None, style, is_price=True)
    if not 0 <= rate <= 100:
        raise ValueRefused(f"{field} is not a percentage from 0 to 100")
    return rate


def round_to_minor(field: str, value: Decimal, currency: str) -> int:
    """Return major units as minor units, rounded half up (away from zero), as invoices are."""
    amount = int(value.scaleb(exponent(currency)).to_integral_value(rounding=ROUND_HALF_UP))
    if abs(amount) > MAX_AMOUNT:
        raise ValueRefused(f"{field} has more than {_MAX_DIGITS} digits")
    return amount


def _read(field: str, text: str, currency: str | None, style: NumberStyle, *, is_price: bool) -> Decimal:
    if style.decimal != "," and _PLAIN.fullmatch(text):
        return Decimal(text)
    folded = _folded(text)
    found = _NUMBER.search(folded)
    if found is None:
        raise ValueRefused(f"{field} is not a number such as 1234.56")
    before, after = folded[: found.start()], folded[found.end() :]
    is_negative, before, after = _without_minus(field, before, after)
    _check_signs(field, before, after, currency)
    decimals = 8 if currency is None or is_price else exponent(currency)
    value = _unsigned(field, found.group(), style, decimals)
    return -value if is_negative else value


def _folded(text: str) -> str:
    """Return the text with the digits, marks and blanks of any script as those of ASCII, and without invisible characters."""
    letters = []
    for letter in text:
        if letter.isascii():
            letters.append(" " if letter.isspace() else letter)
        elif letter.isdecimal():
            letters.append(str(unicodedata.decimal(letter)))
        elif letter.isspace():
            letters.append(" ")
        elif unicodedata.category(letter) != "Cf":
            letters.append(_MARKS.get(letter, letter))
    return "".join(letters).strip()


def _without_minus(field: str, before: str, after: str) -> tuple[bool, str, str]:
    """Return whether the number is below zero, and what else stands before and behind it."""
    has_brackets = before.count("(") == 1 and after.count(")") == 1
    minus_count = before.count("-") + after.count("-") + has_brackets
    if minus_count > 1 or "(" in after or ")" in before or (before.count("(") + after.count(")")) % 2:
        raise ValueRefused(f"{field} is not a number such as 1234.56")
    if "+" in before and (minus_count or before.count("+") > 1):
        raise ValueRefused(f"{field} is not a number such as 1234.56")
    return (
        minus_count == 1,
        before.replace("(", "").replace("-", "").replace("+", "").strip(),
        after.replace(")", "").replace("-", "").strip(),
    )


def _check_signs(field: str, before: str, after: str, currency: str | None) -> None:
    """Raise ValueRefused for anything beside a number that is not a sign or the code of its currency."""
    for sign in (before, after):
        if not sign:
            continue
        if sign is after and sign.casefold() in _THOUSANDS_AND_MILLIONS:
            raise ValueRefused(f"{field} is not a number such as 1234.56")
        if currency is not None and belongs_to(sign, currency):
            continue
        if currency is not None and (currencies_of(sign) or sign.upper() in CURRENCIES):
            raise ValueRefused(f"{field} has the sign of another currency than {currency}")
        raise ValueRefused(f"{field} is not a number such as 1234.56")


def _unsigned(field: str, text: str, style: NumberStyle, decimals: int) -> Decimal:
    whole, mark, fraction = _parts(field, text, style, decimals)
    if not whole.isdigit():
        if not (_WESTERN.fullmatch(whole) or _INDIAN.fullmatch(whole)):
            raise ValueRefused(f"{field} has separators that do not part thousands")
        whole = "".join(letter for letter in whole if letter.isdigit())
    if len(whole.lstrip("0")) > _MAX_DIGITS:
        raise ValueRefused(f"{field} has more than {_MAX_DIGITS} digits")
    if len(fraction.rstrip("0")) > _MAX_DECIMALS:
        raise ValueRefused(f"{field} has more than {_MAX_DECIMALS} decimals")
    return Decimal(f"{whole}.{fraction}") if mark else Decimal(whole)


def _parts(field: str, text: str, style: NumberStyle, decimals: int) -> tuple[str, str, str]:
    """Return a number in front of its decimal sign, the sign, and what is behind it. Refuses what could be read otherwise."""
    if "٫" in text:
        return _divided(field, text, "٫")
    sign = style.decimal or "."
    other = "," if sign == "." else "."
    if style.decimal is None:
        _refuse_two_readings(field, text, decimals)
    if text.count(sign) > 1 or (sign in text and other in text.partition(sign)[2]):
        raise ValueRefused(f"{field} has the decimal sign {sign} where it cannot be one: --decimal {other}")
    is_group = re.search(rf"[1-9][0-9]{{0,2}}\{other}[0-9]{{3}}(?![0-9])", text) is not None
    if text.count(other) == 1 and sign not in text and not is_group:
        raise ValueRefused(f"{field} has a {_word(other)} that is no decimal sign here: --decimal {other}")
    return _divided(field, text, sign)


def _refuse_two_readings(field: str, text: str, decimals: int) -> None:
    """Without `--decimal`: one comma and three digits are thousands or a fraction, and so are one point and three digits that the
    currency does not have."""
    lone = re.fullmatch(r"[1-9][0-9]{0,2}([.,])[0-9]{3}", text)
    if lone is None:
        return
    if lone.group(1) == ",":
        raise ValueRefused(f"{field} has two readings, {text.replace(',', '')} and {text.replace(',', '.')}: {_BOTH}")
    if decimals < 3:
        raise ValueRefused(
            f"{field} has more decimals than the currency has, unless the point parts thousands: --decimal ,"
        )


def _divided(field: str, text: str, sign: str) -> tuple[str, str, str]:
    whole, mark, fraction = text.partition(sign)
    if mark and not fraction.isdigit():
        raise ValueRefused(f"{field} is not a number such as 1234.56")
    return (whole or "0") if mark else whole, mark, fraction


def _word(sign: str) -> str:
    return "comma" if sign == "," else "point"
