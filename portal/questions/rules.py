"""What a question may be; pure."""

from __future__ import annotations

import unicodedata
from typing import Literal

from portal.contacts import holds_card_number, is_blank

MAX_LENGTH = 2_000
PER_HOUR = 5
"""Questions of one customer an hour."""

QuestionFault = Literal["missing", "too_long", "card_number"]


def read_question(typed: str) -> tuple[str, QuestionFault | None]:
    """Return the text as it is kept, in NFC, with its lines and without other control characters; and what is wrong with it."""
    lines = unicodedata.normalize("NFC", typed.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(
        letter for letter in lines if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs", "Co")
    ).strip()
    if is_blank(text):
        return "", "missing"
    if holds_card_number(text):
        return "", "card_number"
    return text, "too_long" if len(text) > MAX_LENGTH else None
