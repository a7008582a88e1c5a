"""The language of a request: from the URL, a cookie, the customer, the browser, or the merchant."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlencode

from flask import g

from portal.customer_pages.cookies import locale_choice
from portal.rendering.renderer import Language
from portal.rendering.translations import available_locales, choose_locale, direction, language_name
from portal.web.runtime import current_request

PARAMETER = "locale"


def offered_locales() -> tuple[str, ...]:
    """Return the languages that the request's merchant offers: those of its settings that this release has, or all that there are."""
    return _offered(g.merchant.settings.languages.offered)


def pick_locale(customer_locale: str | None, merchant_locale: str | None, offered: tuple[str, ...]) -> str:
    """Return the language of the response, one of those `offered`. One named in the URL is stored in a cookie (`g.new_locale`)."""
    chosen, request = locale_choice(), current_request()
    requested = request.args.get(PARAMETER) if request.query_string else None
    if requested is not None and requested in offered:
        if requested != chosen:
            g.new_locale = requested
        return requested
    preferred = chosen if chosen is not None and chosen in offered else customer_locale
    return _choose(preferred, merchant_locale, request.environ.get("HTTP_ACCEPT_LANGUAGE", ""), offered)


def other_languages(locale: str, offered: tuple[str, ...], path: str | None = None) -> tuple[Language, ...]:
    """Return the other languages of those `offered`, each with the URL of this page (a query alone) or of `path` in it."""
    if path is not None:
        start = f"{path}?"
    else:
        request = current_request()
        query = request.args.items(multi=True) if request.query_string else ()
        parameters = [(name, value) for name, value in query if name != PARAMETER]
        start = f"?{urlencode(parameters)}&" if parameters else "?"
    return _other_languages(locale, offered, start)


@lru_cache(maxsize=1024)
def _offered(named: tuple[str, ...]) -> tuple[str, ...]:
    available = available_locales()
    return tuple(each for each in named if each in available) or available


@lru_cache(maxsize=1024)
def _other_languages(locale: str, offered: tuple[str, ...], start: str) -> tuple[Language, ...]:
    return tuple(
        Language(code, name, f"{start}{PARAMETER}={code}")
        for code, name in _names()
        if code != locale and code in offered
    )


@lru_cache(maxsize=1024)
def _choose(
    customer_locale: str | None, merchant_locale: str | None, accept_language: str, offered: tuple[str, ...]
) -> str:
    return choose_locale(
        customer_locale=customer_locale,
        merchant_locale=merchant_locale,
        accept_language=accept_language,
        available=offered,
    )


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[str, str], ...]:
    return tuple((code, language_name(code)) for code in available_locales())


reading_direction = lru_cache(maxsize=64)(direction)
