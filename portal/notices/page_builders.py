"""Pages of notices made from rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from portal.merchants.rules.notice_settings import Notices
from portal.notice_kinds import KINDS, STOPPABLE
from portal.notices.operations import Stopping
from portal.notices.pages import CopyEntry, NoticesPage, Switch, UnsubscribePage
from portal.notices.queries import StoredCopy
from portal.notices.rules import MAX_COPIES


def build_notices_page(
    notices: Notices,
    chosen: Mapping[str, bool],
    copies: Sequence[StoredCopy],
    *,
    email: str | None,
    day_of: Callable[[datetime], date],
    done: str = "",
) -> NoticesPage:
    """Return the page of all notices; what the merchant never sends is not on it."""
    return NoticesPage(
        email=email,
        switches=tuple(
            Switch(kind.name, kind.group, notices.is_sent(kind, chosen.get(kind.name)))
            for kind in STOPPABLE
            if notices.of(kind) != "never"
        ),
        always=tuple(kind.name for kind in KINDS.values() if not kind.is_stoppable and notices.of(kind) != "never"),
        days_before=notices.before_due,
        copies=tuple(
            CopyEntry(copy.id, copy.address, day_of(copy.agreed_at or copy.created_at), copy.agreed_at is not None)
            for copy in copies
        ),
        can_add=email is not None and len(copies) < MAX_COPIES,
        done=done,
    )


def build_unsubscribe_page(
    token: str, stopping: Stopping | None, notices: Notices, chosen: Mapping[str, bool], *, is_copy_live: bool
) -> UnsubscribePage:
    """Return the page of a link that stops something, as it stands now."""
    if stopping is None:
        return UnsubscribePage("gone", token)
    if stopping.copy_id:
        state = "ask" if is_copy_live else "stopped"
        return UnsubscribePage(state, token, "copy", stopping.address, is_all_stopped=True)
    is_on = notices.is_sent(KINDS[stopping.kind], chosen.get(stopping.kind))
    others = (notices.is_sent(kind, chosen.get(kind.name)) for kind in STOPPABLE)
    return UnsubscribePage(
        "ask" if is_on else "stopped", token, stopping.kind, stopping.address, is_all_stopped=not any(others)
    )
