"""Whose page a request is for and who visits it, kept in `flask.g` for everything after."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import g, request

from portal.customer_pages.cookies import name_cookies
from portal.customer_pages.login import find_user
from portal.sign_in.queries import SignedIn
from portal.web.local_redirects import is_local_path
from portal.web.runtime import Runtime, current_g, current_request


def enter_merchant(runtime: Runtime, slug: str) -> bool:
    """Set `g.merchant`, `g.root` and `g.cookies`, with nobody signed in yet; false when nobody is served under that slug."""
    merchant = runtime.tenants.find(slug)
    if merchant is None:
        return False
    here, request = current_g(), current_request()
    above = request.root_path.rstrip("/")
    here.merchant = merchant
    here.root = above + runtime.prefix if runtime.merchant is not None else f"{above}/{merchant.slug}"
    here.cookies = name_cookies(runtime, request, merchant.slug, here.root)
    here.signed_in = None
    return True


def visit() -> SignedIn | None:
    """Set `g.signed_in` to the visitor of the session cookie, or None; one statement when there is a cookie."""
    visitor = find_user()
    if visitor is None:
        return None
    g.signed_in = visitor.signed_in
    return visitor.signed_in


def page_before() -> str | None:
    """The page of this merchant that the browser says it comes from, with its query; None when it says none of ours."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host or parts.scheme != request.scheme or not parts.path.startswith(f"{g.root}/"):
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if is_local_path(path) else None
