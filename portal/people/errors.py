"""What can go wrong with the persons of an account."""

from __future__ import annotations

from datetime import datetime

from portal.errors import PortalError


class InvitationRefused(PortalError):
    """An address cannot be invited. `fault`: "own" (the account's), "known" (it is a person of the account), "too_many"."""

    status = 422
    sentence = "This address cannot be invited."

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__()


class TooManyPeopleInvited(PortalError):
    """The account, or everybody together for this address, had as many invitations sent as one may within a day."""

    status = 429
    sentence = "Several invitations were sent already. Try again tomorrow."

    def __init__(self, until: datetime, at: datetime) -> None:
        self.seconds = max(1, int((until - at).total_seconds()))
        super().__init__()


class PersonGone(PortalError):
    """The person was removed at this very moment, or its invitation has ended."""

    status = 403
    sentence = "You are no longer a person of this account."
