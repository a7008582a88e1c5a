"""The portal's three cookies: the session, the browser that requests sign-in messages, and the language; their names, paths and lifetimes."""

from __future__ import annotations

from datetime import timedelta

from flask import Request, Response, g, request

from portal.sign_in.rules.tokens import is_token, new_token
from portal.web.runtime import Cookies, Runtime, current_g

_BROWSER_LIFE = timedelta(days=180)
_LOCALE_LIFE = timedelta(days=365)
_MAX_NAMES = 4096


def name_cookies(runtime: Runtime, request: Request, *, slug: str, root: str) -> Cookies:
    """Return the merchant's cookies for this request: `__Host-` where the origin is ours, `__Secure-` in a mount, neither over http."""
    # Only a mount has a path: the standalone application owns its origin, and `__Host-` requires the path "/".
    path = (root or "/") if runtime.merchant is not None else "/"
    is_secure = runtime.is_https or request.scheme == "https"
    key = (slug, path, is_secure)
    known = runtime.cookies.get(key)
    if known is None:
        start = "" if not is_secure else "__Host-" if path == "/" else "__Secure-"
        if len(runtime.cookies) >= _MAX_NAMES:
            runtime.cookies.clear()
        known = runtime.cookies[key] = Cookies(
            f"{start}portal_{slug}", f"{start}portal_browser_{slug}", f"{start}portal_locale_{slug}", path, is_secure
        )  # fmt: skip
    return known


def session_token() -> str | None:
    """Return the session token that the browser sent, valid or not."""
    return _sent(g.cookies.session)


def set_session_cookie(response: Response, token: str, life: timedelta) -> None:
    """Sign this browser in: `token` is the new session's, `life` its longest lifetime."""
    _set(response, g.cookies.session, token, life)


def clear_session_cookie(response: Response) -> None:
    """Sign this browser out."""
    _set(response, g.cookies.session, "", timedelta(0))


def set_session_cookie_later(token: str, life: timedelta) -> None:
    """Sign this browser in with whatever response the request gets; "" and no time sign it out."""
    g.session_cookie = (token, life)


def browser_token() -> str:
    """Return the random token of this browser, created when it has none; its cookie is set with the response."""
    token: str | None = g.get("browser_token")
    if token is None:
        token = sent_browser_token()
        if token is None:
            token = g.new_browser_token = new_token()
        g.browser_token = token
    return token


def sent_browser_token() -> str | None:
    """Return the token that this browser sent; None when it sent none, so that it has no challenge."""
    sent = _sent(g.cookies.browser) or ""
    return sent if is_token(sent) else None


def locale_choice() -> str | None:
    """Return the language of this browser's cookie, as it was sent."""
    return _sent(g.cookies.locale)


def write_cookies(response: Response) -> None:
    """Set the cookies that the request created: a new browser token, a chosen language, the session that the guard started or ended.

    A session that the view itself started or ended comes after the guard's, and stands.
    """
    here = current_g()
    if "session_cookie" in here and not _is_set(response, here.cookies.session):
        _set(response, here.cookies.session, *here.session_cookie)
    if "new_browser_token" in here:
        _set(response, here.cookies.browser, here.new_browser_token, _BROWSER_LIFE)
    if "new_locale" in here:
        _set(response, here.cookies.locale, here.new_locale, _LOCALE_LIFE)


def _sent(name: str) -> str | None:
    """Return the value of one of our cookies as it was sent. The other cookies, of other applications, are not parsed."""
    header: str | None = request.environ.get("HTTP_COOKIE")
    if not header or name not in header:
        return None
    for part in header.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value
    return None


def _is_set(response: Response, name: str) -> bool:
    return any(cookie.startswith(f"{name}=") for cookie in response.headers.getlist("Set-Cookie"))


def _set(response: Response, name: str, value: str, life: timedelta) -> None:
    cookies: Cookies = g.cookies
    response.set_cookie(
        name, value, max_age=int(life.total_seconds()), path=cookies.path, secure=cookies.is_secure, httponly=True,
        samesite="Lax",
    )  # fmt: skip
