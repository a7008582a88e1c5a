"""The class of device that a request comes from, from its User-Agent; for statistics, never for decisions."""

from __future__ import annotations


def device_class(user_agent: str) -> str:
    """Return "phone", "tablet" or "desktop"; "" without a User-Agent."""
    if not user_agent:
        return ""
    if "iPad" in user_agent or "Tablet" in user_agent or ("Android" in user_agent and "Mobile" not in user_agent):
        return "tablet"
    return "phone" if "Mobi" in user_agent else "desktop"


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return the names of browser and operating system ("Safari", "iOS"), each "" where it is not known."""
    from ua_parser import parse_os, parse_user_agent  # A few megabytes of patterns.

    browser, system = parse_user_agent(user_agent), parse_os(user_agent)
    family = browser.family.removesuffix(" Mobile").removeprefix("Mobile ") if browser else ""
    return family, {"Mac OS X": "macOS"}.get(system.family, system.family) if system else ""
