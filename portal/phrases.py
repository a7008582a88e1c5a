"""Marks a text for translation where it is defined; it is translated where it is shown."""

from __future__ import annotations


def phrase(text: str) -> str:
    """Return the English text unchanged; the call puts it into the translation catalogues."""
    return text
