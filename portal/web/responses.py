"""What is done to every response on its way out: security headers and counting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from portal.web.runtime import Runtime, current_g, current_request, current_runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HEADERS = "portal.headers"
"""Where in the WSGI environment the headers of the response wait."""


def finish_page(response: Response) -> Response:
    """After each page of a blueprint that stands alone in somebody else's application."""
    finish_response(response)
    request = current_request()
    response.headers.extend(request.environ.pop(_HEADERS))
    return response


def finish_response(response: Response) -> Response:
    """After each request of the application, whatever it was: choose its headers, and count it."""
    runtime, request, here = current_runtime(), current_request(), current_g()
    has_token = "token" in request.view_args if request.view_args else False
    request.environ[_HEADERS] = runtime.headers.of_kind(tuple(here.get("form_action_origins", ())), has_token)
    runtime.counts.add(request.endpoint, response.status_code)
    return response


def with_headers(
    answer: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]],
    runtime: Runtime,
    environ: WSGIEnvironment,
    start: StartResponse,
) -> Iterable[bytes]:
    """Answer with the security headers, whatever came of the request. Put on here, they cost a page next to nothing."""

    def start_response(status: str, headers: list[tuple[str, str]], fault: Any = None) -> Callable[[bytes], object]:
        return start(status, headers + environ.get(_HEADERS, runtime.headers.of_kind()), fault)

    return answer(environ, start_response)
