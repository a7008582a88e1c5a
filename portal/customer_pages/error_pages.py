"""Error pages: one uniform page for each kind of error, with a number to quote and no internal details."""

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
from portal.customer_pages.identification import hide_who_is_not_named
from portal.customer_pages.locales import offered_locales, other_languages
from portal.customer_pages.shells import build_bare_shell, build_shell
from portal.customer_pages.visits import enter_merchant, load_session, referring_page, sign_in_path
from portal.documents.errors import NothingChosen, PapersBusy, PaperTooLong, TooManyInArchive, TooManyInPeriod
from portal.errors import PortalError
from portal.web.errors import CardNumberSubmitted, FullSignInNeeded, NotAllowed
from portal.web.headers import forbid_storing
from portal.web.pages import ErrorPage
from portal.web.render import render_page
from portal.web.runtime import current_request, current_runtime, request_number

_log = logging.getLogger(__name__)
_PORTAL = str(Path(__file__).resolve().parents[1])
_TEMPLATES = {404: "errors/not_found.html", 405: "errors/method_not_allowed.html", 429: "errors/too_many.html"}
_DOCUMENTS = "errors/documents.html"
_TEMPLATE_OF_ERROR: Mapping[type[PortalError], str] = {
    CardNumberSubmitted: "errors/card_number.html",
    PapersBusy: _DOCUMENTS,
    PaperTooLong: _DOCUMENTS,
    TooManyInArchive: _DOCUMENTS,
    TooManyInPeriod: _DOCUMENTS,
    NothingChosen: _DOCUMENTS,
    NotAllowed: "errors/not_allowed.html",
    FullSignInNeeded: "errors/full_sign_in.html",
}
_REFUSED, _FAILED = "errors/forbidden.html", "errors/broken.html"
# Used when the error page cannot be rendered either.
_FALLBACK = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Something broke on our side</title></head>
<body><main><h1>Something broke on our side</h1><p>Please try again in a few minutes. Number {number}.</p></main></body></html>
"""


def register_errors(app: Flask | Blueprint) -> None:
    """Handle expected failures and HTTP errors by pages; for a whole application, unexpected ones too."""
    app.register_error_handler(PortalError, _handle_expected)
    app.register_error_handler(HTTPException, _handle_http)
    app.register_error_handler(InternalServerError, _handle_unexpected)


def _handle_expected(fault: PortalError) -> Response:
    seconds = getattr(fault, "seconds", None)
    if fault.status >= 500:
        _log_failure("request.failed", fault, fault.status)
    name = _TEMPLATE_OF_ERROR.get(type(fault))
    target = fault.target if isinstance(fault, FullSignInNeeded) else "/"
    response = _page(fault.status, seconds if isinstance(seconds, int) else None, name, fault.sentence, target)
    if isinstance(seconds, int):
        response.headers["Retry-After"] = str(seconds)
    return response


def _handle_http(fault: HTTPException) -> Response:
    if fault.response is not None:
        return fault.response  # type: ignore[return-value]  # The response of an abort is one of ours.
    response = _page(fault.code or 500)
    for name, value in fault.get_headers(request.environ):
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _handle_unexpected(fault: InternalServerError) -> Response:
    cause = fault.original_exception or fault
    # An unreachable database is temporary, so that a retry may succeed.
    status = 503 if isinstance(cause, OperationalError | InterfaceError) else 500
    _log_failure("request.broke", cause, status)
    return _page(status)


def _page(
    status: int, seconds: int | None = None, name: str | None = None, sentence: str = "", target: str = "/"
) -> Response:
    if _is_for_programs():
        return Response(f"{status}\n", status=status, content_type="text/plain; charset=utf-8")
    g.pop("form_action_origins", None)
    name = name or _TEMPLATES.get(status, _FAILED if status >= 500 else _REFUSED)
    try:
        _enter()
        page = ErrorPage(
            request_number(), _until(seconds), _page_of_form(status), has_home="merchant" in g, sentence=sentence,
            sign_in_path=sign_in_path(target),
        )  # fmt: skip
        response = render_page(name, page, status)
    except Exception as fault:
        # The cause of the error may make this page fail too, and the client must get a response.
        _log_failure("error_page.broke", fault, status)
        html = _FALLBACK.format(number=request_number())
        response = Response(html, status=status, content_type="text/html; charset=utf-8")
    forbid_storing(response)
    return response


def _is_for_programs() -> bool:
    """Return whether the URL is a webhook, a probe or a file, where no person would read a page."""
    return request.endpoint is not None and request.blueprint not in ("portal", "demo")


def _enter() -> None:
    """Put a shell in `g`: the merchant's where the URL names one, since routing errors occur before the guard."""
    runtime = current_runtime()
    try:
        if "merchant" not in g:
            slug = runtime.merchant if runtime.merchant is not None else request.path.split("/", 2)[1]
            if enter_merchant(runtime, slug):
                load_session()
        if "merchant" in g:
            hide_who_is_not_named(runtime, current_request())
    except DBAPIError:
        # The page must be shown without the database too; its failure is logged where it occurred.
        g.pop("merchant", None)
    if "merchant" not in g:
        g.shell = build_bare_shell()
        return
    shell = build_shell()
    # A missing page has no other language and no place in the navigation, and an unknown id must look like that of another customer.
    g.shell = replace(shell, current="", languages=other_languages(shell.locale, offered_locales(), path=f"{g.root}/"))


def _until(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    instant = now() + timedelta(seconds=seconds)
    return local(instant) if "merchant" in g else instant


def _page_of_form(status: int) -> str | None:
    """Return the page to reload for a refused form: the one it was sent from, if that is one of the merchant's."""
    return referring_page() if status in (403, 422) and "merchant" in g else None


def _log_failure(event: str, cause: BaseException, status: int) -> None:
    """Log one line with the type and place of an error, without its message, which may hold input or a row.

    The trace has the portal's own frames and the last three, which may be deep inside a library.
    """
    frames = traceback.extract_tb(cause.__traceback__)
    shown = [frame for frame in frames[:-3] if frame.filename.startswith(_PORTAL)][-12:] + frames[-3:]
    _log.error(
        event,
        extra={
            "number": request_number(),
            "endpoint": request.endpoint,
            "method": request.method,
            "status": status,
            "error": f"{type(cause).__module__}.{type(cause).__qualname__}",
            "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in shown],
        },
        exc_info=cause if _log.isEnabledFor(logging.DEBUG) else None,
    )
