"""What can go wrong when signing in, beyond what the pages themselves say."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from portal.errors import PortalError


class TooManyMessages(PortalError):
    """One network address, or everybody at one merchant, requested too many messages; `until` and `seconds` say when to retry."""

    status: ClassVar[int] = 429
    sentence: ClassVar[str] = "Too many emails were requested. Nothing was sent."

    def __init__(self, until: datetime, at: datetime) -> None:
        self.until = until
        self.seconds = max(1, int((until - at).total_seconds()))
        super().__init__()
