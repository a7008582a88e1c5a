"""What every request passes before its view: host, readable input, merchant, flood, visitor, origin, policy."""

from __future__ import annotations

from urllib.parse import quote

from flask import Request, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from portal.errors import NotFound
from portal.sign_in.operations import touch_session
from portal.sign_in.queries import SignedIn
from portal.sign_in.rules import LONGEST_TARGET
from portal.web.context import now, redirect_to
from portal.web.csrf import FIELD, SAFE_METHODS, says_same_origin
from portal.web.errors import CameFromElsewhere, TooManyRequests
from portal.web.policies import Policy
from portal.web.runtime import Runtime, current_request, current_runtime
from portal.web.shells import build_shell, csrf_binding
from portal.web.visits import enter_merchant, page_before, visit

PAGES = "portal"
"""The name of the blueprint with the pages of a merchant."""
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_FRAMED_OR_TOP = frozenset({"document", "iframe", "frame"})


def refuse_unreadable() -> None:
    """Before every request of the application: refuse a foreign `Host`, input that no browser sends (raw bytes in the query,
    NUL anywhere), and what another site sends to an address outside the merchants' pages."""
    runtime, asked = current_runtime(), current_request()
    environ = asked.environ
    # A probe comes by the address of the machine, whatever the portal is called.
    if (
        runtime.hosts is not None
        and not runtime.hosts.admits(environ.get("HTTP_HOST", ""))
        and asked.path not in _PROBES
    ):
        raise BadRequest("unknown host")
    query = environ.get("QUERY_STRING", "")
    if query and (not query.isascii() or "%00" in query or "\0" in query):
        asked.query_string = b""  # Not even the error page can read it.
        raise BadRequest("unreadable query")
    if "\0" in environ["PATH_INFO"]:
        raise NotFound
    if asked.method not in SAFE_METHODS:
        _refuse_unreadable_form(runtime, asked)


def open_request() -> ResponseReturnValue | None:
    """Before each page of a merchant: who it belongs to, who visits it, and whether they may; then its shell."""
    runtime, asked = current_runtime(), current_request()
    slug = runtime.merchant if runtime.merchant is not None else (asked.view_args or {}).pop("merchant")
    if not enter_merchant(runtime, slug):
        raise NotFound
    wait = runtime.flood.count(asked.remote_addr or "")
    if wait is not None:
        raise TooManyRequests(wait)
    signed_in = visit()
    refuse_foreign(runtime, asked)
    if signed_in is not None:
        _stamp_session(runtime, signed_in)
    elif runtime.policies[asked.endpoint or ""] is Policy.SIGNED_IN:
        return _lead_to_sign_in()
    g.shell = build_shell()
    return None


def refuse_foreign(runtime: Runtime, asked: Request) -> None:
    """Refuse what another site sends (rule 13), and pages that another site wants as a part of its own (rule 35)."""
    if asked.method in SAFE_METHODS:
        if asked.environ.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site") and not _is_navigation(asked):
            raise CameFromElsewhere
        return
    verdict = _says_own_page(runtime, asked)
    if verdict is None:
        verdict = runtime.csrf.accepts(asked.form.get(FIELD, ""), csrf_binding())
    if not verdict:
        raise CameFromElsewhere


def _refuse_unreadable_form(runtime: Runtime, asked: Request) -> None:
    endpoint = asked.endpoint
    if endpoint is None or runtime.policies[endpoint] is Policy.GATEWAY_SIGNED:
        return
    if any("\0" in name or "\0" in value for name, value in asked.form.items(multi=True)):
        raise BadRequest("unreadable form")
    if asked.blueprint != PAGES and not _says_own_page(runtime, asked):
        raise CameFromElsewhere


def _says_own_page(runtime: Runtime, asked: Request) -> bool | None:
    own_origins = (f"{asked.scheme}://{asked.host}", runtime.own_origin)
    return says_same_origin(asked.environ.get("HTTP_SEC_FETCH_SITE"), asked.environ.get("HTTP_ORIGIN"), own_origins)


def _is_navigation(asked: Request) -> bool:
    environ = asked.environ
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


def _stamp_session(runtime: Runtime, signed_in: SignedIn) -> None:
    at = now()
    if signed_in.is_touch_due(at):
        merchant_id = g.merchant.id
        runtime.services.database.run(lambda work: touch_session(work, merchant_id, signed_in.session_id, at))
