"""What a reader sees when something is wrong: one uniform page a kind, with a number to quote and nothing of the inside."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from flask import Blueprint, Flask, Response, g, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError

from portal.customer_pages.context import local, now
from portal.customer_pages.locales import other_languages
from portal.customer_pages.shells import build_bare_shell, build_shell
from portal.customer_pages.visits import enter_merchant, page_before, visit
from portal.errors import PortalError
from portal.web.errors import CardNumberSubmitted
from portal.web.headers import forbid_storing
from portal.web.pages import ErrorPage
from portal.web.render import render_page
from portal.web.runtime import current_runtime, request_number

_log = logging.getLogger(__name__)
_PORTAL = str(Path(__file__).resolve().parents[1])
_TEMPLATES = {404: "errors/not_found.html", 405: "errors/method_not_allowed.html", 429: "errors/too_many.html"}
_OF_FAULT: Mapping[type[PortalError], str] = {CardNumberSubmitted: "errors/card_number.html"}
_REFUSED, _BROKEN = "errors/forbidden.html", "errors/broken.html"
# When even the error page cannot be shown.
_LAST_WORDS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Something broke on our side</title></head>
<body><main><h1>Something broke on our side</h1><p>Please try again in a few minutes. Number {number}.</p></main></body></html>
"""


def register_errors(app: Flask | Blueprint) -> None:
    """Answer expected failures and HTTP errors with pages; of a whole application, unexpected ones too."""
    app.register_error_handler(PortalError, _answer_expected)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(InternalServerError, _answer_broken)


def _answer_expected(fault: PortalError) -> Response:
    seconds = getattr(fault, "seconds", None)
    if fault.status >= 500:
        _log_failure("request.failed", fault, fault.status)
    response = _page(fault.status, seconds if isinstance(seconds, int) else None, _OF_FAULT.get(type(fault)))
    if isinstance(seconds, int):
        response.headers["Retry-After"] = str(seconds)
    return response


def _answer_http(fault: HTTPException) -> Response:
    if fault.response is not None:
        return fault.response  # type: ignore[return-value]  # What a view aborts with is a response of ours.
    response = _page(fault.code or 500)
    for name, value in fault.get_headers(request.environ):
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _answer_broken(fault: InternalServerError) -> Response:
    cause = fault.original_exception or fault
    # A database out of reach is nobody's mistake, and worth another try.
    status = 503 if isinstance(cause, OperationalError | InterfaceError) else 500
    _log_failure("request.broke", cause, status)
    return _page(status)


def _page(status: int, seconds: int | None = None, name: str | None = None) -> Response:
    if _is_for_machines():
        return Response(f"{status}\n", status=status, content_type="text/plain; charset=utf-8")
    g.pop("form_action_origins", None)
    name = name or _TEMPLATES.get(status, _BROKEN if status >= 500 else _REFUSED)
    try:
        _enter()
        page = ErrorPage(request_number(), _until(seconds), _page_of_form(status), has_home="merchant" in g)
        response = render_page(name, page, status)
    except Exception as fault:
        # Whatever broke the page may break this one too, and whoever asked is owed an answer.
        _log_failure("error_page.broke", fault, status)
        words = _LAST_WORDS.format(number=request_number())
        response = Response(words, status=status, content_type="text/html; charset=utf-8")
    forbid_storing(response)
    return response


def _is_for_machines() -> bool:
    """Whether the address is a gateway's, a probe's or a file's, where nobody would read a page."""
    return request.endpoint is not None and request.blueprint not in ("portal", "demo")


def _enter() -> None:
    """Put a shell in `g`: the merchant's where the address names one, since errors of routing come before the guard."""
    runtime = current_runtime()
    try:
        if "merchant" not in g:
            slug = runtime.merchant if runtime.merchant is not None else request.path.split("/", 2)[1]
            if enter_merchant(runtime, slug):
                visit()
    except DBAPIError:
        # The page must appear without the database too; that it is away is logged where it was needed.
        g.pop("merchant", None)
    if "merchant" not in g:
        g.shell = build_bare_shell()
        return
    shell = build_shell()
    # The other language of a page that is not there is not there either, and an unknown id must look like a foreign one.
    g.shell = replace(shell, languages=other_languages(shell.locale, path=f"{g.root}/"))


def _until(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    instant = now() + timedelta(seconds=seconds)
    return local(instant) if "merchant" in g else instant


def _page_of_form(status: int) -> str | None:
    """Where the refused form can be opened afresh: the page it came from, when that was one of the merchant's."""
    return page_before() if status in (403, 422) and "merchant" in g else None


def _log_failure(event: str, cause: BaseException, status: int) -> None:
    """One line with what failed and where, and no message: it may hold what a person typed, or a row.

    Where is told by the portal's own lines and the last three, which may be deep inside a library.
    """
    frames = traceback.extract_tb(cause.__traceback__)
    told = [frame for frame in frames[:-3] if frame.filename.startswith(_PORTAL)][-12:] + frames[-3:]
    _log.error(
        event,
        extra={
            "number": request_number(),
            "endpoint": request.endpoint,
            "method": request.method,
            "status": status,
            "error": f"{type(cause).__module__}.{type(cause).__qualname__}",
            "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in told],
        },
        exc_info=cause if _log.isEnabledFor(logging.DEBUG) else None,
    )
