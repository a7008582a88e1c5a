"""Sets the merchant and the signed-in customer of a request in `flask.g`."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import Request, g

from portal.customer_pages.cookies import name_cookies
from portal.customer_pages.login import find_user
from portal.sign_in.queries import SignedIn
from portal.sign_in.rules.challenges import MAX_TARGET_LENGTH
from portal.web.csrf import SAFE_METHODS
from portal.web.local_redirects import is_local_path
from portal.web.runtime import Runtime, current_g, current_request


def enter_merchant(runtime: Runtime, slug: str) -> bool:
    """Set `g.merchant`, `g.root` and `g.cookies`, with nobody signed in yet; return False for an unknown slug."""
    merchant = runtime.tenants.find(slug)
    if merchant is None:
        return False
    here, request = current_g(), current_request()
    above = request.root_path.rstrip("/")
    here.merchant = merchant
    here.root = above + runtime.prefix if runtime.merchant is not None else f"{above}/{merchant.slug}"
    here.cookies = name_cookies(runtime, request, slug=merchant.slug, root=here.root)
    here.signed_in = None
    return True


def load_session() -> SignedIn | None:
    """Set `g.signed_in` to the session of the cookie, and return it, or None; one statement when there is a cookie."""
    user = find_user()
    if user is None:
        return None
    g.signed_in = user.signed_in
    return user.signed_in


def referring_page() -> str | None:
    """Return the page of this merchant that the request's Referer names, with its query; None for any other page."""
    request = current_request()
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:  # Such as `http://[`.
        return None
    if parts.netloc != request.host or parts.scheme != request.scheme or not parts.path.startswith(f"{g.root}/"):
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if is_local_path(path) else None


def page_of_form() -> str:
    """Return the page from which a form was sent, below the merchant's root; the overview where that is not known."""
    return (referring_page() or g.root)[len(g.root) :] or "/"


def wanted_page(request: Request) -> str:
    """Return the page that a request asks for, or from which its form was sent, below the merchant's root."""
    if request.method not in SAFE_METHODS:
        return page_of_form()
    path = quote((request.root_path.rstrip("/") + request.path)[len(g.root) :] or "/", safe="/")
    return f"{path}?{request.query_string.decode('ascii')}" if request.query_string else path


def sign_in_path(target: str) -> str:
    """Return the path of the sign-in page that leads on to `target`; both are below the merchant's root."""
    if len(target) > MAX_TARGET_LENGTH:
        # A target that is too long to be stored loses its query.
        path = target.partition("?")[0]
        target = path if len(path) <= MAX_TARGET_LENGTH else "/"
    return "/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}"
