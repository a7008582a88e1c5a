"""The class of device that a request comes from, from its User-Agent; for statistics, never for decisions."""

from __future__ import annotations


def device_class(user_agent: str) -> str:
    """Return "phone", "tablet" or "desktop"; "" without a User-Agent."""
    if not user_agent:
        return ""
    if "iPad" in user_agent or "Tablet" in user_agent or ("Android" in user_agent and "Mobile" not in user_agent):
        return "tablet"
    return "phone" if "Mobi" in user_agent else "desktop"
