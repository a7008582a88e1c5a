"""What every request passes before its view: host, readable input, merchant, flood, visitor, origin, policy."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from portal.errors import NotFound
from portal.sign_in.operations import touch_session
from portal.sign_in.rules import LONGEST_TARGET
from portal.web.context import now, redirect_to
from portal.web.csrf import FIELD, SAFE_METHODS, says_same_origin
from portal.web.errors import CameFromElsewhere, TooManyRequests
from portal.web.policies import Policy
from portal.web.runtime import Runtime, current_runtime
from portal.web.shells import build_shell, csrf_binding
from portal.web.visits import enter_merchant, page_before, visit

PAGES = "portal"
"""The name of the blueprint with the pages of a merchant."""
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_FRAMED_OR_TOP = frozenset({"document", "iframe", "frame"})


def refuse_unreadable() -> None:
    """Before every request of the application: refuse a foreign `Host`, input that no browser sends (raw bytes in the query,
    NUL anywhere), and what another site sends to an address outside the merchants' pages."""
    runtime = current_runtime()
    environ = request.environ
    # A probe comes by the address of the machine, whatever the portal is called.
    if (
        runtime.hosts is not None
        and not runtime.hosts.admits(environ.get("HTTP_HOST", ""))
        and request.path not in _PROBES
    ):
        raise BadRequest("unknown host")
    query = environ.get("QUERY_STRING", "")
    if query and (not query.isascii() or "%00" in query or "\0" in query):
        request.query_string = b""  # Not even the error page can read it.
        raise BadRequest("unreadable query")
    if "\0" in environ["PATH_INFO"]:
        raise NotFound
    endpoint = request.endpoint
    if (
        endpoint is not None
        and request.method not in SAFE_METHODS
        and runtime.policies[endpoint] is not Policy.GATEWAY_SIGNED
    ):
        if any("\0" in name or "\0" in value for name, value in request.form.items(multi=True)):
            raise BadRequest("unreadable form")
        if request.blueprint != PAGES and not _says_own_page(runtime):
            raise CameFromElsewhere


def open_request() -> ResponseReturnValue | None:
    """Before each page of a merchant: who it belongs to, who visits it, and whether they may; then its shell."""
    runtime = current_runtime()
    view_args = request.view_args or {}
    slug = runtime.merchant if runtime.merchant is not None else view_args.pop("merchant")
    if not enter_merchant(runtime, slug):
        raise NotFound
    wait = runtime.flood.count(request.remote_addr or "")
    if wait is not None:
        raise TooManyRequests(wait)
    visit()
    refuse_foreign(runtime)
    if runtime.policies[request.endpoint or ""] is Policy.SIGNED_IN and g.signed_in is None:
        return _lead_to_sign_in()
    _stamp_session(runtime)
    g.shell = build_shell()
    return None


def refuse_foreign(runtime: Runtime) -> None:
    """Refuse what another site sends (rule 13), and pages that another site wants as a part of its own (rule 35)."""
    site = request.environ.get("HTTP_SEC_FETCH_SITE")
    if request.method in SAFE_METHODS:
        if site in ("cross-site", "same-site") and not _is_navigation():
            raise CameFromElsewhere
        return
    verdict = _says_own_page(runtime)
    if verdict is None:
        verdict = runtime.csrf.accepts(request.form.get(FIELD, ""), csrf_binding())
    if not verdict:
        raise CameFromElsewhere


def _says_own_page(runtime: Runtime) -> bool | None:
    environ = request.environ
    own_origins = (f"{request.scheme}://{request.host}", runtime.own_origin)
    return says_same_origin(environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN"), own_origins)


def _is_navigation() -> bool:
    environ = request.environ
    return environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") in _FRAMED_OR_TOP


def _lead_to_sign_in() -> Response:
    """303 to the sign-in page; the target is the page that was asked for, or the page whose form was sent."""
    if request.method in SAFE_METHODS:
        target = quote((request.root_path.rstrip("/") + request.path)[len(g.root) :] or "/", safe="/")
        if request.query_string:
            target = f"{target}?{request.query_string.decode('ascii')}"
    else:
        target = (page_before() or g.root)[len(g.root) :] or "/"
    if len(target) > LONGEST_TARGET:
        # Of an address that would not be kept anyway, the page without its query.
        path = target.partition("?")[0]
        target = path if len(path) <= LONGEST_TARGET else "/"
    return redirect_to("/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}")


def _stamp_session(runtime: Runtime) -> None:
    signed_in = g.signed_in
    if signed_in is None or not signed_in.is_touch_due(now()):
        return
    services = runtime.services
    services.database.run(lambda session: touch_session(session, g.merchant.id, signed_in.session_id, now()))
