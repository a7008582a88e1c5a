"""The language of a request: chosen in the address, kept in a cookie, the customer's, the browser's, the merchant's."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode

from flask import g

from portal.customer_pages.cookies import locale_choice
from portal.rendering.renderer import Language
from portal.rendering.translations import available_locales, choose_locale, direction, language_name
from portal.web.runtime import current_request

PARAMETER = "locale"


def pick_locale(customer_locale: str | None, merchant_locale: str | None) -> str:
    """The language to answer in. One named in the address is remembered in this browser (`g.new_locale`)."""
    chosen, visit = locale_choice(), current_request()
    asked = visit.args.get(PARAMETER) if visit.query_string else None
    if asked is not None and asked in available_locales():
        if asked != chosen:
            g.new_locale = asked
        return asked
    wanted = chosen if chosen is not None and chosen in available_locales() else customer_locale
    return _choose(wanted, merchant_locale, visit.environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def other_languages(locale: str, path: str | None = None) -> tuple[Language, ...]:
    """The other languages, each with the address of this page (or of `path`) in it."""
    if path is not None:
        start = f"{path}?"
    else:
        visit = current_request()
        page = quote(visit.root_path.rstrip("/") + visit.path, safe="/:@!$&'()*+,;=~")
        arguments = visit.args.items(multi=True) if visit.query_string else ()
        kept = [(name, value) for name, value in arguments if name != PARAMETER]
        start = f"{page}?{urlencode(kept)}&" if kept else f"{page}?"
    return tuple(Language(code, name, f"{start}{PARAMETER}={code}") for code, name in _names() if code != locale)


@lru_cache(maxsize=1024)
def _choose(customer_locale: str | None, merchant_locale: str | None, accept_language: str) -> str:
    return choose_locale(customer_locale, merchant_locale, accept_language, available_locales())


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[str, str], ...]:
    return tuple((code, language_name(code)) for code in available_locales())


reading_direction = lru_cache(maxsize=64)(direction)
