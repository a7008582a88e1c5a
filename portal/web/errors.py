"""Errors of a request that are found before any view sees it."""

from __future__ import annotations

from portal.errors import PortalError


class CrossSiteRequest(PortalError):
    """The request was not sent by one of our own pages, or by one whose token has expired."""

    status = 403
    sentence = "This was not sent from our own page."


class NotAllowed(PortalError):
    """The role of who is signed in has not the right that a page or an act needs; an owner of the account can give it."""

    status = 403
    sentence = "An owner of this account can let you do that."


class FullSignInNeeded(PortalError):
    """Who is signed in by the link of a notice asks for what that does not open; `target` is the page to go to after signing in fully."""

    status = 403
    sentence = "Sign in to open this"

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__()


class CardNumberSubmitted(PortalError):
    """A field or the query has a payment card's number, which is never stored or logged."""

    status = 422
    sentence = "This contains a card number. Card numbers are never entered here."


class TooManyRequests(PortalError):
    """More requests from one network address than a person makes; it may continue after `seconds`."""

    status = 429
    sentence = "Too many requests."

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__()
