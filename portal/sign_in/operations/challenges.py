"""Asking for a message, and answering it by code or by link. A known and an unknown address are the same work throughout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.operations import record_act
from portal.customers.rules import email_key
from portal.outbox.operations import enqueue
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in import tokens
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.limits import HOUR, Tally, count_down, count_in_a_row, count_up, forget, limit_key, take_turn
from portal.sign_in.models import Challenge
from portal.sign_in.operations.sessions import Entered, Visitor, start_session
from portal.sign_in.queries import (
    Account,
    AskedFor,
    find_challenge,
    find_code_challenge,
    list_accounts,
    list_proven_accounts,
)
from portal.sign_in.rules import ChallengeState, is_same_mailbox, masked
from portal.tenancy import Scope

MAIL_KIND = "sign_in_mail"
_MOST_REFUSALS_AUDITED = 3


class Outcome(StrEnum):
    """What came of a code or a link.

    ENTERED; CHOOSE (proven, and several customers have this mailbox); NOTHING_ASKED (this browser has no challenge); WRONG;
    EXPIRED (of a code: a fresh message was asked for); USED (of a link); LOCKED (too many tries).
    """

    ENTERED = "entered"
    CHOOSE = "choose"
    NOTHING_ASKED = "nothing_asked"
    WRONG = "wrong"
    EXPIRED = "expired"
    USED = "used"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """`asked` is the challenge that counts now. `until` belongs to LOCKED; None there: only the link helps."""

    outcome: Outcome
    asked: AskedFor | None = None
    entered: Entered | None = None
    accounts: tuple[Account, ...] = ()
    tries_left: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """`asked` is the link's challenge, or None when its row is gone."""

    outcome: Outcome
    asked: AskedFor | None = None
    entered: Entered | None = None
    accounts: tuple[Account, ...] = ()


def request_sign_in(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, address: str, target: str, locale: str, at: datetime
) -> AskedFor:
    """Ask for a message to an address, known or not: the same statements, rows and answer (rule 5).

    `address` has passed `rules.is_address`; the message goes to the address that is stored. Raises TooManyMessages.
    """
    key = email_key(address)
    accounts = list_accounts(session, merchant_id, key)
    # Where several customers' addresses differ by more than ASCII case, the one that was typed is meant.
    meant = [account for account in accounts if is_same_mailbox(account.email, address)] or accounts
    return _ask(
        session, settings, merchant_id, visitor, at=at, customer_id=meant[0].id if meant else None,
        digest=tokens.address_digest(settings.keys, merchant_id, key), masked_address=masked(address), target=target, locale=locale,
    )


def ask_again(session: Session, settings: Settings, merchant_id: str, visitor: Visitor, asked: AskedFor, *, at: datetime) -> AskedFor:
    """Ask for a fresh message like `asked`, leading to the same target, for this browser. Raises TooManyMessages."""
    return _ask(
        session, settings, merchant_id, visitor, at=at, customer_id=asked.customer_id, digest=asked.address_digest,
        masked_address=asked.masked_address, target=asked.target, locale=asked.locale,
    )


def enter_code(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, code: str, account: str | None = None, at: datetime
) -> CodeAnswer:
    """Answer this browser's newest challenge by its code (as `rules.read_code` gives it).

    A try is counted before the code is compared, so that attempts made at once cannot outrun the limits; a right code takes
    its count back. `account` is the customer chosen among several of one mailbox.
    """
    asked = find_code_challenge(session, merchant_id, visitor.browser)
    if asked is None:
        return CodeAnswer(Outcome.NOTHING_ASKED)
    if asked.state(at) not in (ChallengeState.OPEN, ChallengeState.WAITING) or asked.tries_left <= 0:
        return CodeAnswer(Outcome.EXPIRED, ask_again(session, settings, merchant_id, visitor, asked, at=at))
    limits = _CodeLimits(settings, merchant_id, visitor, asked)
    locked = limits.spend(session, at)
    if locked is not None:
        return replace(locked, asked=asked)
    is_right = tokens.is_code_of(settings.keys, merchant_id, asked.id, code)
    accounts = list_proven_accounts(session, merchant_id, asked.customer_id)
    if not is_right or not accounts or asked.state(at) is not ChallengeState.OPEN:
        return _wrong_code(session, merchant_id, asked, at)
    chosen = _chosen(accounts, account)
    if chosen is None:
        limits.give_back(session)
        return CodeAnswer(Outcome.CHOOSE, asked, accounts=tuple(accounts))
    if not _use_up(session, merchant_id, asked.id, at, Challenge.tries_left > 0):
        return CodeAnswer(Outcome.EXPIRED, ask_again(session, settings, merchant_id, visitor, asked, at=at))
    limits.give_back(session)
    forget(session, merchant_id, _row_key(asked))
    scope = Scope(merchant_id, chosen.id)
    entered = start_session(session, settings, scope, visitor, kind="mail", by="code", target=asked.target, at=at)
    return CodeAnswer(Outcome.ENTERED, asked, entered)


