"""What every response gets at the end: security headers, and its count for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from portal.web.framing import ancestors_of
from portal.web.runtime import Runtime, current_g, current_request, current_runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HEADERS = "portal.headers"
"""The key of the response's headers in the WSGI environment."""


def finish_page(response: Response) -> Response:
    """Finish a page of a blueprint that is registered alone in a host application."""
    finish_response(response)
    request = current_request()
    response.headers.extend(request.environ.pop(_HEADERS))
    return response


def finish_response(response: Response) -> Response:
    """Choose the headers of a response, and count it; after each request of the application."""
    runtime, request, here = current_runtime(), current_request(), current_g()
    # By the address: what is wrong with one, such as a method that it has not, is answered before any view is found.
    is_pay_link = "/pay/" in request.path
    has_token = is_pay_link or ("token" in request.view_args if request.view_args else False)
    request.environ[_HEADERS] = (
        runtime.headers.for_mail()
        if here.get("shows_mail")
        else runtime.headers.for_page(
            tuple(here.get("form_action_origins", ())),
            has_token,
            is_pay_link,
            ancestors_of(request, here, is_demo=runtime.services.settings.demo),
        )
    )
    runtime.counts.add(request.endpoint, response.status_code)
    return response


def with_headers(
    application: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]],
    runtime: Runtime,
    environ: WSGIEnvironment,
    start: StartResponse,
) -> Iterable[bytes]:
    """Call the application and add the security headers to whatever it responds. Added here, they cost a page next to nothing."""

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        return start(status, headers + environ.get(_HEADERS, runtime.headers.for_page()), exc_info)

    return application(environ, start_response)
