"""What may be requested and tried how often: by strangers together, and by each browser in which the customer was signed in before.

Strangers share their budgets, so that nobody multiplies them with more browsers. None of them keeps the owner out: a browser
that is known has budgets of its own, the first mail of a challenge always goes, and a link works whatever codes were tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.networks import network_of
from portal.settings import Settings
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.operations.limits import (
    HOUR,
    Tally,
    count_down,
    count_in_a_row,
    count_up,
    limit_key,
    reset_count,
    take_turn,
)
from portal.sign_in.operations.sessions import Visitor
from portal.sign_in.queries import ChallengeRow
from portal.sign_in.rules import tokens

_WIDE_IPV6_PREFIX = 48
"""What one customer of a network gets at most, as a rule: of an attacker who has a whole one, each /64 looks like somebody else."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who requests mails or tries codes of a mailbox: `is_known` where one of its customers was signed in in this browser before."""

    merchant_id: str
    visitor: Visitor
    address_digest: bytes
    is_known: bool

    def key(self, limit: str) -> str:
        """Return the key of a limit for this browser and mailbox; a known browser is counted by its own cookie."""
        token = (self.visitor.known_browser if self.is_known else None) or self.visitor.browser
        return limit_key(limit, tokens.browser_subject(tokens.token_digest(token), self.address_digest))

    def network_key(self, settings: Settings, limit: str, *, ipv6_prefix: int = 64) -> str:
        """Return the key of a limit for this visitor's network."""
        network = network_of(self.visitor.network, ipv6_prefix)
        return limit_key(limit, tokens.network_digest(settings.keys, self.merchant_id, network))


@dataclass(frozen=True, slots=True)
class CountedTry:
    """A try of a code. `is_judged` False: a limit is reached, and `is_first_refused` where this is the first try beyond it.

    `left` is what this browser has left after it. `until` is when there are tries again; None: after a link has signed in.
    """

    left: int
    until: datetime | None
    is_judged: bool = True
    is_first_refused: bool = False


def count_request(session: Session, settings: Settings, asker: Asker, at: datetime) -> None:
    """Count a request for a mail. Raise TooManyMessages where the network has none left; a known browser has as many for itself.

    Where a merchant's are used up, networks that request few go on: whoever used them up has made theirs busy.
    """
    if asker.is_known:
        tally = count_up(session, asker.merchant_id, asker.key("request-known"), at=at, window=HOUR)
        if tally.count <= settings.sign_in_mails_per_ip_per_hour:
            return
    own = _count(session, asker, asker.network_key(settings, "mail-network"), at)
    _require(own, settings.sign_in_mails_per_ip_per_hour, at)
    if _count(session, asker, limit_key("mail-merchant"), at).count <= settings.sign_in_mails_per_hour:
        return
    _require(own, settings.sign_in_spare_mails_per_ip_per_hour, at)
    wide = _count(session, asker, asker.network_key(settings, "mail-wide", ipv6_prefix=_WIDE_IPV6_PREFIX), at)
    _require(wide, settings.sign_in_spare_mails_per_network_per_hour, at)


def first_mail_due_at(session: Session, settings: Settings, asker: Asker, at: datetime) -> datetime:
    """Return when the first mail of a challenge is due: at once, or for strangers a minute after the last one to the address."""
    return at if asker.is_known else _take_turn(session, settings, asker, at)


def next_mail_due_at(
    session: Session, settings: Settings, asker: Asker, challenge: ChallengeRow, at: datetime
) -> datetime | None:
    """Return when the mail of a challenge that others requested before goes again; None when the last one has to do."""
    requested_at = challenge.mail_requested_at or challenge.created_at
    if challenge.mailed_at is None:
        # It is under way. Only a turn that strangers have to wait for is no reason for a known browser to wait.
        is_due = asker.is_known and requested_at > at
    else:
        is_due = requested_at <= at - _spacing(settings)
    if not is_due:
        return None
    if asker.is_known:
        limit = settings.sign_in_mails_per_address_per_hour
        return at if _count(session, asker, asker.key("mail-known"), at).count <= limit else None
    again = _count(session, asker, limit_key("mail-again", asker.address_digest), at)
    return _take_turn(session, settings, asker, at) if again.count <= mails_again_per_hour(settings) else None


def mails_again_per_hour(settings: Settings) -> int:
    """Return how often an hour strangers may have a mail sent again: what the first mails of an hour's challenges leave of the limit."""
    return max(0, settings.sign_in_mails_per_address_per_hour - 60 // settings.sign_in_minutes)


def count_try(session: Session, settings: Settings, asker: Asker, at: datetime) -> CountedTry:
    """Count a try before its code is judged. The browser's own come first: one without any left uses up nobody else's.

    They begin anew with the hour and with nothing else: neither another mail nor another challenge renews them.
    """
    own = _count(session, asker, asker.key("code-browser"), at)
    left = max(0, settings.sign_in_tries - own.count)
    counted = CountedTry(left, own.started_at + HOUR, is_judged=own.count <= settings.sign_in_tries)
    if asker.is_known or not counted.is_judged:
        return counted
    for key, limit in (
        (asker.network_key(settings, "code-network"), settings.sign_in_failures_per_ip_per_hour),
        (limit_key("code-address", asker.address_digest), settings.sign_in_failures_per_address_per_hour),
        (limit_key("code-merchant"), settings.sign_in_failures_per_hour),
    ):
        tally = _count(session, asker, key, at)
        if tally.count > limit:
            return CountedTry(left, tally.started_at + HOUR, is_judged=False, is_first_refused=tally.count == limit + 1)
    in_a_row = count_in_a_row(session, asker.merchant_id, _in_a_row_key(asker.address_digest), at=at)
    return CountedTry(left, None, is_judged=False) if in_a_row > settings.sign_in_failures_in_a_row else counted


def give_back_try(session: Session, settings: Settings, asker: Asker) -> None:
    """Take a try back: its code was right."""
    keys = [asker.key("code-browser")]
    if not asker.is_known:
        keys += [
            asker.network_key(settings, "code-network"),
            limit_key("code-address", asker.address_digest),
            limit_key("code-merchant"),
            _in_a_row_key(asker.address_digest),
        ]
    count_down(session, asker.merchant_id, *keys)


def forget_failures_in_a_row(session: Session, merchant_id: str, address_digest: bytes) -> None:
    """Begin to count again: somebody has signed in."""
    reset_count(session, merchant_id, _in_a_row_key(address_digest))


def _in_a_row_key(address_digest: bytes) -> str:
    return limit_key("code-row", address_digest)


def _count(session: Session, asker: Asker, key: str, at: datetime) -> Tally:
    return count_up(session, asker.merchant_id, key, at=at, window=HOUR)


def _require(tally: Tally, limit: int, at: datetime) -> None:
    if tally.count > limit:
        raise TooManyMessages(tally.started_at + HOUR, at)


def _take_turn(session: Session, settings: Settings, asker: Asker, at: datetime) -> datetime:
    key = limit_key("mail-turn", asker.address_digest)
    return take_turn(session, asker.merchant_id, key, at=at, spacing=_spacing(settings))


def _spacing(settings: Settings) -> timedelta:
    return timedelta(minutes=1) / settings.sign_in_mails_per_address_per_minute
