"""Pure decisions of signing in: the form of codes, addresses and targets, and the state of a challenge."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from portal.clock import has_begun
from portal.contacts import holds_card_number
from portal.settings import Settings

CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, 6.1: consonants alone, so that one keyboard types a code, no two of its letters look alike, and it is no word."""
CODE_LENGTH = 8

OF_HOST = frozenset({"host", "identified"})
"""The kinds of sessions that the host application made, by a URL or because it named who is logged in: its log-out ends them."""

TOUCH_EVERY = timedelta(minutes=5)
"""`last_used_at` of a session is updated at most this often (contract, 4); it may end that much early, never late."""

FRESH_FOR = timedelta(minutes=15)
"""How long after a fresh code was entered none is asked for again in that session."""
UNDO_FOR = timedelta(hours=72)
"""How long a changed mail address can be undone from the one before (contract, 4: Times)."""
CONFIRMATION_TRIES = 5
MAILED = "mailed"
"""The kind of a session that began with the link of a notice: for an hour, and without what `web.policies.signed_in` keeps from it."""
MAILED_LINK_FOR = timedelta(minutes=30)
"""How long the link of a notice signs in, from the sending (contract, 4: Times)."""
MAILED_SESSION_FOR = timedelta(hours=1)

MAX_ADDRESS_LENGTH = 254
MAX_TARGET_LENGTH = 500
"""Characters of a path to go to after signing in; a longer one is not stored."""
_CODE_CHARACTERS = frozenset(CODE_LETTERS)
# Hyphens of every kind: what pastes a code may have made the one of the mail a better one.
_IGNORED_IN_CODE = re.compile(r"[\s\u00ad\u200b\u2010-\u2015\u2060\u2212\ufe63\uff0d-]+")
# What our own addresses are made of. Percent characters only in the query: `%2f%2fe` and `%5ce` have no place in a path.
_TARGET = re.compile(r"/(?:[A-Za-z0-9_.~-]+/)*(?:[A-Za-z0-9_.~-]+)?(?:\?[A-Za-z0-9_.~=&%+:,-]*)?", re.ASCII)
_INVALID_IN_ADDRESS = re.compile(r"[\x00-\x1f\x7f-\x9f\s,;:<>()\[\]\\\"\ud800-\udfff\ufffd]")


class ChallengeState(StrEnum):
    """WAITING: its mail has not left; OPEN: link and code work; EXPIRED; USED: it made a session."""

    WAITING = "waiting"
    OPEN = "open"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class CodeFault:
    """The input is not a code. `missing_count` characters are missing; zero or less: too many, or characters that no code has."""

    missing_count: int


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives, however much it is used, and how long without use."""

    whole: timedelta
    idle: timedelta


def challenge_state(
    *, mailed_at: datetime | None, expires_at: datetime | None, used_at: datetime | None, at: datetime
) -> ChallengeState:
    """Return the state at an instant, by a clock that may be up to five minutes behind that of the process which sent the mail.

    A clock that was set back further than that, to before the mailing, reopens nothing (threats 38).
    """
    if used_at is not None:
        # An expired challenge is closed at some instant after its end; a used one always had time left.
        return ChallengeState.EXPIRED if expires_at is not None and used_at >= expires_at else ChallengeState.USED
    if mailed_at is None or expires_at is None:
        return ChallengeState.WAITING
    return ChallengeState.OPEN if has_begun(mailed_at, at) and at < expires_at else ChallengeState.EXPIRED


def read_code(typed: str) -> str | CodeFault:
    """Return the eight letters of an input, whatever its case, hyphen and spaces; or a CodeFault.

    Digits of other scripts, superscripts and letters that no code has are faults, not guesses: they cost no attempt.
    """
    cleaned = _IGNORED_IN_CODE.sub("", typed[:200])
    if not cleaned.isascii():
        return CodeFault(0)
    letters = cleaned.upper()
    if not _CODE_CHARACTERS.issuperset(letters):
        return CodeFault(0)
    return letters if len(letters) == CODE_LENGTH else CodeFault(CODE_LENGTH - len(letters))


def format_code(code: str) -> str:
    """Return the code as it is shown: `WDJB-MJHT`."""
    return f"{code[:4]}-{code[4:]}"


def is_address(text: str) -> bool:
    """Return whether `text` (already trimmed) is one plain mail address; makes no DNS lookup.

    Lists, angle brackets, quoted names, comments and control characters are not (threats 20).
    """
    if (
        not text
        or len(text.encode("utf-8", "replace")) > MAX_ADDRESS_LENGTH
        or _INVALID_IN_ADDRESS.search(text)
        or "=?" in text
        or holds_card_number(text)
    ):
        return False
    from email_validator import EmailNotValidError, validate_email  # A tenth of the time that a process takes to start.

    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def mask_address(address: str) -> str:
    """Return the address as a page may show it: `m•••@lindqvist.example`. Made from the input, known or not."""
    local, _, domain = unicodedata.normalize("NFC", address).rpartition("@")
    return f"{local[:1]}•••@{domain}"


def checked_target(text: str | None) -> str:
    """Return where to go after signing in: a path below the merchant's root, or "/" for anything that is not plainly one.

    The final Location is checked once more where the response is built (threats 22).
    """
    if not text or len(text) > MAX_TARGET_LENGTH or not _TARGET.fullmatch(text):
        return "/"
    path = text.partition("?")[0]
    if any(part in (".", "..") for part in path.split("/")) or path.startswith(("/sign-in", "/sign-out")):
        return "/"
    if holds_card_number(text):  # It would be stored with the challenge.
        return "/"
    return text


def lifetime(kind: str, settings: Settings) -> Lifetime:
    """Return the lifetime of a session by `mail`, by the link of a notice (`mailed`: one hour, idle or not), from the `api` or a URL of the `host` (one hour, idle or not), in a `frame`, or of who
    is `identified` by the host, which is asked again for each page (contract, 4: Times)."""
    own = timedelta(days=settings.session_days)
    if kind in ("api", "host"):
        hour = timedelta(minutes=settings.portal_session_minutes)
        return Lifetime(hour, hour)
    if kind == MAILED:
        return Lifetime(MAILED_SESSION_FOR, MAILED_SESSION_FOR)
    if kind == "frame":
        return Lifetime(own, timedelta(hours=1))
    return Lifetime(own, timedelta(hours=settings.session_idle_hours))
