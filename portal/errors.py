"""The base of all expected errors: each has a name, an HTTP status, and a sentence for the reader."""

from __future__ import annotations

from typing import ClassVar


class PortalError(Exception):
    """An expected failure. `status` is its HTTP status; `sentence` (English, translated by the face) is for the reader.

    Carries no personal data: it may be logged.
    """

    status: ClassVar[int] = 422
    sentence: ClassVar[str] = "This could not be done."

    def __str__(self) -> str:
        return super().__str__() or self.sentence


class FreshCodeNeeded(PortalError):
    """What a stolen session must not do: a fresh code by mail comes first (contract, 4: Times). Nothing was done."""

    status = 403
    sentence = "This needs a fresh code. Nothing was done."


class NotFound(PortalError):
    """An id is unknown, malformed, or belongs to another customer: all alike."""

    status = 404
    sentence = "Nothing at this address."
