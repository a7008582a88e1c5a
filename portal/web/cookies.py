"""The portal's three cookies: the session, the browser that asked to sign in, and the language; their names, paths and lives."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, g, request

from portal.sign_in.tokens import is_token, new_token
from portal.web.runtime import current_runtime

_BROWSER_LIFE = timedelta(days=180)
_LOCALE_LIFE = timedelta(days=365)
_MOST_NAMES = 4096


def session_token() -> str | None:
    """The token that the browser sent as its session, whatever it is worth."""
    return _sent("portal")


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
        sent = _sent("portal_browser") or ""
        token = sent if is_token(sent) else None
        if token is None:
            token = g.new_browser_token = new_token()
        g.browser_token = token
    return token


def sent_browser_token() -> str | None:
    """The token that this browser sent; None when it brought none, which no challenge can then belong to."""
    sent = _sent("portal_browser") or ""
    return sent if is_token(sent) else None


def locale_choice() -> str | None:
    """The language that this browser chose earlier, as it sent it."""
    return _sent("portal_locale")


def write_cookies(response: Response) -> None:
    """Set what came up while the request was answered: a new browser token, a chosen language."""
    if "new_browser_token" in g:
        _set(response, _name("portal_browser"), g.new_browser_token, _BROWSER_LIFE)
    if "new_locale" in g:
        _set(response, _name("portal_locale"), g.new_locale, _LOCALE_LIFE)


def _sent(kind: str) -> str | None:
    """The value of one of our cookies as it was sent. Read without parsing the others, whose owners are others too."""
    header = request.environ.get("HTTP_COOKIE")
    name = _name(kind)
    if not header or name not in header:
        return None
    for part in header.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return str(value)
    return None


def _set(response: Response, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(
        name, value, max_age=int(life.total_seconds()), path=_path(), secure=_is_secure(), httponly=True, samesite="Lax"
    )


def _name(kind: str) -> str:
    runtime = current_runtime()
    slug, path = g.merchant.slug, _path() if _is_secure() else ""
    key = (kind, slug, path)
    name = runtime.cookie_names.get(key)
    if name is None:
        prefix = "" if not path else "__Host-" if path == "/" else "__Secure-"
        if len(runtime.cookie_names) >= _MOST_NAMES:
            runtime.cookie_names.clear()
        name = runtime.cookie_names[key] = f"{prefix}{kind}_{slug}"
    return name


def _path() -> str:
    # Only a mount has a path of its own: the standalone application owns its origin, and `__Host-` needs the whole of it.
    return (g.root or "/") if current_runtime().merchant is not None else "/"


def _is_secure() -> bool:
    return current_runtime().is_https or request.scheme == "https"
