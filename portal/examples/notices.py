"""Examples of notifications: every switch, copies that agreed and did not, and the links of mails in each state."""

from __future__ import annotations

from collections.abc import Iterator

from portal.examples.parts import NOW, Example, example_id
from portal.merchants.rules.notice_settings import Notices
from portal.notice_kinds import STOPPABLE
from portal.notices.page_builders import build_notices_page
from portal.notices.pages import InvitationPage, NewCopyPage, UnsubscribePage
from portal.notices.queries import StoredCopy

MAYA = "maya@lindqvist.example"
_TOKEN = "receipt." + "t" * 22 + "." + "t" * 43


def notice_examples() -> Iterator[Example]:
    """The page of notices, and those of the links in mails, each state of it once."""
    copies = [
        StoredCopy(example_id("cpy", 1), "c", "accounts@moreau.example", NOW, NOW, None),
        StoredCopy(example_id("cpy", 2), "c", f"{'w' * 64}@{'long-' * 12}name.example", NOW, None, None),
    ]
    for name, notices, chosen, shown, email, done in (
        ("all", Notices(statement_ready="on"), {"due_soon": False}, copies, MAYA, ""),
        ("saved", Notices(before_due=(0,)), {}, copies[:1], MAYA, "saved"),
        ("asked", Notices(before_due=(1, 7)), {}, copies[1:], MAYA, "asked"),
        ("ended", Notices(overdue="never"), {}, [], MAYA, "ended"),
        ("without-mail", Notices(payment_failed="never"), {}, [], None, ""),
        ("nothing", Notices.model_validate({kind.name: "never" for kind in STOPPABLE}), {}, copies * 3, MAYA, ""),
    ):
        page = build_notices_page(notices, chosen, shown, email=email, day_of=lambda at: at.date(), done=done)
        yield Example(f"notices-{name}", "notices/list.html", page, "notices")
    for fault in ("", "missing", "malformed", "own", "known", "too_many", "card_number"):
        yield Example(f"copy-{fault}", "notices/copy.html", NewCopyPage("accounts@", fault), "notices")
    for state in ("ask", "agreed", "declined", "gone"):
        answer = InvitationPage(state, "t" * 65, "accounts@moreau.example", MAYA)
        yield Example(f"invitation-{state}", "notices/invitation.html", answer)
    for state in ("ask", "stopped", "gone"):
        for kind in (*(each.name for each in STOPPABLE), "copy"):
            stopped = UnsubscribePage(state, _TOKEN, kind, MAYA, is_all_stopped=kind == "refund")
            yield Example(f"unsubscribe-{state}-{kind}", "notices/unsubscribe.html", stopped)
