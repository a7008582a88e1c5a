"""The signals of public events, by name: `from portal.signals import payment_complete` (docs/events.md lists them all)."""

from __future__ import annotations

from portal.events.signals import BY_NAME, EventSignal


def __getattr__(name: str) -> EventSignal:
    try:
        return BY_NAME[name]
    except KeyError:
        raise AttributeError(f"there is no event with a signal {name}") from None


def __dir__() -> list[str]:
    return sorted(BY_NAME)
