"""Parses an amount that a customer typed in the notation of their language, and formats one for a field."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.numbers import NumberFormatError, parse_decimal

from portal.money import MAX_AMOUNT, AmountError, exponent, minor_units
from portal.rendering.formats import formats_for

_MAX_LENGTH = 30
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009]+")
_WRITTEN = re.compile(r"[0-9][0-9., '’\u00a0\u202f]*", re.ASCII)
_PLAIN = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,4})?", re.ASCII)


def parse_amount(text: str, *, currency: str, locale: str) -> int:
    """Return the minor units of an amount as typed: `1,240.50` in English, `1 240,50` in French; a plain `1240.50` in any language.

    Only ASCII digits, and no more decimals than the currency has: nothing is rounded or guessed (threats 129). Raises
    AmountError.
    """
    written = text.strip()
    if not written or len(written) > _MAX_LENGTH or not _WRITTEN.fullmatch(written):
        raise AmountError("is not an amount in figures")
    value = _decimal(written, locale)
    digits = -int(value.as_tuple().exponent)
    if value <= 0 or digits > exponent(currency):
        raise AmountError("is not an amount of this currency")
    amount = minor_units(value, currency)
    if amount > MAX_AMOUNT:
        raise AmountError("has more than 15 digits")
    return amount


def format_amount(amount: int, *, currency: str, locale: str) -> str:
    """Return what `parse_amount` reads as this amount, without its currency: for a field that is shown again."""
    parts = formats_for(locale).money_parts(amount, currency)
    return parts.whole + parts.part


def _decimal(written: str, locale: str) -> Decimal:
    without_spaces = _SPACES.sub("", written)
    try:
        return parse_decimal(without_spaces, locale=locale.replace("-", "_"), strict=True)
    except NumberFormatError:
        # The point of a telephone's keypad, where the language has another decimal separator.
        if _PLAIN.fullmatch(without_spaces):
            return Decimal(without_spaces)
        raise AmountError("is not an amount in figures") from None
