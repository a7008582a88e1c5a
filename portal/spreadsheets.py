"""What a spreadsheet would do with a text of somebody else's, and how to keep it from that."""

from __future__ import annotations

_DANGEROUS = tuple("=+-@\t\r\n\0＝＋－＠")


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet evaluates as a formula (threats 188): an apostrophe is put before what would begin one, and
    taken away when a report of an import is imported."""
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_DANGEROUS) else text
