"""`render_page`, the only function that builds a response with a page."""

from __future__ import annotations

from flask import Response, g

from portal.rendering.renderer import Shell
from portal.web.runtime import current_runtime


def render_page(name: str, page: object, status: int = 200) -> Response:
    """Return the response of the current request with this page, in the merchant's theme and the reader's language.

    Needs `flask.g.shell` (a Shell), which the guard of each page sets.
    """
    shell: Shell = g.shell
    body = current_runtime().renderer.render(name, theme=shell.brand.theme, locale=shell.locale, page=page, shell=shell)
    return Response(body, status=status, content_type="text/html; charset=utf-8")
