"""Normalisation of names, email addresses and telephone numbers as people and files write them.

What is refused here could do harm in a mail header, a page or an export; all forms, commands and the import use it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from portal.errors import PortalError

MAXIMUM_TEXT = 255
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[bqBQ]\?")
# Separators within a card number: spaces of every width, dashes, dots, and invisible characters. With up to three of these,
# single digits may be separated. Characters that also separate other numbers, in dates and lists (slashes, commas, colons, bars,
# asterisks), and longer separators are accepted between whole groups only. All quantifiers are possessive (`*+`, `{12,}+`), so
# that matching takes linear time.
_SEPARATORS = r"\s.\-_·\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u200b-\u200d\u2060\ufeff"
_DIGIT_RUN = re.compile(rf"\d(?:[{_SEPARATORS}/,|:*]*+\d){{12,}}+")
_CLOSE_RUN = re.compile(rf"\d(?:[{_SEPARATORS}]{{0,3}}+\d){{12,}}+")
_CLOSE_GAP = re.compile(rf"[{_SEPARATORS}]{{0,3}}")
_GROUP = re.compile(r"\d+")
_SHORTEST_CARD, _LONGEST_CARD, _SMALLEST_GROUP, _LARGEST_PRINTED = 13, 19, 4, 6
_LONGEST_PHONE = 15  # Of E.164, after the plus.
# Blanks, controls, formatting, lone marks, what is not assigned; and letters that are drawn as nothing (fillers of Hangul, the
# empty Braille cell).
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Mn", "Me", "Zl", "Zp", "Zs"})
_UNSEEN_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# What people put between the digits of a number. A letter is none of it: telephones would dial the digit that is printed beside it.
_PHONE = re.compile(r"[+＋]?[\d\s()（）./\-‐-―−·]+")


class ContactRefused(PortalError):
    """A name, an address or a number is invalid; the message says why, without repeating it."""


def is_blank(text: str) -> bool:
    """Return whether nobody sees anything of a text: it is empty, or made of blanks and invisible characters alone."""
    if text.isascii():
        return not text.strip()
    return all(letter in _UNSEEN_LETTERS or unicodedata.category(letter) in _UNSEEN for letter in text)


def normalise_name(text: str, *, field: str = "name") -> str:
    """Return one line of text in NFC, trimmed, with single spaces; "" when nothing visible is left (`is_blank`).

    Raises ContactRefused for control characters, encoded words (they can become mail headers), a card number, or more
    than 255 characters.
    """
    line = "" if is_blank(text) else " ".join(unicodedata.normalize("NFC", text).split())
    if len(line) > MAXIMUM_TEXT:
        raise ContactRefused(f"{field} is longer than {MAXIMUM_TEXT} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co") for letter in line):
        raise ContactRefused(f"{field} has a control character")
    if _ENCODED_WORD.search(line):
        raise ContactRefused(f"{field} has a part that mail programs would decode")
    if holds_card_number(line):
        raise ContactRefused(f"{field} looks like it holds a card number, which is never stored here")
    return line


@lru_cache(maxsize=4096)
def normalise_email(text: str, *, field: str = "email") -> str:
    """Return an email address in normal form, as mail will be sent to it. Raises ContactRefused."""
    from email_validator import EmailNotValidError, validate_email

    if holds_card_number(text):
        raise ContactRefused(f"{field} looks like it holds a card number, which is never stored here")
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        raise ContactRefused(f"{field} is not an email address") from None


@lru_cache(maxsize=4096)
def normalise_phone(
    text: str, region: str | None = None, *, field: str = "phone", only_country: str | None = None
) -> str:
    """Return a telephone number in E.164 (`+237670000000`); `region` (ISO 3166) is for one without a country prefix.

    Raises ContactRefused for letters and extensions, for a number that does not exist in its country's plan, and, with
    `only_country` (ISO 3166), for one of another country.
    """
    import phonenumbers

    digits = "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip()
    number = None
    if _PHONE.fullmatch(digits):
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(digits, region)
    if number is None or not phonenumbers.is_valid_number(number):
        raise ContactRefused(f"{field} is not a telephone number with its country, such as +237 670 00 00 00")
    if only_country is not None and not phonenumbers.is_valid_number_for_region(number, only_country):
        raise ContactRefused(f"{field} is not a telephone number of this country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def shown_phone(number: str) -> str:
    """Return a stored number as people write it (`+237 6 77 00 00 03`); what is no number of E.164 as it is."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


@lru_cache(maxsize=512)
def example_phone(country: str | None) -> str:
    """Return a mobile number as one is written in a country (ISO 3166), of France where the country has none."""
    import phonenumbers

    for region in (country, "FR"):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE) if region else None
        if number is not None:
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
    return ""


def holds_card_number(text: str) -> bool:
    """Return whether 13 to 19 digits in the text are a card number by their first digits, length and check digit.

    They may be in groups with any separators, and next to other digits, such as an expiry that was pasted along.
    """
    return next(_card_numbers(text), None) is not None


def mask_card_numbers(text: str) -> str:
    """Return the text with each card number cut to its last four digits: for texts of others that we store or log."""
    masked, end = [], 0
    for start, stop in _card_numbers(text):
        masked += [text[end:start], f"•••• {_ascii_digits(text[start:stop])[-4:]}"]
        end = stop
    return "".join([*masked, text[end:]]) if end else text


def _card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Yield where card numbers begin and end."""
    for run in _DIGIT_RUN.finditer(text):
        start = run.start()
        for close in _CLOSE_RUN.finditer(text, *run.span()):
            digits = _ascii_digits(close.group())
            is_phone = text[close.start() - 1 : close.start()] in ("+", "＋") and len(digits) <= _LONGEST_PHONE
            if is_phone or _is_card_number(digits):
                yield from _grouped_numbers(text, start, close.start())
                start = close.end()
                if not is_phone:
                    yield close.span()
        yield from _grouped_numbers(text, start, run.end())


def _grouped_numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield card numbers made of whole groups, next to other groups. All groups but the last have four digits or more, unlike
    lists of small numbers. With separators that also occur in lists, a group has at most six digits, as printed on cards,
    unlike lists of large numbers."""
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    first = 0
    while first < len(groups):
        found = None
        digits = ""
        for last in range(first, len(groups)):
            digits += _ascii_digits(text[slice(*groups[last])])
            if len(digits) > _LONGEST_CARD:
                break
            if len(digits) >= _SHORTEST_CARD and _is_card_number(digits):
                found = last
            if groups[last][1] - groups[last][0] < _SMALLEST_GROUP or _is_list(text, groups[last : last + 2]):
                break
        if found is None:
            first += 1
        else:
            yield groups[first][0], groups[found][1]
            first = found + 1


def _is_list(text: str, pair: list[tuple[int, int]]) -> bool:
    """Return whether the two groups belong to a list, and so not to one number."""
    if len(pair) < 2 or _CLOSE_GAP.fullmatch(text, pair[0][1], pair[1][0]):
        return False
    return any(end - start > _LARGEST_PRINTED for start, end in pair)


# First digits and lengths of the card schemes in use: Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Maestro, Verve.
_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"
    r"|3(?:0[0-5]|[689]\d)\d{11,16}|35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}|50[5-9]\d{13,16}|6(?:304|759|76[1-3])\d{8,15}",
    re.ASCII,
)


def _is_card_number(digits: str) -> bool:
    return bool(_CARD.fullmatch(digits)) and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0


def _ascii_digits(run: str) -> str:
    return "".join(str(unicodedata.decimal(letter)) for letter in run if letter.isdecimal())
