"""Decisions about papers: their language, the names of their files, what text may stand on them, limits. No database, no files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from portal.documents.papers import BankTransfer
from portal.rendering.translations import choose_locale

MAX_TEXT = 2000
"""Characters of one text on a paper, at most; the rest is cut, so that no text takes pages."""
MAX_BRAND_NAME = 60
"""Characters of a brand's name beside its mark, at most; the legal name below is whole."""
MAX_HEAD_NUMBER = 40
"""Characters of a paper's number below its title, at most; among the facts it is whole."""
MAX_ROWS = 20_000
"""Lines of one paper, at most: a longer one is refused when it is drawn."""
MAX_IN_ARCHIVE = 100
"""Invoices in one ZIP, at most: each is drawn while the download goes on."""
MAX_IN_PERIOD = 500
"""Papers in the ZIP of a period, at most: they take about a minute."""
MAX_ATTACHED_BYTES = 10 * 1024 * 1024
"""Size of a merchant's own PDF, at most."""

BREAK = "\u200b"
"""Where a long word may be broken: it has no width."""

_LONGEST_WORD = 24
_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
_MARKS_WITHIN = frozenset("./_@:?&=,;|")
_AFTER_MARK = re.compile(r"([./_@:?&=,;|]|-)")
_JOINING = re.compile("[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufeff]")
# Overrides and embeddings change how the text after them reads (a total backwards); isolates and marks are dropped with them, since
# every text is isolated when it is set.
_DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
_CONTROLS = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSAFE_IN_NAME = re.compile(r"[^\w.()+-]+|\.{2,}")


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """What a merchant decides about papers. `languages` is by the country of whom a paper is for: some tax offices want their own."""

    languages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class PaperLanguages(NamedTuple):
    """The language of a paper, and the one beside it, None for none."""

    first: str
    second: str | None


def paper_languages(
    settings: DocumentSettings,
    *,
    country: str,
    customer_locale: str | None,
    merchant_locale: str,
    available: Iterable[str],
) -> PaperLanguages:
    """Return the language of a paper: that of the merchant's rule for the country, with the customer's beside it where that is another
    one; without a rule the customer's, the merchant's, English.

    Never the language of whoever downloads it.
    """
    known = tuple(available)
    office = settings.languages.get(country.upper())

    def chosen(locale: str | None) -> str:
        return choose_locale(
            customer_locale=locale, merchant_locale=merchant_locale, accept_language=None, available=known
        )

    first = chosen(office or customer_locale)
    # A customer of whom no language is known gets no second one: the merchant's is nobody's wish.
    second = chosen(customer_locale) if office and customer_locale else first
    return PaperLanguages(first, second if _language(second) != _language(first) else None)


def _language(locale: str) -> str:
    return locale.replace("_", "-").partition("-")[0].lower()


def clean(text: object) -> str:
    """Return a text in one line for a paper: no control characters, nothing that turns its direction, at most `MAX_TEXT` characters."""
    plain = unicodedata.normalize("NFC", str(text or "")).translate(_DIRECTIONS)
    kept = "".join(" " if unicodedata.category(letter) in _CONTROLS else letter for letter in plain)
    line = " ".join(kept.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, its end left out where it has more."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def breakable(text: str) -> str:
    """Return a text in which a word of more than 24 characters may be broken, by marks of no width: after its punctuation, and within
    a part of it that is still too long; never within a character."""
    return _WORD.sub(lambda word: _with_breaks(word[0]), text)


def _with_breaks(word: str) -> str:
    return "".join(
        part + BREAK if part in _MARKS_WITHIN else _divided(part) for part in _AFTER_MARK.split(word) if part
    ).removesuffix(BREAK)


def _divided(part: str) -> str:
    if len(part) <= _LONGEST_WORD:
        return part
    letters: list[str] = []
    for letter in part:
        is_mark = unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf")
        # A virama (class 9) and a joiner bind the letter after them, too.
        if letters and (is_mark or unicodedata.combining(letters[-1][-1]) == 9 or letters[-1][-1] == "\u200d"):
            letters[-1] += letter
        else:
            letters.append(letter)
    # Letters that join are divided seldom: that changes how they are drawn.
    size = _LONGEST_WORD // 2 if _JOINING.search(part) else 1
    return BREAK.join("".join(letters[start : start + size]) for start in range(0, len(letters), size))


def file_name(*parts: str) -> str:
    """Return the name of a PDF from words such as kind and number: letters, digits and hyphens of any script, at most 120 characters."""
    words = [_UNSAFE_IN_NAME.sub("-", clean(part)).strip("-.") for part in parts]
    stem = "-".join(word for word in words if word)[:120].strip("-.")
    return f"{stem or 'document'}.pdf"


def epc_text(transfer: BankTransfer, amount: int, currency: str, reference: str) -> str:
    """Return the text of the European Payments Council's QR code for a transfer in euro, "" where that is not one.

    Version 2 (EPC069-12): UTF-8, the amount with a point, the reference as free text of at most 140 characters.
    """
    if currency != "EUR" or not transfer.iban or not 1 <= amount <= 99_999_999_999:
        return ""
    euros = f"EUR{amount // 100}.{amount % 100:02d}"
    holder, iban = clean(transfer.holder)[:70], transfer.iban.replace(" ", "")
    return "\n".join(("BCD", "002", "1", "SCT", transfer.bic, holder, iban, euros, "", "", clean(reference)[:140]))
