"""Verifies a challenge by its code or its link; every attempt is counted before it is checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.queries.accounts import Account
from portal.events.operations import record
from portal.events.rules import SYSTEM, Event, EventType
from portal.settings import Settings
from portal.sign_in.models import Challenge
from portal.sign_in.operations.limits import HOUR, Tally, count_down, count_in_a_row, count_up, limit_key, reset_count
from portal.sign_in.operations.requesting import resend_message
from portal.sign_in.operations.sessions import NewSession, Visitor, start_session
from portal.sign_in.queries import ChallengeRow, find_challenge, find_code_challenge, list_verified_accounts
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import ChallengeState
from portal.tenancy import Scope

_MAX_REFUSALS_RECORDED = 3


class SignInResult(StrEnum):
    """The result of entering a code or using a link.

    SIGNED_IN; CHOOSE_ACCOUNT (verified, and several customers have this address); NO_CHALLENGE (this browser has none);
    WRONG; EXPIRED (of a code: a new message was requested); USED (of a link); LOCKED (too many attempts).
    """

    SIGNED_IN = "signed_in"
    CHOOSE_ACCOUNT = "choose_account"
    NO_CHALLENGE = "no_challenge"
    WRONG = "wrong"
    EXPIRED = "expired"
    USED = "used"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class CodeAttempt:
    """`challenge` is the current one. `until` is set with LOCKED; None there: only the link signs in."""

    result: SignInResult
    challenge: ChallengeRow | None = None
    new_session: NewSession | None = None
    accounts: tuple[Account, ...] = ()
    tries_left: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkAttempt:
    """`challenge` is the link's challenge, or None when its row is gone."""

    result: SignInResult
    challenge: ChallengeRow | None = None
    new_session: NewSession | None = None
    accounts: tuple[Account, ...] = ()


def enter_code(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    *,
    code: str,
    account: str | None = None,
    at: datetime,
) -> CodeAttempt:
    """Verify the code (as `rules.read_code` returns it) of this browser's newest challenge, and sign in.

    An attempt is counted before the code is compared, so that concurrent attempts cannot exceed the limits; a correct code
    takes its count back. `account` is the customer chosen among several of one address.
    """
    challenge = find_code_challenge(session, merchant_id, visitor.browser)
    if challenge is None:
        return CodeAttempt(SignInResult.NO_CHALLENGE)
    if challenge.state(at) not in (ChallengeState.OPEN, ChallengeState.WAITING) or challenge.tries_left <= 0:
        return CodeAttempt(
            SignInResult.EXPIRED, resend_message(session, settings, merchant_id, visitor, challenge, at=at)
        )
    limits = _CodeLimits(settings, merchant_id, visitor, challenge)
    locked = limits.count_attempt(session, at)
    if locked is not None:
        return replace(locked, challenge=challenge)
    is_correct = tokens.is_code_of(settings.keys, merchant_id, challenge.id, code=code)
    accounts = list_verified_accounts(session, merchant_id, challenge.customer_id)
    if not is_correct or not accounts or challenge.state(at) is not ChallengeState.OPEN:
        return _wrong_code(session, merchant_id, challenge, at)
    chosen = _chosen(accounts, account)
    if chosen is None:
        limits.uncount_attempt(session)
        return CodeAttempt(SignInResult.CHOOSE_ACCOUNT, challenge, accounts=tuple(accounts))
    if not _mark_used(session, merchant_id, challenge.id, at, Challenge.tries_left > 0):
        return CodeAttempt(
            SignInResult.EXPIRED, resend_message(session, settings, merchant_id, visitor, challenge, at=at)
        )
    limits.uncount_attempt(session)
    reset_count(session, merchant_id, _row_key(challenge))
    scope = Scope(merchant_id, chosen.id)
    new_session = start_session(
        session, settings, scope, visitor, kind="mail", by="code", target=challenge.target, at=at
    )
    return CodeAttempt(SignInResult.SIGNED_IN, challenge, new_session)


def use_link(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    *,
    challenge_id: str,
    account: str | None = None,
    at: datetime,
) -> LinkAttempt:
    """Sign in by a link, in any browser, and in that one alone (threats, rule 7). One conditional update decides.

    `challenge_id` is what `tokens.challenge_of` verified. The link works after wrong codes too (threats 12).
    """
    challenge = find_challenge(session, merchant_id, challenge_id)
    accounts = list_verified_accounts(session, merchant_id, challenge.customer_id if challenge else None)
    if challenge is None or challenge.state(at) is not ChallengeState.OPEN or not accounts:
        is_used = challenge is not None and challenge.state(at) is ChallengeState.USED
        return LinkAttempt(SignInResult.USED if is_used else SignInResult.EXPIRED, challenge)
    chosen = _chosen(accounts, account)
    if chosen is None:
        return LinkAttempt(SignInResult.CHOOSE_ACCOUNT, challenge, accounts=tuple(accounts))
    if not _mark_used(session, merchant_id, challenge.id, at):
        return LinkAttempt(SignInResult.USED, challenge)
    reset_count(session, merchant_id, _row_key(challenge))
    scope = Scope(merchant_id, chosen.id)
    new_session = start_session(
        session, settings, scope, visitor, kind="mail", by="link", target=challenge.target, at=at
    )
    return LinkAttempt(SignInResult.SIGNED_IN, challenge, new_session)


