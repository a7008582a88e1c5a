"""What can be wrong with a request before any view sees it."""

from __future__ import annotations

from portal.errors import PortalError


class CrossSiteRequest(PortalError):
    """The request was not sent by one of our own pages, or by one that is too old."""

    status = 403
    sentence = "This was not sent from our own page."


class CardNumberSubmitted(PortalError):
    """A field or the query holds a payment card's number, which is neither kept nor logged anywhere here."""

    status = 422
    sentence = "This holds a card number, which is never typed here."


class TooManyRequests(PortalError):
    """More requests from one network address than a person makes; `seconds` until it may go on."""

    status = 429
    sentence = "Too many requests."

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__()
