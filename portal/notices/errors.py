"""What can go wrong with notices."""

from __future__ import annotations

from datetime import datetime

from portal.errors import PortalError


class CopyRefused(PortalError):
    """An address cannot be added. `fault`: "own" (the customer's), "known" (it gets copies or was asked), "too_many"."""

    status = 422
    sentence = "This address cannot get copies."

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__()


class TooManyInvitations(PortalError):
    """The customer, or everybody together for this address, had as many asked as one may within an hour."""

    status = 429
    sentence = "Several addresses were asked already. Try again in an hour."

    def __init__(self, until: datetime, at: datetime) -> None:
        self.seconds = max(1, int((until - at).total_seconds()))
        super().__init__()
