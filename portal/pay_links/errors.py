"""What can go wrong with a pay link."""

from __future__ import annotations

from portal.errors import PortalError


class NotToBePaid(PortalError):
    """A pay link was wanted for an invoice that nobody pays: a draft, or one that is paid, cancelled or not expected any more."""

    status = 409

    def __init__(self, status: str) -> None:
        super().__init__(f"this invoice is {status}: nobody has to pay it, and it has no pay link")
