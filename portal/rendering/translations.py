"""The languages of the portal: its catalogues, and the choice between them; formats live in `portal.rendering.formats`.

English is the message id; every other language is a PO file in `portal/translations`, read at its first use.
`portal.rendering.catalogues` keeps the PO files in step with templates and code.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from portal.assets import TRANSLATIONS

SOURCE_LOCALE = "en"
_LANGUAGE_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII
)
_LATIN_WORD = re.compile(r"[A-Za-z0-9-]*", re.ASCII)
_FRENCH_SPACE = re.compile("(?<=«) | (?=[:;?!»])")


@dataclass(frozen=True, slots=True)
class Translator:
    """The messages of one locale, as text for Python; templates use `jinja_functions`.

    Variables are written `%(name)s` and passed by keyword; a percent sign is written `%%`, variables or not. A message that the
    catalogue lacks stays English.
    """

    locale: str
    catalogue: gettext.NullTranslations

    def gettext(self, message: str, /, **variables: object) -> str:
        return self.catalogue.gettext(message) % variables

    def ngettext(self, singular: str, plural: str, number: int, /, **variables: object) -> str:
        """`%(num)s` is the number unless given."""
        return self.catalogue.ngettext(singular, plural, number) % {"num": number, **variables}

    def pgettext(self, context: str, message: str, /, **variables: object) -> str:
        return self.catalogue.pgettext(context, message) % variables


@lru_cache(maxsize=64)
def translator(locale: str) -> Translator:
    """Return the messages of an available locale; English for one that has no catalogue."""
    path = catalogue_path(locale)
    if locale == SOURCE_LOCALE or not path.is_file():
        return Translator(locale, gettext.NullTranslations())
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    if catalogue.locale is not None and catalogue.locale.language == "fr":
        for message in catalogue:
            message.string = _keep_french_spaces(message.string) if message.id else message.string
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translator(locale, gettext.GNUTranslations(compiled))


def catalogue_path(locale: str) -> Path:
    """Return the path of a locale's PO file, whether it exists or not."""
    return TRANSLATIONS / locale / "LC_MESSAGES" / "portal.po"


@lru_cache(maxsize=1)
def available_locales() -> tuple[str, ...]:
    """English and each locale with a catalogue, sorted."""
    return tuple(
        sorted({SOURCE_LOCALE, *(path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/portal.po"))})
    )


def choose_locale(
    *, customer_locale: str | None, merchant_locale: str | None, accept_language: str | None, available: Iterable[str]
) -> str:
    """Return the first available of: the customer's language, the browser's, the merchant's, English, whatever is available.

    A region that is not available falls back to its language (`fr-CM` to `fr`). English in the browser's list ends that list:
    it is a browser's default when nobody chose a language, and then the merchant's language is better.
    """
    known = {name.replace("_", "-").lower(): name for name in available}
    browser_languages = takewhile(
        lambda tag: tag.partition("-")[0] != SOURCE_LOCALE, _language_ranges(accept_language or "")
    )
    preferred = [customer_locale, *browser_languages, merchant_locale, SOURCE_LOCALE]
    for name in preferred:
        tag = (name or "").replace("_", "-").lower()
        while tag:
            if tag in known:
                return known[tag]
            tag = tag.rpartition("-")[0]
    return next(iter(known.values()), SOURCE_LOCALE)


def jinja_functions(locale: str) -> dict[str, Callable[..., str]]:
    """`_`, `gettext`, `ngettext`, `pgettext` for templates: as Jinja's newstyle ones (markup, variables escaped), but cached.

    They are for messages written in the template. `translate_data` is for those that come from elsewhere (a form's errors, the
    sentence of a failure): it returns plain text, which the template escapes.
    """
    texts = translator(locale)
    unchanging: dict[str, Markup] = {}
    is_right_to_left = direction(locale) == "rtl"

    def fill(text: str, variables: Mapping[str, object]) -> Markup:
        # As Markup's own %, which makes an object of each value first: a page has a dozen such sentences.
        given = {
            name: value if type(value) is int else escape(_isolated(value) if is_right_to_left else value)
            for name, value in variables.items()
        }
        return Markup(text % given)  # noqa: S704  # A literal of a template.

    def translate(message: str, /, **variables: object) -> Markup:
        if variables:
            return fill(texts.catalogue.gettext(message), variables)
        if message not in unchanging:
            unchanging[message] = Markup(texts.catalogue.gettext(message)) % {}  # noqa: S704
        return unchanging[message]

    def translate_number(singular: str, plural: str, number: int, /, **variables: object) -> Markup:
        text = texts.catalogue.ngettext(singular, plural, number)
        return fill(text, {"num": number, **variables})

    def translate_in_context(context: str, message: str, /, **variables: object) -> Markup:
        return fill(texts.catalogue.pgettext(context, message), variables)

    def translate_data(message: str, /, **variables: object) -> str:
        text = texts.catalogue.gettext(message)
        return text % variables if variables else text.replace("%%", "%")

    return {
        "_": translate,
        "gettext": translate,
        "ngettext": translate_number,
        "pgettext": translate_in_context,
        "translate_data": translate_data,
    }


def _isolated(value: object) -> object:
    """Return a value that keeps its own direction within a sentence from right to left: a name ("Acme Inc."), an amount, an address. One
    word of Latin letters and digits needs no marks, and a code is to be copied without any."""
    if not isinstance(value, str) or _LATIN_WORD.fullmatch(value):
        return value
    return f"\u2068{value}\u2069" if not isinstance(value, Markup) else Markup("\u2068") + value + Markup("\u2069")


def language_name(locale: str) -> str:
    """Return the name of a language in itself, with a capital: `English`, `Français`."""
    from babel import Locale

    name: str = Locale.parse(locale.replace("-", "_")).get_language_name() or locale
    return name[:1].upper() + name[1:]


def direction(locale: str) -> str:
    """`ltr` or `rtl`."""
    from babel import Locale

    return "rtl" if Locale.parse(locale.replace("-", "_")).character_order == "right-to-left" else "ltr"


def _language_ranges(header: str) -> list[str]:
    """Return the languages of an `Accept-Language` header, most preferred first; invalid parts are ignored."""
    ranges = []
    for place, item in enumerate(header[:500].split(",")):
        if match := _LANGUAGE_RANGE.fullmatch(item):
            quality = float(match[2]) if match[2] else 1.0
            if quality > 0:
                ranges.append((-quality, place, match[1]))
    return [name for _, _, name in sorted(ranges)]


def _keep_french_spaces(text: Any) -> Any:
    """Make the space before `: ; ? !` and inside quotation marks non-breaking."""
    if isinstance(text, str):
        return _FRENCH_SPACE.sub("\u00a0", text)
    return tuple(_keep_french_spaces(form) for form in text)
