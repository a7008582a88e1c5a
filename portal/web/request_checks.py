"""Checks of every request before its view: a known host, readable input, and the origin of what is posted."""

from __future__ import annotations

from flask import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from portal.errors import NotFound
from portal.web.csrf import SAFE_METHODS, is_same_origin
from portal.web.errors import CrossSiteRequest
from portal.web.policies import Policy
from portal.web.runtime import PAGES, Runtime, current_request, current_runtime

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def refuse_unreadable() -> None:
    """Refuse an unknown `Host`, input that no browser sends (raw bytes in the query, NUL anywhere), and unsafe requests of
    another site to a URL outside the merchants' pages."""
    runtime, request = current_runtime(), current_request()
    environ = request.environ
    # A probe comes by the IP address of the machine, whatever the portal's host name.
    if (
        runtime.hosts is not None
        and not runtime.hosts.admits(environ.get("HTTP_HOST", ""))
        and request.path not in _PROBES
    ):
        raise BadRequest("unknown host")
    query = environ.get("QUERY_STRING", "")
    if query and (not query.isascii() or "%00" in query or "\0" in query):
        request.query_string = b""  # So that the error page does not read it.
        raise BadRequest("unreadable query")
    if "\0" in environ["PATH_INFO"]:
        raise NotFound
    if request.method not in SAFE_METHODS:
        _refuse_unreadable_form(runtime, request)


def is_from_own_page(runtime: Runtime, request: Request) -> bool | None:
    """Return whether the browser's headers say that the request comes from one of our pages; None without such headers."""
    own_origins = (f"{request.scheme}://{request.host}", runtime.own_origin)
    return is_same_origin(request.environ.get("HTTP_SEC_FETCH_SITE"), request.environ.get("HTTP_ORIGIN"), own_origins)


def is_from_another_site(runtime: Runtime, request: Request) -> bool:
    """Return whether a page was reached from another site, as the browser's headers say; another host of our own domain is one too.

    What is typed, a bookmark, or a link in a mail program comes from nowhere. Where a browser sends no Sec-Fetch-Site, the Referer
    says it; pages that send none are taken for nowhere.
    """
    site = request.environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None and site not in ("none", "same-origin"):
        return True
    referrer: str = request.environ.get("HTTP_REFERER", "")
    own_origins = (f"{request.scheme}://{request.host}", runtime.own_origin)
    return bool(referrer) and not any(f"{referrer}/".startswith(f"{origin}/") for origin in own_origins)


def _refuse_unreadable_form(runtime: Runtime, request: Request) -> None:
    endpoint = request.endpoint
    if endpoint is None or runtime.policies[endpoint] is Policy.GATEWAY_SIGNED:
        return
    if request.blueprint == PAGES and request.is_json:
        # Its forms would be filled from it (Flask-WTF), whatever its shape; no page of ours sends any.
        raise UnsupportedMediaType
    # A part of a multipart body that has no name is None there, whatever the types say.
    if any(not name or "\0" in name or "\0" in value for name, value in request.form.items(multi=True)):
        raise BadRequest("unreadable form")
    if request.blueprint != PAGES and not is_from_own_page(runtime, request):
        raise CrossSiteRequest
