"""Requests for a sign-in message: the same statements, rows and response for known and unknown addresses (threats, rule 5).

All requests for one mailbox within ten minutes join one challenge: a stranger who requests too cannot keep the owner out, since
the owner's browser shares the stranger's link and code. Which request makes the challenge, a unique index decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.customers.queries.accounts import Account
from portal.customers.rules.profiles import email_key, is_same_mailbox, mailbox_of
from portal.outbox.operations import enqueue
from portal.people.queries import list_accounts
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.models import Challenge, SignInRequest
from portal.sign_in.operations.budgets import Asker, count_request, first_mail_due_at, next_mail_due_at
from portal.sign_in.operations.sessions import Visitor
from portal.sign_in.queries import ChallengeRow
from portal.sign_in.queries.mailboxes import is_known_browser, list_verified_accounts
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import mask_address
from portal.tenancy import MerchantScope

MAIL_KIND = "sign_in_mail"
_IS_JOINABLE = sa.text("is_joinable")
"""The condition of the partial index in its own words: SQLite does not know it in `is_joinable = 1`, and would read all challenges."""


@dataclass(frozen=True, slots=True)
class RequestedMail:
    """The challenge that a request made or joined. `is_sent`: a mail goes for it; else the last one, of others, has to do."""

    challenge: ChallengeRow
    is_sent: bool


def request_sign_in(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    *,
    address: str,
    target: str,
    locale: str,
    at: datetime,
) -> RequestedMail:
    """Request the mail of an address, known or not, for this browser (threats, rule 5).

    `address` has passed `rules.is_address`; the mail is sent to the stored address. Raises TooManyMessages.
    """
    accounts = list_accounts(session, MerchantScope(merchant_id), email_key(address), at)
    # Where several customers' addresses differ by more than ASCII case, only those equal to the typed one count.
    candidates = [account for account in accounts if is_same_mailbox(account.email, address)] or accounts[:1]
    # The mailbox that gets the mail, and not what was typed: what joins must have one and the same recipient.
    mailbox = mailbox_of(candidates[0].email if candidates else address)
    wanted = _Wanted(
        customer_id=candidates[0].id if candidates else None,
        person_id=candidates[0].person_id if candidates else None,
        address_digest=tokens.address_digest(settings.keys, merchant_id, mailbox),
        masked_address=mask_address(address),
        target=target,
        locale=locale,
    )
    return _request(session, settings, merchant_id, visitor, wanted, candidates, at)


def request_again(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, challenge: ChallengeRow, *, at: datetime
) -> RequestedMail:
    """Request the mail of a challenge's address once more, for this browser, with the same target. Raises TooManyMessages."""
    accounts = list_verified_accounts(session, settings.keys, merchant_id, challenge, at)
    wanted = _Wanted(
        customer_id=accounts[0].id if accounts else None,
        person_id=accounts[0].person_id if accounts else None,
        address_digest=challenge.address_digest,
        masked_address=challenge.masked_address,
        target=challenge.target,
        locale=challenge.locale,
    )
    return _request(session, settings, merchant_id, visitor, wanted, accounts, at)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request brings to its challenge."""

    customer_id: str | None
    person_id: str | None
    address_digest: bytes
    masked_address: str
    target: str
    locale: str


def _request(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    wanted: _Wanted,
    accounts: Sequence[Account],
    at: datetime,
) -> RequestedMail:
    is_known = is_known_browser(session, merchant_id, visitor.known_browser, accounts)
    asker = Asker(merchant_id, visitor, wanted.address_digest, is_known)
    count_request(session, settings, asker, at)
    challenge_id = new_id(tokens.CHALLENGE, at)
    challenge = _join_or_create(session, settings, asker, wanted, challenge_id, at)
    _note_request(session, asker, wanted, challenge.id, at)
    if challenge.id == challenge_id:
        due_at: datetime | None = first_mail_due_at(session, settings, asker, at)
    else:
        due_at = next_mail_due_at(session, settings, asker, challenge, at)
    if due_at is None:
        return RequestedMail(challenge, is_sent=False)
    _note_mail(session, merchant_id, challenge.id, due_at)
    enqueue(session, merchant_id, MAIL_KIND, {"challenge": challenge.id}, at=at, due_at=due_at)
    return RequestedMail(replace(challenge, mail_requested_at=due_at), is_sent=True)


def _join_or_create(
    session: Session, settings: Settings, asker: Asker, wanted: _Wanted, challenge_id: str, at: datetime
) -> ChallengeRow:
    """Return the joinable challenge of the mailbox, or with `challenge_id` a new one. Its row stays locked until the commit, so that
    of requests at once each sees whether another has a mail sent."""
    _close_old(session, settings, asker, at)
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(Challenge).values(
        merchant_id=asker.merchant_id,
        id=challenge_id,
        address_digest=wanted.address_digest,
        masked_address=wanted.masked_address,
        created_at=at,
        is_joinable=True,
        browser_digest=tokens.token_digest(asker.visitor.browser),
        tries_left=settings.sign_in_tries,
        customer_id=wanted.customer_id,
        person_id=wanted.person_id,
        target=wanted.target,
        locale=wanted.locale,
    )
    latest = {
        # A customer who was created since the first request is put in; a request that knows of none takes nobody out.
        "customer_id": sa.func.coalesce(statement.excluded.customer_id, Challenge.customer_id),
        "person_id": sa.case(
            (statement.excluded.customer_id.is_(None), Challenge.person_id), else_=statement.excluded.person_id
        ),
        "target": wanted.target,
        "locale": wanted.locale,
    }
    row = session.execute(
        statement.on_conflict_do_update(
            index_elements=["merchant_id", "address_digest"], index_where=_IS_JOINABLE, set_=latest
        ).returning(
            Challenge.id,
            Challenge.customer_id,
            Challenge.person_id,
            Challenge.created_at,
            Challenge.mail_requested_at,
            Challenge.mailed_at,
            Challenge.expires_at,
        )
    ).one()
    return ChallengeRow(
        id=row.id,
        customer_id=row.customer_id,
        person_id=row.person_id,
        address_digest=wanted.address_digest,
        masked_address=wanted.masked_address,
        target=wanted.target,
        locale=wanted.locale,
        created_at=row.created_at,
        mail_requested_at=row.mail_requested_at,
        mailed_at=row.mailed_at,
        expires_at=row.expires_at,
        used_at=None,
        is_requested_here=True,
    )


def _close_old(session: Session, settings: Settings, asker: Asker, at: datetime) -> None:
    """Let nobody join the challenge of the mailbox any more whose ten minutes are over. Its link and code live on."""
    joined_for = timedelta(minutes=settings.sign_in_minutes)
    session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == asker.merchant_id,
            Challenge.address_digest == asker.address_digest,
            _IS_JOINABLE,
            sa.or_(
                Challenge.created_at <= at - joined_for,
                Challenge.expires_at <= at,
                # One from the future is of before the clock was set back: nobody could use it.
                Challenge.created_at > at + CLOCKS_DIFFER_BY,
            ),
        )
        .values(is_joinable=False)
        .execution_options(synchronize_session=False)
    )


def _note_request(session: Session, asker: Asker, wanted: _Wanted, challenge_id: str, at: datetime) -> None:
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    own: dict[str, Any] = {"masked_address": wanted.masked_address, "target": wanted.target, "requested_at": at}
    session.execute(
        insert(SignInRequest)
        .values(
            merchant_id=asker.merchant_id,
            challenge_id=challenge_id,
            browser_digest=tokens.token_digest(asker.visitor.browser),
            **own,
        )
        .on_conflict_do_update(index_elements=["merchant_id", "challenge_id", "browser_digest"], set_=own)
    )


def _note_mail(session: Session, merchant_id: str, challenge_id: str, due_at: datetime) -> None:
    session.execute(
        sa.update(Challenge)
        .where(Challenge.merchant_id == merchant_id, Challenge.id == challenge_id)
        .values(mail_requested_at=due_at)
        .execution_options(synchronize_session=False)
    )
