"""Redirects that cannot leave this origin: the final Location is checked, after all encoding."""

from __future__ import annotations

from urllib.parse import unquote

from werkzeug.urls import iri_to_uri

MAX_LENGTH = 2000
_PRINTABLE = frozenset(chr(code) for code in range(0x21, 0x7F)) - frozenset('\\<>"^`{|}')


class NotLocal(ValueError):
    """A URL leads to another origin, or some browser could read it so."""


def checked_location(address: str) -> str:
    """Return `address` as it may be sent in a Location header. Raises NotLocal for what is not a path of this origin."""
    location = iri_to_uri(address)
    # Encoding turns "///e" into a path of this origin, but it is never meant as one.
    if address.startswith("//") or not is_local_path(location):
        raise NotLocal("a redirect leads to a path of this origin only")
    return location


def is_local_path(location: str) -> bool:
    """Return whether the text is an absolute path (with query and fragment) of this origin in every browser's reading."""
    if not location.startswith("/") or location.startswith("//") or len(location) > MAX_LENGTH:
        return False
    if not _PRINTABLE.issuperset(location):
        return False
    path = location.partition("?")[0].partition("#")[0]
    # Encoded slashes and dots are decoded by some proxies before they route.
    plain = unquote(path)
    return "//" not in plain and "\\" not in plain and not any(part in (".", "..") for part in plain.split("/"))
