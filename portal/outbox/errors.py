"""Errors that a handler of the outbox may raise."""

from __future__ import annotations

from portal.errors import PortalError


class Undeliverable(PortalError):
    """A retry would fail too: the message becomes a dead letter at once. Its text holds codes, never an address."""

    sentence = "This could not be delivered."


class Refused(Undeliverable):
    """A server refused the message permanently. `step` is where in the dialogue ("recipient"), `code` its reply, None where it lacks
    what the message needs. Both are stored with the message."""

    def __init__(self, step: str, code: int | None = None) -> None:
        super().__init__(f"{step} refused, {code}" if code else f"{step} is not supported")
        self.step = step
        self.code = code
