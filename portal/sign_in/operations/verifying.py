"""Verifies a challenge by its code or its link; every attempt is counted before it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.customers.queries.accounts import Account
from portal.events.operations import record
from portal.events.rules import SYSTEM, Event, EventType
from portal.networks import network_of
from portal.people.errors import PersonGone
from portal.settings import Settings
from portal.sign_in.models import Challenge
from portal.sign_in.operations.budgets import Asker, count_try, forget_failures_in_a_row, give_back_try
from portal.sign_in.operations.limits import HOUR, count_up, limit_key
from portal.sign_in.operations.requesting import request_again
from portal.sign_in.operations.sessions import NewSession, Proof, Visitor, start_session
from portal.sign_in.queries import ChallengeRow, find_challenge, list_requested_challenges
from portal.sign_in.queries.mailboxes import is_known_browser, list_verified_accounts
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import ChallengeState
from portal.tenancy import Scope

_MAX_REFUSALS_RECORDED = 3


class SignInResult(StrEnum):
    """The result of entering a code or using a link.

    SIGNED_IN; CHOOSE_ACCOUNT (verified, and several customers have this address); NO_CHALLENGE (this browser has none);
    WRONG; EXPIRED (of a code, used or run out: another one was requested); USED (of a link); LOCKED (too many attempts).
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
    """`challenge` is the one that this browser requested last.

    `tries_left` is this browser's, with WRONG; `until`, with WRONG and LOCKED, is when there are tries again (None: after a link has
    signed in). `is_sent`, with EXPIRED: a mail goes for the challenge.
    """

    result: SignInResult
    challenge: ChallengeRow | None = None
    new_session: NewSession | None = None
    accounts: tuple[Account, ...] = ()
    tries_left: int = 0
    until: datetime | None = None
    is_sent: bool = False


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
    """Verify the code (as `rules.read_code` returns it) of the challenges that this browser requested, and sign in.

    An attempt is counted before the code is compared, so that concurrent attempts cannot exceed the limits; a correct code
    takes its count back, and a request for another mail does not. `account` is the customer chosen among several of one address.
    """
    requested = list_requested_challenges(session, merchant_id, visitor.browser)
    if not requested:
        return CodeAttempt(SignInResult.NO_CHALLENGE)
    newest = requested[0]
    open_ones = [each for each in requested if each.state(at) is ChallengeState.OPEN]
    if not open_ones and newest.state(at) is not ChallengeState.WAITING:
        return _expired_code(session, settings, merchant_id, visitor, newest, at)
    accounts = list_verified_accounts(session, settings.keys, merchant_id, newest, at)
    is_known = is_known_browser(session, merchant_id, visitor.known_browser, accounts)
    asker = Asker(merchant_id, visitor, newest.address_digest, is_known)
    counted = count_try(session, settings, asker, at)
    if not counted.is_judged:
        if counted.is_first_refused:
            _record_refused(session, merchant_id, newest, "too_many_codes", at)
        return CodeAttempt(SignInResult.LOCKED, newest, until=counted.until)
    right = [each for each in open_ones if tokens.is_code_of(settings.keys, merchant_id, each.id, code=code)]
    accounts = list_verified_accounts(session, settings.keys, merchant_id, right[0], at) if right else []
    if not right or not accounts:
        if counted.left == 0:
            _record_refused(session, merchant_id, newest, "no_tries_left", at)
        return CodeAttempt(SignInResult.WRONG, newest, tries_left=counted.left, until=counted.until)
    give_back_try(session, settings, asker)
    chosen = _chosen(accounts, account)
    if chosen is None:
        return CodeAttempt(SignInResult.CHOOSE_ACCOUNT, right[0], accounts=tuple(accounts))
    if not _mark_used(session, merchant_id, right[0].id, at):
        return _expired_code(session, settings, merchant_id, visitor, newest, at)
    forget_failures_in_a_row(session, merchant_id, newest.address_digest)
    try:
        new_session = start_session(
            session, settings, Scope(merchant_id, chosen.id), visitor, kind="mail", by="code", target=newest.target, at=at,
            proof=Proof(chosen.person_id, right[0].address_digest, can_switch=len(accounts) > 1),
        )  # fmt: skip
    except PersonGone:  # Removed at this very moment.
        return _expired_code(session, settings, merchant_id, visitor, newest, at)
    return CodeAttempt(SignInResult.SIGNED_IN, right[0], new_session)


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
    challenge = find_challenge(session, merchant_id, challenge_id, visitor.browser)
    accounts = list_verified_accounts(session, settings.keys, merchant_id, challenge, at)
    if challenge is None or challenge.state(at) is not ChallengeState.OPEN or not accounts:
        is_used = challenge is not None and challenge.state(at) is ChallengeState.USED
        return LinkAttempt(SignInResult.USED if is_used else SignInResult.EXPIRED, challenge)
    chosen = _chosen(accounts, account)
    if chosen is None:
        return LinkAttempt(SignInResult.CHOOSE_ACCOUNT, challenge, accounts=tuple(accounts))
    if not _mark_used(session, merchant_id, challenge.id, at):
        return LinkAttempt(SignInResult.USED, challenge)
    forget_failures_in_a_row(session, merchant_id, challenge.address_digest)
    try:
        new_session = start_session(
            session, settings, Scope(merchant_id, chosen.id), visitor, kind="mail", by="link", target=challenge.target, at=at,
            proof=Proof(chosen.person_id, challenge.address_digest, can_switch=len(accounts) > 1),
        )  # fmt: skip
    except PersonGone:  # Removed at this very moment.
        return LinkAttempt(SignInResult.EXPIRED, challenge)
    return LinkAttempt(SignInResult.SIGNED_IN, challenge, new_session)


def refuse_link(session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, at: datetime) -> None:
    """Record that a link was posted that is not this merchant's (threats 9); a few an hour for one network address."""
    network = tokens.network_digest(settings.keys, merchant_id, network_of(visitor.network))
    tally = count_up(session, merchant_id, limit_key("link-network", network), at=at, window=HOUR)
    if tally.count <= _MAX_REFUSALS_RECORDED:
        _record_refused(session, merchant_id, None, "foreign_link", at)


def _expired_code(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, challenge: ChallengeRow, at: datetime
) -> CodeAttempt:
    """Return that the code has run out or is used, and request another one, since that is what comes next."""
    requested = request_again(session, settings, merchant_id, visitor, challenge, at=at)
    return CodeAttempt(SignInResult.EXPIRED, requested.challenge, is_sent=requested.is_sent)


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


def _chosen(accounts: list[Account], account: str | None) -> Account | None:
    if len(accounts) == 1:
        return accounts[0]
    return next((one for one in accounts if one.id == account), None)


def _mark_used(session: Session, merchant_id: str, challenge_id: str, at: datetime) -> bool:
    """Mark the challenge used; return False when a concurrent call already did."""
    used = session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == merchant_id,
            Challenge.id == challenge_id,
            Challenge.used_at.is_(None),
            Challenge.mailed_at <= at + CLOCKS_DIFFER_BY,
            Challenge.expires_at > at,
        )
        .values(used_at=at, is_joinable=False)
        .returning(Challenge.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return used is not None
