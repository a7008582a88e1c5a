"""What may be shown in a frame, and by whom: whether a request is a frame's, which pages never are, and the merchant's own list.

Decided by the address and by what the browser says of the request (`Sec-Fetch-Dest`), never by a referrer or a query.
"""

from __future__ import annotations

from typing import Any

from flask import Request

from portal.merchants.queries import MerchantProfile
from portal.merchants.rules.embed_settings import is_of_this_machine

FRAME_HEADER = "Portal-Frame"
"""Set by our own scripts on what they fetch inside a frame, where `Sec-Fetch-Dest` does not say so."""
VARIES_BY = "Cookie, Sec-Fetch-Dest, Portal-Frame"
"""What the response of a merchant's page depends on beside its address."""
DEMO_ORIGINS = ("http://127.0.0.1:*", "http://localhost:*")
EMBED = "/embed"
_FRAMES = frozenset({"iframe", "frame"})
_NEVER_FRAMED = ("/sign-in/link", "/security", "/details/email", "/people", "/pay")


def is_framed(request: Request) -> bool:
    """Return whether the response is shown in a frame, or fetched by a script of a page in one."""
    environ = request.environ
    dest = environ.get("HTTP_SEC_FETCH_DEST")
    return dest in _FRAMES or (dest == "empty" and "HTTP_PORTAL_FRAME" in environ)


def is_never_framed(path: str) -> bool:
    """Return whether a page, by its path below the merchant's root, is shown in no frame at all."""
    return any(path == each or path.startswith(f"{each}/") for each in _NEVER_FRAMED)


def path_below_root(request: Request, root: str) -> str:
    """Return the path of a request below the merchant's root, "/" for the root itself."""
    return (request.root_path.rstrip("/") + request.path)[len(root) :] or "/"


def ancestors_of(request: Request, here: Any, *, is_demo: bool) -> tuple[str, ...]:
    """Return the origins that may show the response in a frame, none for most: only a merchant's page that a frame asks for has any.

    `here` is `flask.g`. `/embed` has them too where a browser does not say what it asks for.
    """
    merchant: MerchantProfile | None = here.get("merchant")
    if merchant is None:
        return ()
    path = path_below_root(request, here.root)
    if not (is_framed(request) or (path == EMBED and "HTTP_SEC_FETCH_DEST" not in request.environ)):
        return ()
    if is_never_framed(path):
        return ()
    origins = merchant.settings.embed.origins
    if merchant.is_live:
        origins = tuple(each for each in origins if not is_of_this_machine(each))
    return origins + DEMO_ORIGINS if is_demo else origins
