"""What browsers drop by the portal's content security policy, found in the text of a template or of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

FOREIGN_FORM = "sends a form to a foreign address, which browsers refuse here"
"""Said of sources alone: a page may have a form that leads to its gateway, whose address the portal's policy names."""
_COMMENT = re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL)
_TAG = r"<[a-zA-Z][^<>]*?\s"
_LOADS = r"<(?:script|link|img|image|iframe|frame|source|use|object|embed|video|audio|track|input)\b[^<>]*?\s"
_INLINE_STYLE = (
    (re.compile(r"<style\b", re.IGNORECASE), "has a <style> element, which browsers drop here: set tokens instead"),
    (
        re.compile(rf"{_TAG}style\s*=", re.IGNORECASE),
        "has a style attribute, which browsers drop here: set tokens instead",
    ),
)
_ANYWHERE = (
    (
        re.compile(r"<script\b(?![^<>]*\ssrc\s*=)", re.IGNORECASE),
        "has an inline script, which browsers drop here: put it into a file in static/",
    ),
    (re.compile(rf"{_TAG}on[a-z]+\s*=", re.IGNORECASE), "has an event handler in an attribute, which browsers drop here"),
    (re.compile(rf"{_TAG}(?:href|src|action|formaction)\s*=\s*[\"']?\s*javascript:", re.IGNORECASE), "has a javascript: address, which browsers drop here"),
    (
        re.compile(rf"{_LOADS}(?:src|href|srcset|data|poster|xlink:href)\s*=\s*[\"']?\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE),
        "loads from a foreign address, which browsers drop here: put the file into static/",
    ),
    (
        re.compile(r"<(?:form|button|input)\b[^<>]*?\s(?:action|formaction)\s*=\s*[\"']?\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE),
        FOREIGN_FORM,
    ),
)  # fmt: skip


def find_dropped(text: str, *, is_mail: bool) -> Iterator[tuple[int, str]]:
    """The line and sentence of each; a mail may have styles, which are put inline before it is sent."""
    bare = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for pattern, sentence in _ANYWHERE if is_mail else _INLINE_STYLE + _ANYWHERE:
        for match in pattern.finditer(bare):
            yield bare.count("\n", 0, match.end()) + 1, sentence