def enter_link(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, challenge_id: str, account: str | None = None, at: datetime
) -> LinkAnswer:
    """Answer a challenge by its link, in any browser, which alone is signed in (rule 7). One conditional update decides.

    `challenge_id` is what `tokens.challenge_of` proved. The link works although codes were guessed wrongly (threats 12).
    """
    asked = find_challenge(session, merchant_id, challenge_id)
    accounts = list_proven_accounts(session, merchant_id, asked.customer_id if asked else None)
    if asked is None or asked.state(at) is not ChallengeState.OPEN or not accounts:
        is_used = asked is not None and asked.state(at) is ChallengeState.USED
        return LinkAnswer(Outcome.USED if is_used else Outcome.EXPIRED, asked)
    chosen = _chosen(accounts, account)
    if chosen is None:
        return LinkAnswer(Outcome.CHOOSE, asked, accounts=tuple(accounts))
    if not _use_up(session, merchant_id, asked.id, at):
        return LinkAnswer(Outcome.USED, asked)
    forget(session, merchant_id, _row_key(asked))
    scope = Scope(merchant_id, chosen.id)
    entered = start_session(session, settings, scope, visitor, kind="mail", by="link", target=asked.target, at=at)
    return LinkAnswer(Outcome.ENTERED, asked, entered)


def refuse_link(session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, at: datetime) -> None:
    """Remember that somebody posted a link that is not this merchant's (threats 9); a few an hour from one network address."""
    network = tokens.network_digest(settings.keys, merchant_id, visitor.network)
    tally = count_up(session, merchant_id, limit_key("link-network", network), at=at, window=HOUR)
    if tally.count <= _MOST_REFUSALS_AUDITED:
        record_act(session, merchant_id, "link.refused", at=at, actor_type="system", actor_id="sign_in")


def _ask(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, *, at: datetime,
    customer_id: str | None, digest: bytes, masked_address: str, target: str, locale: str,
) -> AskedFor:
    network = tokens.network_digest(settings.keys, merchant_id, visitor.network)
    _refuse_floods(session, settings, merchant_id, network, at)
    hourly = count_up(session, merchant_id, limit_key("mail-address", digest), at=at, window=HOUR)
    withheld_until = hourly.started_at + HOUR if hourly.count > settings.sign_in_mails_per_address_per_hour else None
    if withheld_until is None:
        # Only this browser's: nobody can end what another browser asked for (threats 7).
        _supersede(session, merchant_id, visitor.browser, at)
    asked = AskedFor(
        id=new_id(tokens.CHALLENGE, at), customer_id=customer_id, address_digest=digest, masked_address=masked_address,
        target=target, locale=locale, tries_left=settings.sign_in_tries, created_at=at, withheld_until=withheld_until,
        mailed_at=None, expires_at=None, used_at=None,
    )
    row = {name: getattr(asked, name) for name in AskedFor.__dataclass_fields__}
    session.add(Challenge(merchant_id=merchant_id, browser_digest=tokens.token_digest(visitor.browser), **row))
    if withheld_until is None:
        spacing = timedelta(minutes=1) / settings.sign_in_mails_per_address_per_minute
        due_at = take_turn(session, merchant_id, limit_key("mail-turn", digest), at=at, spacing=spacing)
        enqueue(session, merchant_id, MAIL_KIND, {"challenge": asked.id}, at=at, due_at=due_at)
    return asked


