"""Responses that a browser stores as a file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from flask import Response

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def send_file(content: bytes | Iterable[bytes], *, name: str, content_type: str) -> Response:
    """Return a download of this name. It is never shown in the page's origin: what is in it cannot act there."""
    response = Response(content, content_type=content_type)
    response.headers["Content-Disposition"] = disposition(name)
    return response


def disposition(name: str) -> str:
    """Return the header for a file's name, in ASCII and, where that loses letters, in UTF-8 too (RFC 6266)."""
    stem, dot, suffix = unicodedata.normalize("NFKD", name).rpartition(".")
    letters = "".join(letter for letter in stem if not unicodedata.combining(letter))
    plain = "".join(letter if letter in _PLAIN else "-" for letter in letters).strip("-.") or "document"
    ascii_name = plain + dot + "".join(letter for letter in suffix if letter in _PLAIN)
    if ascii_name == name:
        return f'attachment; filename="{ascii_name}"'
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
