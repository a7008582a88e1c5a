"""What is done to every response on its way out: security headers, caching, cookies, counting."""

from __future__ import annotations

from flask import Response, g, request

from portal.web.cookies import write_cookies
from portal.web.headers import forbid_storing
from portal.web.runtime import current_runtime


def finish_page(response: Response) -> Response:
    """After each page of a merchant: nobody stores it, and its cookies are set."""
    forbid_storing(response)
    if "merchant" in g:
        write_cookies(response)
    return response


def finish_response(response: Response) -> Response:
    """After each request of the application, whatever it was."""
    runtime = current_runtime()
    has_token = "token" in request.view_args if request.view_args else False
    runtime.headers.write(
        response, form_origins=tuple(g.get("form_action_origins", ())), has_token_in_address=has_token
    )
    runtime.counts.add(request.endpoint, response.status_code)
    return response
