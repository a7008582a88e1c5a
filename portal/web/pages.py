"""Page dataclasses that all domains share, and those of the error pages; no queries, no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pager:
    """Links through a list by key. The URLs are relative queries such as "?status=failed&after=…".

    `first`, `last` and `total` are shown ("1–25 of 148") only where a stored total exists: all three or none.
    """

    newer_url: str | None
    older_url: str | None
    first: int | None = None
    last: int | None = None
    total: int | None = None

    @property
    def is_needed(self) -> bool:
        return self.newer_url is not None or self.older_url is not None


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Given to errors/not_found, errors/forbidden, errors/full_sign_in, errors/too_many, errors/card_number, errors/documents and errors/broken.

    `number` is what the reader quotes to support: the request's id, short. `until` (merchant's zone) belongs to
    too_many alone: when the reader may continue. `back_url` is the page to reload (forbidden, card_number: the form's own page).
    `sign_in_path` (below the merchant's root) belongs to full_sign_in: signing in there leads on to the page that was wanted.
    `sentence` (English) belongs to documents alone: why the download is not possible. `has_home` is False where no merchant is known, so that there is no overview to go to.
    """

    number: str
    until: datetime | None = None
    back_url: str | None = None
    has_home: bool = True
    sentence: str = ""
    sign_in_path: str = "/sign-in"
