"""What a payment is found by, as pure functions: the terms that are kept of it, and those that a search asks for.

Both sides fold a text in the same way, so that a search is one look into an index: the beginning of a word is a term of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from portal.money import major_units

MIN_PREFIX, MAX_PREFIX = 3, 20
"""A word is found by its first three letters and more, up to twenty; a shorter word by itself."""
MAX_TERMS = 1000
"""How many terms are kept of a payment at most: those of its amount and of its invoices' numbers first."""
MAX_QUERY = 100
"""How many characters of a search are read."""
_MAX_WORDS = 8

# Letters that Unicode does not take apart, and signs that Arabic writers leave out or exchange.
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th", "ى": "ي", "ة": "ه", "ـ": ""}
)
_GROUPS = re.compile(r"[0-9]{1,3}(?:[ '’.,٬][0-9]{3})+")
_FIGURES = re.compile(r"[0-9]+(?:[ '’.,٬٫][0-9]+)*")
_TAIL = re.compile(r"[^0-9]([0-9]{2,})$")
_DECIMALS = re.compile(r"([0-9]+)[.,]([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Notation:
    """How the reader writes amounts: the decimal separator of their language, the most decimals that a currency of theirs has, and the
    signs and codes of these currencies, such as `$`, `FCFA`, `USD`."""

    point: str = "."
    decimals: int = 2
    marks: tuple[str, ...] = ()


def terms_of(amounts: Iterable[tuple[int, str]], names: Iterable[str]) -> list[str]:
    """Return the terms that are kept of a payment.

    `amounts` are minor units with their currency; `names` are texts in the order of their weight: numbers, references, titles.
    """
    found: dict[str, None] = {}
    for amount, currency in amounts:
        found.update(dict.fromkeys(_amount_terms(major_units(amount, currency))))
    for name in names:
        for word in _words(name):
            found.update(dict.fromkeys(_prefixes(word)))
    return list(found)[:MAX_TERMS]


def query_terms(text: str, notation: Notation) -> tuple[str, ...]:
    """Return the terms of a search, all of which a payment must have; () where there is nothing to search for.

    An amount is read as it is written in the reader's language: `49.01` or `49,01`, `5 000`, `$1,240.00`, `5 000 FCFA`.
    """
    found: dict[str, None] = {}
    for piece in _pieces(_without_marks(_fold(text[:MAX_QUERY]), notation.marks)):
        term = _query_term(piece, notation)
        if len(term) > 1 or term.isdigit():
            found[term] = None
    # A word that another one begins with is found with it.
    return tuple(term for term in found if not any(_is_within(term, other) for other in found))[:_MAX_WORDS]


def _without_marks(folded: str, marks: Collection[str]) -> str:
    """Take away the signs of currencies that stand beside figures."""
    for mark in sorted(filter(None, (_fold(each).strip() for each in marks)), key=len, reverse=True):
        sign = re.escape(mark)
        folded = re.sub(rf"(?<![0-9a-z]){sign}(?=\s*[0-9])|(?<=[0-9])\s*{sign}(?![0-9a-z])", " ", folded)
    return folded


def _query_term(piece: str, notation: Notation) -> str:
    figures = _FIGURES.search(piece)
    if figures is not None and not _parts(piece.replace(figures.group(), " ", 1)):
        return _read_figures(figures.group(), notation)
    return "".join(_parts(piece))[:MAX_PREFIX]


def _read_figures(written: str, notation: Notation) -> str:
    """Return the term of figures: of a whole number its digits, of one with decimals its amount."""
    point = _decimal_sign(written, notation)
    if point is None:
        return "".join(filter(str.isdigit, written))[:MAX_PREFIX]
    whole, _, part = written.rpartition(point)
    return _exact_term("".join(filter(str.isdigit, whole)), part)


def _decimal_sign(written: str, notation: Notation) -> str | None:
    """Return the last separator where it stands before decimals, None where all figures are a whole number."""
    separators = [sign for sign in written if not sign.isdigit()]
    if not separators:
        return None
    last = separators[-1]
    part = written.rpartition(last)[2]
    if last in " '’٬" or separators.count(last) > 1:
        return None
    if last != notation.point and last != "٫" and _GROUPS.fullmatch(written):
        return None  # The other language's decimals are taken only where they cannot be a group of three.
    return last if len(part) <= max(notation.decimals, 2) else None


def _amount_terms(amount: Decimal) -> Iterator[str]:
    whole, _, part = f"{amount:f}".partition(".")
    yield whole[:MAX_PREFIX]
    yield _exact_term(whole, part)


def _exact_term(whole: str, part: str) -> str:
    """Return the term of an amount with its decimals, which ends in a point where it has none: `49.01`, `49.1`, `49.`."""
    return f"{whole.lstrip('0') or '0'}.{part.rstrip('0')}"[:MAX_PREFIX]


def _words(text: str) -> Iterator[str]:
    """Yield what a text is found by: each piece as a whole and in its parts, numbers also without what stands before them."""
    for piece in _pieces(_fold(text)):
        parts = _parts(piece)
        if len(parts) > 1:
            yield "".join(parts)
        if decimals := _DECIMALS.fullmatch(piece):
            yield _exact_term(*decimals.groups())
        for part in parts:
            yield part
            tail = part if part.isdigit() else match.group(1) if (match := _TAIL.search(part)) else ""
            if tail and tail != part:
                yield tail
            if tail.startswith("0") and tail.strip("0"):
                yield tail.lstrip("0")


def _prefixes(word: str) -> Iterator[str]:
    if "." in word or len(word) < MIN_PREFIX:
        if len(word) > 1 or word.isdigit():
            yield word
        return
    for length in range(MIN_PREFIX, min(MAX_PREFIX, len(word)) + 1):
        yield word[:length]


def _is_within(term: str, other: str) -> bool:
    return term != other and len(term) >= MIN_PREFIX and "." not in other and other.startswith(term)


def _fold(text: str) -> str:
    """Return a text without case, accents and signs of a script: `Électricité` is `electricite`, `٤٢` is `42`."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = (
        str(unicodedata.digit(letter)) if unicodedata.category(letter) == "Nd" else letter
        for letter in apart
        if unicodedata.category(letter) != "Mn"
    )
    return "".join(kept).translate(_LETTERS)


def _pieces(folded: str) -> list[str]:
    """Return what blanks part, but figures in groups of three as one piece: `5 000`, `1 240,50`."""
    pieces: list[str] = []
    for piece in folded.split():
        if pieces and _continues(pieces[-1], piece):
            pieces[-1] = f"{pieces[-1]} {piece}"
        else:
            pieces.append(piece)
    return pieces


def _continues(before: str, piece: str) -> bool:
    return bool(
        re.search(r"(?:^|[^0-9a-z.,])[0-9]{1,3}(?: [0-9]{3})*$", before) and re.match(r"[0-9]{3}(?![0-9a-z])", piece)
    )


def _parts(piece: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in piece).split()
