"""What can go wrong with a question."""

from __future__ import annotations

from datetime import datetime

from portal.errors import PortalError


class TooManyQuestions(PortalError):
    """The customer asked as much as it may within an hour; nothing was kept or sent."""

    status = 429
    sentence = "You asked several questions already. Try again in an hour."

    def __init__(self, until: datetime, at: datetime) -> None:
        self.until = until
        self.seconds = max(1, int((until - at).total_seconds()))
        super().__init__()
