"""The portal's three cookies: the session, the browser that asked to sign in, and the language; their names, paths and lives."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, g, request

from portal.sign_in.tokens import is_token, new_token
from portal.web.runtime import current_runtime

_BROWSER_LIFE = timedelta(days=180)
_LOCALE_LIFE = timedelta(days=365)


def session_token() -> str | None:
    """The token that the browser sent as its session, whatever it is worth."""
    return request.cookies.get(_name("portal"))


def set_session_cookie(response: Response, token: str, life: timedelta) -> None:
    """Sign this browser in: `token` is the new session's, `life` the longest it can live."""
    _set(response, _name("portal"), token, life)


def clear_session_cookie(response: Response) -> None:
    """Sign this browser out."""
    _set(response, _name("portal"), "", timedelta(0))


def browser_token() -> str:
    """The random token of this browser, made when it has none; it is set with the response."""
    token: str | None = g.get("browser_token")
    if token is None:
        sent = request.cookies.get(_name("portal_browser"), "")
        token = sent if is_token(sent) else None
        if token is None:
            token = g.new_browser_token = new_token()
        g.browser_token = token
    return token


def sent_browser_token() -> str | None:
    """The token that this browser sent; None when it brought none, which no challenge can then belong to."""
    sent = request.cookies.get(_name("portal_browser"), "")
    return sent if is_token(sent) else None


def locale_choice() -> str | None:
    """The language that this browser chose earlier, as it sent it."""
    return request.cookies.get(_name("portal_locale"))


def write_cookies(response: Response) -> None:
    """Set what came up while the request was answered: a new browser token, a chosen language."""
    if "new_browser_token" in g:
        _set(response, _name("portal_browser"), g.new_browser_token, _BROWSER_LIFE)
    if "new_locale" in g:
        _set(response, _name("portal_locale"), g.new_locale, _LOCALE_LIFE)


def _set(response: Response, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(
        name, value, max_age=int(life.total_seconds()), path=_path(), secure=_is_secure(), httponly=True, samesite="Lax"
    )


def _name(kind: str) -> str:
    base = f"{kind}_{g.merchant.slug}"
    if not _is_secure():
        return base
    return f"__Host-{base}" if _path() == "/" else f"__Secure-{base}"


def _path() -> str:
    # Only a mount has a path of its own: the standalone application owns its origin, and `__Host-` needs the whole of it.
    return (g.root or "/") if current_runtime().merchant is not None else "/"


def _is_secure() -> bool:
    return request.scheme == "https" or not current_runtime().services.settings.is_loopback_http
