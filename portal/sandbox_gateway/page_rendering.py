"""Rendering of the pages that payers see, in their language, with the security policy that each page needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from flask import Response, make_response, render_template, request

from portal.sandbox_gateway.fields import origin_of
from portal.sandbox_gateway.hosted_pages import HostedPages, OrderSummary
from portal.sandbox_gateway.texts import LOCALES, TEXTS, best_locale, field_error

REDISPLAYED_FIELDS = ("channel", "expiry", "holder", "phone", "account_number", "bank_name")
"""What an invalid form shows again; never the card's number or its security code."""

_ERRORS = {403: "forbidden", 404: "not_found", 405: "not_found", 500: "broken"}


def render_form(pages: HostedPages, page: sqlite3.Row) -> Response:
    return _render_form(pages, page, {}, {}, 200)


def render_form_errors(pages: HostedPages, page: sqlite3.Row, errors: Mapping[str, str]) -> Response:
    """The form with the submitted values, and each error at its field."""
    return _render_form(pages, page, {name: request.form.get(name, "") for name in REDISPLAYED_FIELDS}, errors, 422)


def render_closed_page(pages: HostedPages, page: sqlite3.Row, status: str) -> Response:
    """Of a page that was cancelled or has expired."""
    return _render_page_message(pages, page, status, page["cancel_url"], 410)


def render_failed_page(pages: HostedPages, page: sqlite3.Row) -> Response:
    """After a simulated error 500: the payer cannot know whether the form was processed."""
    return _render_page_message(pages, page, "broken", page["return_url"], 500)


def render_challenge(
    texts: Mapping[str, str], locale: str, summary: OrderSummary, token: sqlite3.Row, return_url: str | None
) -> Response:
    """The 3-D Secure page, whose form is sent to its own address."""
    html = render_template(
        "challenge.html", locale=locale, texts=texts, summary=summary, action=request.path, token=token
    )
    return allow_form_redirects(make_response(html), return_url)


def render_settled_charge(status: str, locale: str) -> Response:
    """What a charge without a return URL shows after 3-D Secure."""
    return _render_message(200, locale=locale, title_key="settled_title", text_key=f"settled_{status}")


def render_http_error(status: int) -> Response:
    key = _ERRORS.get(status, "refused")
    return _render_message(status, locale=reader_locale(None), title_key=f"{key}_title", text_key=f"{key}_text")


def page_policy(form_targets: Sequence[str] = ("'self'",)) -> str:
    """Return the content security policy of a page whose forms may be sent to, or redirected to, these origins."""
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {' '.join(form_targets)}; base-uri 'none'; frame-ancestors 'none'"
    )


def allow_form_redirects(response: Response, *urls: str | None) -> Response:
    """Add these URLs to the policy: Chromium applies `form-action` to the redirect after a form too."""
    targets = ["'self'", *sorted({origin_of(url) for url in urls if url is not None})]
    response.headers["Content-Security-Policy"] = page_policy(targets)
    return response


def reader_locale(locale: str | None) -> str:
    """Return the language of the page or charge; where it has none, the one that the browser prefers."""
    if locale is not None:
        return best_locale(locale)
    return request.accept_languages.best_match(LOCALES) or LOCALES[0]


def _render_form(
    pages: HostedPages, page: sqlite3.Row, values: Mapping[str, str], errors: Mapping[str, str], status: int
) -> Response:
    locale = best_locale(page["locale"])
    texts = pages.texts(locale)
    channels = page["channels"].split(",")
    error_title = texts["errors_one" if len(errors) == 1 else "errors_many"].format(count=len(errors))
    html = render_template(
        "form.html",
        locale=locale,
        texts=texts,
        action=pages.page_path(page),
        summary=pages.summary(page, locale),
        saves_method=pages.saves_method(page),
        channels=channels,
        channel=values.get("channel") if values.get("channel") in channels else channels[0],
        values=values,
        errors={name: field_error(code, locale) for name, code in errors.items()},
        error_title=error_title if errors else "",
    )
    return allow_form_redirects(make_response(html, status), page["return_url"], page["cancel_url"])


def _render_page_message(pages: HostedPages, page: sqlite3.Row, key: str, back_url: str, status: int) -> Response:
    locale = best_locale(page["locale"])
    texts = pages.texts(locale)
    html = render_template(
        "message.html",
        locale=locale,
        texts=texts,
        title=texts[f"{key}_title"],
        text=texts[f"{key}_text"].format(payee=page["payee"]),
        back_url=back_url,
        back_text=texts["back_to"].format(payee=page["payee"]),
    )
    return make_response(html, status)


def _render_message(status: int, *, locale: str, title_key: str, text_key: str) -> Response:
    texts = TEXTS[locale]
    html = render_template("message.html", locale=locale, texts=texts, title=texts[title_key], text=texts[text_key])
    return make_response(html, status)
