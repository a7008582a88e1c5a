"""When an invoice is reminded of, and the tokens of the links in mails; pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.merchants.rules.notice_settings import Notices
from portal.notice_kinds import KINDS
from portal.public_ids import LENGTH

CATCH_UP_DAYS = 7
"""How long after its day a reminder is still sent: a worker that was off for longer sends none of those days."""
FIRST_HOUR, LAST_HOUR = 8, 20
"""The hours of the merchant's day in which reminders are sent."""
ISSUED_WITHIN_DAYS = 7
"""An invoice that was issued longer ago when it is opened here is no news: what a merchant brings over from elsewhere mails nobody."""
MAX_COPIES = 5
"""Addresses of one customer that get copies or are asked to."""
INVITATIONS_PER_HOUR = 5
"""Invitations to get copies that one customer has sent, at most."""
INVITATIONS_TO_ADDRESS_PER_HOUR = 15
"""Those that one address gets from all customers together: several times what one may send, so that none uses up what another needs."""
INVITATION_DAYS = 7
"""How long the link of an invitation to get copies works."""
COPY = "cpy"

_FIRST_OVERDUE_DAY = 1
"""An invoice becomes overdue the day after its due date, whether or not the merchant reminds of it on that day."""


@dataclass(frozen=True, slots=True)
class Window:
    """The invoices, by due date (both ends included), whose latest day of a reminder is the one `days` from it; below 1 before it."""

    days: int
    first_due_on: date
    last_due_on: date


def reminder_windows(notices: Notices, today: date) -> list[Window]:
    """Return which invoices are to be reminded of today. Each invoice is in one window at most: that of its latest day, so that a
    worker that was off sends one reminder and not one for each day it missed; and in none once that day is long past."""
    before = [] if notices.due_soon == "never" else [-days for days in notices.before_due]
    after = sorted({_FIRST_OVERDUE_DAY, *(notices.after_due if notices.overdue != "never" else ())})
    days_of_reminders = [*sorted(before), *after]
    windows = []
    for place, days in enumerate(days_of_reminders):
        last = today - timedelta(days)
        first = last - timedelta(CATCH_UP_DAYS)
        if days <= 0:
            first = max(first, today)  # What is due by then is not due soon any more.
        if place + 1 < len(days_of_reminders):
            first = max(first, today - timedelta(days_of_reminders[place + 1] - 1))
        if first <= last:
            windows.append(Window(days, first, last))
    return windows


def is_reminding_hour(local: datetime) -> bool:
    """Return whether reminders are sent at this time of the merchant's day."""
    return FIRST_HOUR <= local.hour < LAST_HOUR


Keys = Sequence[bytes]
"""The installation's secrets, newest first: the newest signs, each verifies."""


@dataclass(frozen=True, slots=True)
class StopClaim:
    """What the link of an unsubscribe token names, before its proof is checked: a kind of notice of a customer, or a copy."""

    kind: str
    subject_id: str
    proof: bytes


_STOP = re.compile(rf"([a-z_]{{1,30}})\.([0-9A-Za-z]{{{LENGTH}}})\.([0-9A-Za-z_-]{{43}})", re.ASCII)
_AGREE = re.compile(rf"([0-9A-Za-z]{{{LENGTH}}})([0-9A-Za-z_-]{{43}})", re.ASCII)
_OF_COPY = "copy"


def stop_token(keys: Keys, merchant_id: str, customer_id: str, kind: str, mailbox: str) -> str:
    """Return the token that stops one kind of notice of a customer, good for whoever got the mail at this mailbox. It never expires
    (RFC 8058 wants the link to work as long as the mail is kept), and does nothing else."""
    proof = _proof(keys[0], "notice-stop", merchant_id, customer_id, kind, mailbox)
    return f"{kind}.{customer_id.partition('_')[2]}.{proof}"


def copy_stop_token(keys: Keys, merchant_id: str, copy_id: str, mailbox: str) -> str:
    """Return the token that ends the copies to an address, for whoever gets them there."""
    proof = _proof(keys[0], "notice-stop", merchant_id, copy_id, _OF_COPY, mailbox)
    return f"{_OF_COPY}.{copy_id.partition('_')[2]}.{proof}"


def read_stop_token(token: str) -> StopClaim | None:
    """Return what a token claims to stop; None for any other text, and for a kind that nobody can stop."""
    match = _STOP.fullmatch(token)
    if match is None:
        return None
    kind = match[1]
    if kind != _OF_COPY and (kind not in KINDS or not KINDS[kind].is_stoppable):
        return None
    return StopClaim(kind, f"{COPY if kind == _OF_COPY else 'cus'}_{match[2]}", match[3].encode())


def is_stop_proved(keys: Keys, merchant_id: str, claim: StopClaim, mailbox: str) -> bool:
    """Return whether the claim's proof is one of ours at this merchant, for this mailbox."""
    expected = [_proof(key, "notice-stop", merchant_id, claim.subject_id, claim.kind, mailbox) for key in keys]
    return _is_one_of(claim.proof, expected)


def agree_token(keys: Keys, merchant_id: str, copy_id: str) -> str:
    """Return the token with which whoever holds an address agrees to get copies there."""
    return copy_id.partition("_")[2] + _proof(keys[0], "notice-copy", merchant_id, copy_id)


def copy_of(keys: Keys, merchant_id: str, token: str) -> str | None:
    """Return the id of the copy of an invitation's token; None for any other text."""
    match = _AGREE.fullmatch(token)
    if match is None:
        return None
    copy_id = f"{COPY}_{match[1]}"
    expected = [_proof(key, "notice-copy", merchant_id, copy_id) for key in keys]
    return copy_id if _is_one_of(match[2].encode(), expected) else None


def _proof(key: bytes, purpose: str, *subject: str) -> str:
    # One key for each purpose, so that a value made for one is not valid for another.
    purpose_key = hmac.digest(key, f"portal:{purpose}".encode(), "sha256")
    digest = hmac.digest(purpose_key, "\x1f".join(subject).encode("utf-8", "replace"), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_one_of(given: bytes, expected: Sequence[str]) -> bool:
    # Each is compared, so that the time reveals nothing.
    return sum(hmac.compare_digest(given, one.encode()) for one in expected) > 0
