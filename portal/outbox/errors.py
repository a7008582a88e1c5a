"""What a handler of the outbox may say beyond failing."""

from __future__ import annotations

from portal.errors import PortalError


class Undeliverable(PortalError):
    """Trying again would change nothing: the message becomes a dead letter at once. Its text holds codes, never an address."""

    sentence = "This could not be delivered."