def _refuse_floods(session: Session, settings: Settings, merchant_id: str, network: bytes, at: datetime) -> None:
    for key, most in (
        (limit_key("mail-network", network), settings.sign_in_mails_per_ip_per_hour),
        (limit_key("mail-merchant"), settings.sign_in_mails_per_hour),
    ):
        tally = count_up(session, merchant_id, key, at=at, window=HOUR)
        if tally.count > most:
            raise TooManyMessages(tally.started_at + HOUR, at)


def _supersede(session: Session, merchant_id: str, browser: str, at: datetime) -> None:
    session.execute(
        sa.update(Challenge)
        .where(Challenge.merchant_id == merchant_id, Challenge.browser_digest == tokens.token_digest(browser), Challenge.used_at.is_(None))
        .values(used_at=at, expires_at=at)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class _CodeLimits:
    """The limits of wrong codes: from one network address, for one address in an hour, and for it without a success."""

    settings: Settings
    merchant_id: str
    visitor: Visitor
    asked: AskedFor

    def spend(self, session: Session, at: datetime) -> CodeAnswer | None:
        """Count one attempt; the answer is LOCKED where a limit is reached."""
        for key, most in (
            (self._network, self.settings.sign_in_failures_per_ip_per_hour),
            (self._hour, self.settings.sign_in_failures_per_address_per_hour),
        ):
            tally = count_up(session, self.merchant_id, key, at=at, window=HOUR)
            if tally.count > most:
                return self._locked(session, tally, most, at)
        if count_in_a_row(session, self.merchant_id, _row_key(self.asked), at=at) > self.settings.sign_in_failures_in_a_row:
            return CodeAnswer(Outcome.LOCKED)
        return None

    def give_back(self, session: Session) -> None:
        """The code was right."""
        count_down(session, self.merchant_id, self._network, self._hour, _row_key(self.asked))

    def _locked(self, session: Session, tally: Tally, most: int, at: datetime) -> CodeAnswer:
        if tally.count == most + 1:
            record_act(
                session, self.merchant_id, "code.locked", at=at, actor_type="system", actor_id="sign_in",
                customer_id=self.asked.customer_id, object_id=self.asked.id,
            )
        return CodeAnswer(Outcome.LOCKED, until=tally.started_at + HOUR)

    @property
    def _network(self) -> str:
        return limit_key("code-network", tokens.network_digest(self.settings.keys, self.merchant_id, self.visitor.network))

    @property
    def _hour(self) -> str:
        return limit_key("code-address", self.asked.address_digest)


def _row_key(asked: AskedFor) -> str:
    return limit_key("code-row", asked.address_digest)


def _wrong_code(session: Session, merchant_id: str, asked: AskedFor, at: datetime) -> CodeAnswer:
    tries_left = session.execute(
        sa.update(Challenge)
        .where(Challenge.merchant_id == merchant_id, Challenge.id == asked.id, Challenge.tries_left > 0)
        .values(tries_left=Challenge.tries_left - 1)
        .returning(Challenge.tries_left)
        .execution_options(synchronize_session=False)
    ).scalar()
    if tries_left == 0:
        record_act(
            session, merchant_id, "code.exhausted", at=at, actor_type="system", actor_id="sign_in",
            customer_id=asked.customer_id, object_id=asked.id,
        )
    return CodeAnswer(Outcome.WRONG, asked, tries_left=tries_left or 0)


def _chosen(accounts: list[Account], account: str | None) -> Account | None:
    if len(accounts) == 1:
        return accounts[0]
    return next((one for one in accounts if one.id == account), None)


def _use_up(session: Session, merchant_id: str, challenge_id: str, at: datetime, *conditions: sa.ColumnElement[bool]) -> bool:
    """Whether this call, of all that may be made at once, is the one that uses the challenge."""
    used = session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == merchant_id, Challenge.id == challenge_id, Challenge.used_at.is_(None),
            Challenge.mailed_at <= at, Challenge.expires_at > at, *conditions,
        )
        .values(used_at=at)
        .returning(Challenge.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return used is not None
