"""Countries: the codes of ISO 3166, and the country that a name means.

What is no country (`EU`, `ZZ`, "Channel Islands") has no code here, although locale data names it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Territories of the locale data that ISO 3166 has not assigned to a country. Kosovo (XK) stays: the world's numbering plans have it.
_NO_COUNTRIES = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB ZZ".split())
_LANGUAGES = ("en", "fr", "de", "es", "pt", "it", "nl")
_APOSTROPHES = re.compile("['’‘ʼʻ`´ʹ.]")
_NO_LETTERS = re.compile(r"[^\w]+|_")
_FILLERS = frozenset({"the", "of", "and", "part"})

# Names of ISO 3166, and of everyday use, that are not those of the locale data. Order, case, accents and articles do not count.
_OTHER_NAMES = {
    "AE": ("UAE", "Emirates"),
    "BN": ("Brunei Darussalam",),
    "BO": ("Bolivia (Plurinational State of)",),
    "BQ": ("Bonaire, Sint Eustatius and Saba",),
    "CD": ("Congo (the Democratic Republic of the)", "DR Congo", "DRC", "Congo-Kinshasa", "Zaire"),
    "CG": ("Congo", "Republic of the Congo", "Congo-Brazzaville"),
    "CI": ("Côte d'Ivoire", "Ivory Coast"),
    "CN": ("People's Republic of China", "PRC"),
    "CV": ("Cabo Verde", "Cape Verde"),
    "CZ": ("Czechia", "Czech Republic"),
    "FK": ("Falkland Islands (the) [Malvinas]",),
    "FM": ("Micronesia (Federated States of)",),
    "GB": (
        "United Kingdom of Great Britain and Northern Ireland",
        "Great Britain",
        "England",
        "Scotland",
        "Wales",
        "Northern Ireland",
    ),
    "GM": ("Gambia", "The Gambia"),
    "HK": ("Hong Kong", "Hong Kong SAR", "Hong Kong S.A.R."),
    "IE": ("Eire", "Republic of Ireland"),
    "IR": ("Iran (Islamic Republic of)",),
    "KP": ("Korea (the Democratic People's Republic of)",),
    "KR": ("Korea (the Republic of)", "South Korea", "Korea"),
    "LA": ("Lao People's Democratic Republic", "Lao PDR"),
    "MD": ("Moldova (the Republic of)",),
    "MF": ("Saint Martin (French part)",),
    "MK": ("Republic of North Macedonia", "Macedonia"),
    "MM": ("Myanmar", "Burma"),
    "MO": ("Macao", "Macau", "Macao SAR", "Macau SAR"),
    "NL": ("Netherlands", "Holland", "Kingdom of the Netherlands"),
    "PS": ("Palestine, State of", "Palestine"),
    "PN": ("Pitcairn",),
    "RU": ("Russian Federation", "Russia"),
    "SH": ("Saint Helena, Ascension and Tristan da Cunha",),
    "SX": ("Sint Maarten (Dutch part)",),
    "SY": ("Syrian Arab Republic",),
    "SZ": ("Swaziland",),
    "TL": ("Timor-Leste", "East Timor"),
    "TR": ("Türkiye", "Turkey"),
    "TW": ("Taiwan (Province of China)",),
    "TZ": ("Tanzania, the United Republic of",),
    "UM": ("United States Minor Outlying Islands",),
    "US": ("United States of America", "USA", "U.S.A.", "U.S.", "America"),
    "VA": ("Holy See", "Vatican"),
    "VE": ("Venezuela (Bolivarian Republic of)",),
    "VG": ("Virgin Islands (British)",),
    "VI": ("Virgin Islands (U.S.)",),
    "VN": ("Viet Nam",),
    "ZA": ("RSA",),
}


def is_country(code: str) -> bool:
    """Return whether a text is a country's code of ISO 3166 in capitals, such as CM."""
    return code in _codes()


@cache
def find_country(name: str) -> str | None:
    """Return the code of a country from its code of two or three letters or its name; None for what is no single country.

    Names are those of ISO 3166 and of everyday English, and Babel's in the languages of `_LANGUAGES`; case, accents, apostrophes,
    articles and the order of the words do not count.
    """
    text = name.strip()
    if is_country(text.upper()):
        return text.upper()
    if len(text) == 2:
        return "GB" if text.upper() == "UK" else None
    key = _key(text)
    return _english_names().get(key) or _of_three_letters(text) or _foreign_names().get(key)


@cache
def _codes() -> frozenset[str]:
    from babel import Locale

    return frozenset(
        code
        for code in map(str, Locale("en").territories)
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    )


def _of_three_letters(text: str) -> str | None:
    from babel.core import get_global

    if len(text) != 3:
        return None
    codes = get_global("territory_aliases").get(text.upper(), [])
    return codes[0] if len(codes) == 1 and is_country(codes[0]) else None


@cache
def _english_names() -> dict[str, str]:
    return {
        **_names_in("en"),
        **{_key(name): code for code, names in _OTHER_NAMES.items() for name in names},
    }


@cache
def _foreign_names() -> dict[str, str]:
    """Names in the other languages; one that means different countries in two of them means none."""
    found: dict[str, set[str]] = {}
    for language in _LANGUAGES[1:]:
        for key, code in _names_in(language).items():
            found.setdefault(key, set()).add(code)
    return {key: next(iter(codes)) for key, codes in found.items() if len(codes) == 1}


def _names_in(language: str) -> dict[str, str]:
    from babel import Locale

    territories = Locale(language).territories
    return {_key(str(territories[code])): code for code in _codes() if code in territories}


def _key(name: str) -> str:
    """Return a name as it is compared: its words without accents, apostrophes and fillers, in alphabetical order."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    words: Iterable[str] = _NO_LETTERS.split(_APOSTROPHES.sub("", plain.casefold().replace("&", " and ")))
    words = ("saint" if word == "st" else word for word in words)
    return " ".join(sorted(word for word in words if word and word not in _FILLERS))