def refuse_link(session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, at: datetime) -> None:
    """Record that a link was posted that is not this merchant's (threats 9); a few an hour for one network address."""
    network = tokens.network_digest(settings.keys, merchant_id, visitor.network)
    tally = count_up(session, merchant_id, limit_key("link-network", network), at=at, window=HOUR)
    if tally.count <= _MAX_REFUSALS_RECORDED:
        _record_refused(session, merchant_id, None, "foreign_link", at)


@dataclass(frozen=True, slots=True)
class _CodeLimits:
    """The limits of wrong codes: of one network address, of one mail address an hour, and of it without a success."""

    settings: Settings
    merchant_id: str
    visitor: Visitor
    challenge: ChallengeRow

    def count_attempt(self, session: Session, at: datetime) -> CodeAttempt | None:
        """Count one attempt; return a LOCKED attempt where a limit is reached, else None."""
        for key, limit in (
            (self._network, self.settings.sign_in_failures_per_ip_per_hour),
            (self._hour, self.settings.sign_in_failures_per_address_per_hour),
        ):
            tally = count_up(session, self.merchant_id, key, at=at, window=HOUR)
            if tally.count > limit:
                return self._locked(session, tally, limit, at)
        if (
            count_in_a_row(session, self.merchant_id, _row_key(self.challenge), at=at)
            > self.settings.sign_in_failures_in_a_row
        ):
            return CodeAttempt(SignInResult.LOCKED)
        return None

    def uncount_attempt(self, session: Session) -> None:
        """Take the attempt back: the code was correct."""
        count_down(session, self.merchant_id, self._network, self._hour, _row_key(self.challenge))

    def _locked(self, session: Session, tally: Tally, limit: int, at: datetime) -> CodeAttempt:
        if tally.count == limit + 1:
            _record_refused(session, self.merchant_id, self.challenge, "too_many_codes", at)
        return CodeAttempt(SignInResult.LOCKED, until=tally.started_at + HOUR)

    @property
    def _network(self) -> str:
        return limit_key(
            "code-network", tokens.network_digest(self.settings.keys, self.merchant_id, self.visitor.network)
        )

    @property
    def _hour(self) -> str:
        return limit_key("code-address", self.challenge.address_digest)


def _record_refused(
    session: Session, merchant_id: str, challenge: ChallengeRow | None, reason: str, at: datetime
) -> None:
    event = Event(
        type=EventType.PORTAL_SIGN_IN_REFUSED,
        merchant_id=merchant_id,
        object_id=challenge.id if challenge else None,
        customer_id=challenge.customer_id if challenge else None,
        details={"reason": reason},
        at=at,
    )
    record(session, SYSTEM, event)


def _row_key(challenge: ChallengeRow) -> str:
    return limit_key("code-row", challenge.address_digest)


def _wrong_code(session: Session, merchant_id: str, challenge: ChallengeRow, at: datetime) -> CodeAttempt:
    tries_left = session.execute(
        sa.update(Challenge)
        .where(Challenge.merchant_id == merchant_id, Challenge.id == challenge.id, Challenge.tries_left > 0)
        .values(tries_left=Challenge.tries_left - 1)
        .returning(Challenge.tries_left)
        .execution_options(synchronize_session=False)
    ).scalar()
    if tries_left == 0:
        _record_refused(session, merchant_id, challenge, "no_tries_left", at)
    return CodeAttempt(SignInResult.WRONG, challenge, tries_left=tries_left or 0)


def _chosen(accounts: list[Account], account: str | None) -> Account | None:
    if len(accounts) == 1:
        return accounts[0]
    return next((one for one in accounts if one.id == account), None)


def _mark_used(
    session: Session, merchant_id: str, challenge_id: str, at: datetime, *conditions: sa.ColumnElement[bool]
) -> bool:
    """Mark the challenge used; return False when a concurrent call already did."""
    used = session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == merchant_id,
            Challenge.id == challenge_id,
            Challenge.used_at.is_(None),
            Challenge.mailed_at <= at,
            Challenge.expires_at > at,
            *conditions,
        )
        .values(used_at=at)
        .returning(Challenge.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return used is not None
