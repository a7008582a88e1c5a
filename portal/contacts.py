"""Names, mail addresses and telephone numbers as people and files write them, brought into one form or refused.

What is refused here could later do harm in a mail header, a page or an export; every face and the import come through here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from portal.errors import PortalError

MAXIMUM_TEXT = 255
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[bqBQ]\?")
_DIGIT_RUN = re.compile(r"\d(?:[ \u00a0\u202f.\-]?\d){12,}")


class ContactRefused(PortalError):
    """A name, an address or a number is not usable; the sentence says why, without repeating it."""


def normalise_name(text: str, *, field: str = "name") -> str:
    """One line of text in NFC, trimmed, with single spaces; "" when nothing is left.

    Raises ContactRefused for control characters, encoded words (they can become mail headers), a card number, or more
    than 255 characters.
    """
    line = " ".join(unicodedata.normalize("NFC", text).split())
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
    """One mail address in its normal form, as mail will be sent to it. Raises ContactRefused."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        raise ContactRefused(f"{field} is not a mail address") from None


@lru_cache(maxsize=4096)
def normalise_phone(text: str, region: str | None = None, *, field: str = "phone") -> str:
    """A telephone number in E.164 (`+237670000000`); `region` (ISO 3166) reads one without its country's prefix.

    Raises ContactRefused.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ContactRefused(f"{field} is not a telephone number with its country, such as +237 670 00 00 00")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def holds_card_number(text: str) -> bool:
    """Whether a run of 13 to 19 digits in the text is a payment card's: its first digits, its length and its check digit."""
    if not any(letter.isdecimal() for letter in text):
        return False
    return any(_is_card_number(_ascii_digits(run)) for run in _DIGIT_RUN.findall(text))


def mask_card_numbers(text: str) -> str:
    """The text with every card number in it cut to its last four digits: for words of others that we keep or log."""

    def mask(run: re.Match[str]) -> str:
        digits = _ascii_digits(run.group())
        return f"•••• {digits[-4:]}" if _is_card_number(digits) else run.group()

    return _DIGIT_RUN.sub(mask, text)


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
