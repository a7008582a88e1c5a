"""The Swiss QR-bill: which accounts have one, its references, its letters, and the text of its code; pure.

By the Swiss Payment Standards, Implementation Guidelines QR-bill 2.3 (SIX): structured addresses only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields
from hashlib import sha256

from stdnum.ch import esr
from stdnum.iso7064 import mod_97_10

CURRENCIES = frozenset({"CHF", "EUR"})
MAX_AMOUNT = 99_999_999_999
"""The largest amount, in minor units; the smallest is 1."""
MAX_PREFIX = 10
"""Digits that a bank may want at the beginning of its customer's references, at most."""

_COUNTRIES = ("CH", "LI")
_FIRST_QR_BANK, _LAST_QR_BANK = 30000, 31999
_QR_DIGITS, _QR_CHECKSUM, _SCOR_CHECKSUM = 26, 8, 4
_MAX_CREDITOR_REFERENCE = 21
_MAX_MESSAGE = 140
_PERMITTED = re.compile("[\u0020-\u007e\u00a0-\u017f\u0218-\u021b\u20ac]*")
_WRITTEN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc", "'"), **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"), **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        "\u2026": "...", "\u2022": "-", "\u200b": "", "\u00ad": "",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """A structured address, each part at most as long as the standard has it; `country` by its code. `street` may hold the number of the
    building, where nobody has it apart."""

    name: str
    street: str
    building_number: str
    postal_code: str
    city: str
    country: str


LONGEST = {"name": 70, "street": 70, "building_number": 16, "postal_code": 16, "city": 35}
"""Characters of the parts of an address, at most."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What finds the invoice of a transfer: `kind` is "QRR", "SCOR" or "NON", then with the text ""."""

    kind: str
    text: str

    @property
    def written(self) -> str:
        """Return it in groups, as the standard writes it for people: of five from the right, and of four."""
        if self.kind == "QRR":
            return " ".join((self.text[:2], *(self.text[start : start + 5] for start in range(2, 27, 5))))
        return " ".join(self.text[start : start + 4] for start in range(0, len(self.text), 4))


def is_swiss(iban: str) -> bool:
    """Return whether an IBAN is one of Switzerland or Liechtenstein."""
    return iban[:2].upper() in _COUNTRIES


def is_qr_iban(iban: str) -> bool:
    """Return whether an IBAN is one for payments with a QR reference alone: its bank's number says so."""
    bank = iban.replace(" ", "")[4:9]
    return is_swiss(iban) and bank.isdigit() and _FIRST_QR_BANK <= int(bank) <= _LAST_QR_BANK


def permitted(text: str) -> str | None:
    """Return a text in the letters that a QR-bill may have, marks of typography as a typewriter has them; None where it has others."""
    composed = unicodedata.normalize("NFC", text).translate(_WRITTEN)
    plain = "".join(letter if _PERMITTED.fullmatch(letter) else _base(letter) for letter in composed)
    return " ".join(plain.split()) if _PERMITTED.fullmatch(plain) else None


def bill_address(
    name: str, street: str, building_number: str, postal_code: str, city: str, country: str
) -> Address | None:
    """Return an address as a QR-bill has it, cut to its lengths; None where it lacks a part that is needed, or has other letters."""
    given = (name, street, building_number, postal_code, city)
    texts = [permitted(text) for text in given]
    if None in texts or not (texts[0] and texts[3] and texts[4] and re.fullmatch("[A-Z]{2}", country)):
        return None
    cut = zip(LONGEST.items(), texts, strict=True)
    return Address(country=country, **{part: (text or "")[:most].strip() for (part, most), text in cut})


def reference_of(iban: str, number: str, prefix: str = "") -> Reference:
    """Return the reference of an invoice: the same for the same account and number.

    A QR-IBAN takes a QR reference only: the bank's `prefix`, eight digits computed of the whole number, so that no two invoices have the
    same, and the number's own last digits, by which a person knows it. Another account takes a creditor reference (ISO 11649) of the
    number: what it has beside letters and digits is left out, and four digits computed of the whole are added, since 1042/1 is not 10421.
    A number that is too long for it, or has other letters, has none.
    """
    if is_qr_iban(iban):
        return Reference("QRR", _qr_reference(number, prefix))
    plain = re.sub(r"[\s./_#-]", "", number.upper())
    if plain and plain != number:
        plain += _checksum(number, _SCOR_CHECKSUM)
    if re.fullmatch(rf"[A-Z0-9]{{1,{_MAX_CREDITOR_REFERENCE}}}", plain):
        return Reference("SCOR", f"RF{mod_97_10.calc_check_digits(plain + 'RF')}{plain}")
    return Reference("NON", "")


def bill_code(
    iban: str, creditor: Address, amount: int, currency: str, debtor: Address | None, reference: Reference, message: str
) -> str:
    """Return the text of the code; `amount` in minor units, 1 to `MAX_AMOUNT`, `message` what a person reads of the payment."""
    assert currency in CURRENCIES and 1 <= amount <= MAX_AMOUNT, "the caller has seen to it"
    nobody = ("",) * 7
    return "\n".join(
        (
            "SPC", "0200", "1", iban.replace(" ", ""), *_lines(creditor), *nobody, f"{amount // 100}.{amount % 100:02d}", currency,
            *(_lines(debtor) if debtor else nobody), reference.kind, reference.text, bill_message(message), "EPD",
        )
    )  # fmt: skip


def bill_message(text: str) -> str:
    """Return a message in the letters and the length of a QR-bill, "" where it has other letters."""
    return (permitted(text) or "")[:_MAX_MESSAGE].strip()


def _lines(address: Address) -> tuple[str, ...]:
    return ("S", *(getattr(address, part.name) for part in fields(address)))


def _qr_reference(number: str, prefix: str) -> str:
    digits = re.sub("[^0-9]", "", number)
    checksum = _checksum(number, _QR_CHECKSUM)
    room = _QR_DIGITS - len(prefix) - _QR_CHECKSUM
    body = f"{prefix}{checksum}{digits[-room:].rjust(room, '0')}"
    return body + esr.calc_check_digit(body)


def _checksum(number: str, digits: int) -> str:
    return f"{int(sha256(number.encode()).hexdigest(), 16) % 10**digits:0{digits}}"


def _base(letter: str) -> str:
    """Return a letter without its marks, where that is one of ASCII: ế as e; else the letter."""
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isascii() and base.isalpha() else letter
