"""Checks of every request for a customer's page: merchant, flood limit, session, origin, policy; and cookies of its response."""

from __future__ import annotations

from flask import Request, Response, g
from flask.typing import ResponseReturnValue

from portal.customer_pages.context import now, reading, redirect_to
from portal.customer_pages.cookies import write_cookies
from portal.customer_pages.identification import follow_host
from portal.customer_pages.shells import build_shell, csrf_binding
from portal.customer_pages.visits import enter_merchant, load_session, page_of_form, sign_in_path, wanted_page
from portal.errors import NotFound
from portal.pay_links.queries import find_pay_link
from portal.pay_links.rules import link_of
from portal.sign_in.operations import touch_session
from portal.sign_in.queries import SignedIn
from portal.web.csrf import FIELD, SAFE_METHODS
from portal.web.errors import CrossSiteRequest, FullSignInNeeded, NotAllowed, TooManyRequests
from portal.web.headers import forbid_storing
from portal.web.policies import Policy
from portal.web.request_checks import is_from_own_page
from portal.web.runtime import Runtime, current_g, current_request, current_runtime

_FRAMED_OR_TOP = frozenset({"document", "iframe", "frame"})


def open_request() -> ResponseReturnValue | None:
    """Set merchant, session and shell of a request, or refuse it; before each page of a merchant."""
    runtime, request = current_runtime(), current_request()
    slug = runtime.merchant if runtime.merchant is not None else (request.view_args or {}).pop("merchant")
    if not enter_merchant(runtime, slug):
        raise NotFound
    wait = runtime.flood.count(request.remote_addr or "")
    if wait is not None:
        raise TooManyRequests(wait)
    _refuse_closed(runtime, request)
    if runtime.policies[request.endpoint or ""] is Policy.PAY_LINK:
        return _open_pay_link(runtime, request)
    load_session()
    refuse_foreign(runtime, request)
    if follow_host(runtime, request) and request.method not in SAFE_METHODS:
        # The form was another customer's, or nobody's: whom the host names now has not seen what it would do.
        return redirect_to(page_of_form())
    signed_in = g.signed_in
    if signed_in is not None:
        _record_use(runtime, signed_in)
        _refuse_without_right(runtime, request, signed_in)
    elif runtime.policies[request.endpoint or ""] is Policy.SIGNED_IN:
        return _redirect_to_sign_in(request)
    g.shell = build_shell()
    return None


def close_request(response: Response) -> Response:
    """Forbid caching and set cookies; after each request for a merchant."""
    if "merchant" in current_g():
        forbid_storing(response)
        write_cookies(response)
    return response


def refuse_foreign(runtime: Runtime, request: Request) -> None:
    """Refuse unsafe requests of other sites (threats, rule 13), and pages loaded as a part of another site (threats, rule 35)."""
    if request.method in SAFE_METHODS:
        if request.environ.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site") and not _is_navigation(request):
            raise CrossSiteRequest
        return
    if runtime.policies.get(request.endpoint or "") is Policy.MAILED_LINK:
        return  # Its address is all the right that it takes: a mail program posts to it, and sends nothing of ours (RFC 8058).
    is_own_page = is_from_own_page(runtime, request)
    if is_own_page is None:
        is_own_page = runtime.csrf.accepts(request.form.get(FIELD, ""), csrf_binding())
    if not is_own_page:
        raise CrossSiteRequest


def _open_pay_link(runtime: Runtime, request: Request) -> Response | None:
    """Set `g.pay_link` and the page's path `g.pay_path`, or lead to the sign-in page: all that is not a link are one, and one that was a
    link here keeps its invoice as the target, whose id says nothing to who cannot sign in."""
    refuse_foreign(runtime, request)
    # A mail program may have taken the full stop behind the address for a part of it.
    token = (request.view_args or {})["token"].rstrip(".")
    link_id = link_of(runtime.services.settings.keys, g.merchant.id, token)
    link = None
    if link_id is not None:
        with reading() as reader:
            link = find_pay_link(reader, g.merchant.id, link_id, now=now())
    if link is None or not link.is_open:
        target = f"next=/invoices/{link.invoice_id}&" if link is not None else ""
        return redirect_to(f"/sign-in?{target}link=ended")
    g.pay_link, g.pay_path = link, f"{g.root}/pay/{token}"
    g.shell = build_shell(payer_locale=link.payer_locale)
    return None


def _refuse_closed(runtime: Runtime, request: Request) -> None:
    """Answer pages and acts that the merchant does not give its customers as if they were not there; what needs nobody signed in, such as
    undoing a change of address by a mailed link, is no part of them."""
    if runtime.policies.get(request.endpoint or "") is not Policy.SIGNED_IN:
        return
    access = g.merchant.settings.pages.access(runtime.nav.get(request.endpoint or "", ""))
    if access == "hidden" or (access == "view" and request.method not in SAFE_METHODS):
        raise NotFound


def _refuse_without_right(runtime: Runtime, request: Request, signed_in: SignedIn) -> None:
    """Refuse what the role of who is signed in may not do, or what the link of a notice does not open, before any view sees it."""
    endpoint = request.endpoint or ""
    if runtime.policies[endpoint] is Policy.SIGNED_IN and signed_in.is_by_notice and endpoint not in runtime.by_notice:
        raise FullSignInNeeded(wanted_page(request))
    if runtime.policies[endpoint] is Policy.SIGNED_IN and not signed_in.may(runtime.rights[endpoint]):
        raise NotAllowed


def _is_navigation(request: Request) -> bool:
    environ = request.environ
    return environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") in _FRAMED_OR_TOP


def _redirect_to_sign_in(request: Request) -> Response:
    """Redirect to the sign-in page; the target is the requested page, or the page whose form was sent."""
    return redirect_to(sign_in_path(wanted_page(request)))


def _record_use(runtime: Runtime, signed_in: SignedIn) -> None:
    at = now()
    if signed_in.is_touch_due(at):
        merchant_id = g.merchant.id
        runtime.services.database.run(lambda work: touch_session(work, merchant_id, signed_in.session_id, at))
