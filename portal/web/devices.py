"""The class of device that a request comes from, as far as its User-Agent says; for counting, never for deciding."""

from __future__ import annotations


def device_class(user_agent: str) -> str:
    """Return "phone", "tablet" or "desktop"; "" where the browser says nothing."""
    if not user_agent:
        return ""
    if "iPad" in user_agent or "Tablet" in user_agent or ("Android" in user_agent and "Mobile" not in user_agent):
        return "tablet"
    return "phone" if "Mobi" in user_agent else "desktop"
