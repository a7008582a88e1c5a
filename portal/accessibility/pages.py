"""What the accessibility statement gets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessibilityPage:
    """accessibility.html, the same for whoever is signed in and for everybody else. `write_to` is the merchant's address for what does not
    work, None where it has none."""

    write_to: str | None
