"""The portal's three cookies: the session, the browser that asked to sign in, and the language; their names, paths and lives."""

from __future__ import annotations

from datetime import timedelta

from flask import Request, Response, g, request

from portal.sign_in.rules.tokens import is_token, new_token
from portal.web.runtime import Cookies, Runtime, current_g

_BROWSER_LIFE = timedelta(days=180)
_LOCALE_LIFE = timedelta(days=365)
_MOST_NAMES = 4096


def name_cookies(runtime: Runtime, request: Request, slug: str, root: str) -> Cookies:
    """The merchant's cookies for this request: `__Host-` where the origin is ours, `__Secure-` in a mount, neither over http."""
    # Only a mount has a path of its own: the standalone application owns its origin, and `__Host-` needs the whole of it.
    path = (root or "/") if runtime.merchant is not None else "/"
    is_secure = runtime.is_https or request.scheme == "https"
    key = (slug, path, is_secure)
    known = runtime.cookies.get(key)
    if known is None:
        start = "" if not is_secure else "__Host-" if path == "/" else "__Secure-"
        if len(runtime.cookies) >= _MOST_NAMES:
            runtime.cookies.clear()
        known = runtime.cookies[key] = Cookies(
            f"{start}portal_{slug}", f"{start}portal_browser_{slug}", f"{start}portal_locale_{slug}", path, is_secure
        )  # fmt: skip
    return known


def session_token() -> str | None:
    """The token that the browser sent as its session, whatever it is worth."""
    return _sent(g.cookies.session)


def set_session_cookie(response: Response, token: str, life: timedelta) -> None:
    """Sign this browser in: `token` is the new session's, `life` the longest it can live."""
    _set(response, g.cookies.session, token, life)


def clear_session_cookie(response: Response) -> None:
    """Sign this browser out."""
    _set(response, g.cookies.session, "", timedelta(0))


def browser_token() -> str:
    """The random token of this browser, made when it has none; it is set with the response."""
    token: str | None = g.get("browser_token")
    if token is None:
        token = sent_browser_token()
        if token is None:
            token = g.new_browser_token = new_token()
        g.browser_token = token
    return token


def sent_browser_token() -> str | None:
    """The token that this browser sent; None when it brought none, which no challenge can then belong to."""
    sent = _sent(g.cookies.browser) or ""
    return sent if is_token(sent) else None


def locale_choice() -> str | None:
    """The language that this browser chose earlier, as it sent it."""
    return _sent(g.cookies.locale)


def write_cookies(response: Response) -> None:
    """Set what came up while the request was answered: a new browser token, a chosen language."""
    here = current_g()
    if "new_browser_token" in here:
        _set(response, here.cookies.browser, here.new_browser_token, _BROWSER_LIFE)
    if "new_locale" in here:
        _set(response, here.cookies.locale, here.new_locale, _LOCALE_LIFE)


def _sent(name: str) -> str | None:
    """The value of one of our cookies as it was sent. Read without parsing the others, whose owners are others too."""
    header: str | None = request.environ.get("HTTP_COOKIE")
    if not header or name not in header:
        return None
    for part in header.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value
    return None


def _set(response: Response, name: str, value: str, life: timedelta) -> None:
    cookies: Cookies = g.cookies
    response.set_cookie(
        name, value, max_age=int(life.total_seconds()), path=cookies.path, secure=cookies.is_secure, httponly=True,
        samesite="Lax",
    )  # fmt: skip
