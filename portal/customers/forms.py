"""The shape of the form of a customer's details: its texts by field; what they mean is decided in `rules/typed_details.py`."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

MAX_ECHOED = 2_000
"""Longer texts are cut: they are refused anyhow, and come back with the page."""


def typed_texts(form: MultiDict[str, str]) -> dict[str, str]:
    """Return the texts of a form by field, the first of each; without characters that a page cannot show."""
    return {name[:80]: _shown(values[0]) for name, values in form.lists()}


def _shown(text: str) -> str:
    return "".join(letter for letter in text[:MAX_ECHOED] if letter.isprintable() or letter in "\n\t")
