"""Errors that a handler of the outbox may raise."""

from __future__ import annotations

from portal.errors import PortalError


class Undeliverable(PortalError):
    """A retry would fail too: the message becomes a dead letter at once. Its text holds codes, never an address."""

    sentence = "This could not be delivered."
