"""What all pages of a payer share: the form of ways to pay, the language, the policy, and pages that say one thing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from flask import Response, abort, make_response, render_template, request

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.fields import origin_of
from portal.sandbox_gateway.gateway import drop_connection, running_gateway
from portal.sandbox_gateway.hosted_pages import HostedPages
from portal.sandbox_gateway.instruments import (
    Faulty,
    Instrument,
    read_bank_account,
    read_card,
    read_expiry,
    read_mobile_money,
)
from portal.sandbox_gateway.texts import LOCALES, TEXTS, best_locale, field_fault

KEPT_FIELDS = ("channel", "expiry", "holder", "phone", "account_number", "bank_name")
"""What a refused form shows again; never the card's number or its security code."""

_ERRORS = {403: "forbidden", 404: "not_found", 405: "not_found", 500: "broken"}


def render_form(pages: HostedPages, page: sqlite3.Row) -> Response:
    return _render_form(pages, page, {}, {}, 200)


def render_form_errors(pages: HostedPages, page: sqlite3.Row, errors: Mapping[str, str]) -> Response:
    """The form with the submitted values, and each error at its field."""
    return _render_form(pages, page, {name: request.form.get(name, "") for name in KEPT_FIELDS}, errors, 422)


def refuse_other_sites() -> None:
    """A form of another site may not press our buttons; no cookie is involved, the address alone lets one pay."""
    if request.method != "POST":
        return
    site = request.headers.get("Sec-Fetch-Site")
    own = request.headers.get("Origin", request.host_url.rstrip("/")) == request.host_url.rstrip("/")
    if site not in ("same-origin", "none") and (site is not None or not own):
        abort(403)


def read_typed_instrument(page: sqlite3.Row, now: int) -> Instrument:
    """What was typed into the form of a page. Raises Faulty."""
    form = request.form
    channels = page["channels"].split(",")
    channel = form.get("channel", channels[0] if len(channels) == 1 else "")
    if channel not in channels:
        raise Faulty({"channel": "channel_unknown"})
    if channel == "card":
        expiry = read_expiry(form.get("expiry", ""))
        return read_card(form.get("number", ""), expiry, form.get("holder", ""), now, cvc=form.get("cvc", ""))
    if channel == "mobile_money":
        return read_mobile_money(form.get("phone", ""))
    return read_bank_account(form.get("account_number", ""), form.get("bank_name", ""))


def misbehave(behaviour: Behaviour) -> bool:
    """Be silent or slow as asked; True when the answer shall be that something broke."""
    if behaviour.answer in ("drop_before", "drop_after"):
        drop_connection()
    if behaviour.answer == "slow":
        running_gateway().wait(behaviour.delay_seconds)
    return behaviour.answer in ("error_before", "error_after")


def closed_page(pages: HostedPages, page: sqlite3.Row, status: str) -> Response:
    """Of a page that was cancelled or has expired."""
    return _render_message(pages, page, status, page["cancel_url"], 410)


def broken_page(pages: HostedPages, page: sqlite3.Row) -> Response:
    return _render_message(pages, page, "broken", page["return_url"], 500)


def error_page(status: int) -> tuple[Response, int]:
    """The page of an error, in the reader's language."""
    locale = locale_of(None)
    texts, kind = TEXTS[locale], _ERRORS.get(status, "refused")
    html = render_template(
        "message.html", locale=locale, texts=texts, title=texts[f"{kind}_title"], text=texts[f"{kind}_text"]
    )
    return make_response(html), status


def page_policy(form_targets: Sequence[str] = ("'self'",)) -> str:
    """The content security policy of a page whose forms lead to these origins."""
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {' '.join(form_targets)}; base-uri 'none'; frame-ancestors 'none'"
    )


def leading_to(response: Response, *addresses: str | None) -> Response:
    """Chromium holds the redirect after a form to `form-action` too, so the page names where it leads."""
    targets = ["'self'", *sorted({origin_of(address) for address in addresses if address is not None})]
    response.headers["Content-Security-Policy"] = page_policy(targets)
    return response


def locale_of(locale: str | None) -> str:
    """The language of the order, or what the reader's browser asks for."""
    if locale is not None:
        return best_locale(locale)
    return request.accept_languages.best_match(LOCALES) or LOCALES[0]


def _render_form(
    pages: HostedPages, page: sqlite3.Row, values: Mapping[str, str], errors: Mapping[str, str], status: int
) -> Response:
    locale = best_locale(page["locale"])
    texts = pages.texts(locale)
    channels = page["channels"].split(",")
    count = "faults_one" if len(errors) == 1 else "faults_many"
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
        errors={name: field_fault(code, locale) for name, code in errors.items()},
        error_title=texts[count].format(count=len(errors)) if errors else "",
    )
    return leading_to(make_response(html, status), page["return_url"], page["cancel_url"])


def _render_message(pages: HostedPages, page: sqlite3.Row, key: str, back_url: str, status: int) -> Response:
    locale = best_locale(page["locale"])
    texts = pages.texts(locale)
    html = render_template(
        "message.html",
        locale=locale,
        texts=texts,
        title=texts[f"{key}_title"],
        text=texts[f"{key}_text"].format(payee=page["payee"]),
        back_url=back_url,
        back=texts["back_to"].format(payee=page["payee"]),
    )
    return make_response(html, status)
