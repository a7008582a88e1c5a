"""The mark of a text that is written in one place and translated in another; it changes nothing."""

from __future__ import annotations


def phrase(text: str) -> str:
    """Mark an English text, so that the catalogues have it; the face translates it when it is shown."""
    return text
