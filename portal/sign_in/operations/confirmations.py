"""Fresh codes for somebody who is signed in: requested, mailed, entered. The rules are those of signing in (contract, 4: Times)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import has_begun
from portal.customers.operations import lock_customer
from portal.customers.rules.profiles import mailbox_of
from portal.outbox.operations import enqueue
from portal.people.queries import find_principal
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.models import Confirmation, SignInSession
from portal.sign_in.operations.limits import HOUR, count_up, limit_key, take_turn
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import CONFIRMATION_TRIES, CodeFault, format_code, read_code
from portal.tenancy import Scope

Purpose = Literal["identity", "new_address", "undo"]
Answer = Literal["proved", "wrong", "short", "expired", "locked"]


@dataclass(frozen=True, slots=True)
class EnteredCode:
    """What became of a code. `tries_left` are of this mail; "short": it is no code, and nothing was counted."""

    answer: Answer
    tries_left: int = 0
    missing_count: int = 0
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmationMailContent:
    """The content of the mail, which is never stored or logged."""

    to: str
    locale: str
    code: str
    minutes: int
    purpose: str


def request_confirmation(
    session: Session,
    settings: Settings,
    scope: Scope,
    purpose: Purpose,
    *,
    locale: str,
    at: datetime,
    session_id: str | None = None,
    address: str | None = None,
    change_id: str | None = None,
    person_id: str | None = None,
) -> str:
    """Queue a mail with a code in place of the one before; return the id of the confirmation.

    `address` is where it goes; unless given the customer's own, or that of the person `person_id` of its account. One customer, and one person, causes ten mails an hour, to one address as many, and one
    a minute. Undoing a change has a budget of its own, which whoever is signed in cannot use up. Raises TooManyMessages.
    """
    lock_customer(
        session, scope
    )  # One of each purpose is open: of two requests at once, the later replaces the earlier.
    for key in _keys(settings, scope, address, change_id, person_id):
        tally = count_up(session, scope.merchant_id, key, at=at, window=HOUR)
        if tally.count > settings.sign_in_mails_per_address_per_hour:
            raise TooManyMessages(tally.started_at + HOUR, at)
    spacing = timedelta(minutes=1) / settings.sign_in_mails_per_address_per_minute
    due_at = take_turn(
        session,
        scope.merchant_id,
        limit_key("confirm-turn", _digest(change_id or person_id or scope.customer_id)),
        at=at,
        spacing=spacing,
    )
    _close(session, scope, purpose, Confirmation.person_id.is_not_distinct_from(person_id), at=at)
    confirmation_id = new_id(tokens.CONFIRMATION, at)
    session.add(
        Confirmation(
            merchant_id=scope.merchant_id, id=confirmation_id, customer_id=scope.customer_id, person_id=person_id,
            session_id=session_id, purpose=purpose,
            change_id=change_id, address=address, locale=locale, tries_left=CONFIRMATION_TRIES, created_at=at,
        )
    )  # fmt: skip
    session.flush()
    enqueue(session, scope.merchant_id, "confirmation_mail", {"confirmation": confirmation_id}, at=at, due_at=due_at)
    return confirmation_id


def prepare_confirmation_mail(
    session: Session, settings: Settings, merchant_id: str, confirmation_id: str, *, at: datetime
) -> ConfirmationMailContent | None:
    """Start the code's ten minutes, again at each attempt to send; None when it was closed, or nobody is there to get it."""
    row = session.get(Confirmation, (merchant_id, confirmation_id), with_for_update=True)
    if row is None or row.closed_at is not None:
        return None
    customer = find_principal(session, Scope(merchant_id, row.customer_id), row.person_id, at)
    to = row.address or (customer.email if customer else "")
    if customer is None or not to:
        return None
    row.mailed_at, row.expires_at = at, at + timedelta(minutes=settings.sign_in_minutes)
    code = tokens.confirmation_code(settings.keys, merchant_id, confirmation_id)
    return ConfirmationMailContent(
        to=to,
        locale=(customer.locale if customer.person_id is None else None) or row.locale,
        code=format_code(code),
        minutes=settings.sign_in_minutes,
        purpose=row.purpose,
    )


def enter_confirmation(
    session: Session,
    settings: Settings,
    scope: Scope,
    purpose: Purpose,
    typed: str,
    *,
    at: datetime,
    session_id: str | None = None,
    change_id: str | None = None,
) -> EnteredCode:
    """Judge a code: right once, in the session that requested it, within its time and its five tries.

    Wrong ones are also counted by customer (of an undo, by change) and hour, so that new mails bring no new tries.
    """
    code = read_code(typed)
    if isinstance(code, CodeFault):
        return EnteredCode("short", missing_count=code.missing_count)
    row = session.execute(
        sa.select(Confirmation)
        .where(
            Confirmation.merchant_id == scope.merchant_id, Confirmation.customer_id == scope.customer_id,
            Confirmation.purpose == purpose, Confirmation.closed_at.is_(None),
            Confirmation.session_id.is_not_distinct_from(session_id), Confirmation.change_id.is_not_distinct_from(change_id),
        )
        .with_for_update()
    ).scalar()  # fmt: skip
    if row is None or row.mailed_at is None or row.expires_at is None:
        return EnteredCode("expired")
    if not has_begun(row.mailed_at, at) or at >= row.expires_at:
        row.closed_at = at
        return EnteredCode("expired")
    key = limit_key("confirm-try", _digest(change_id or row.person_id or scope.customer_id))
    tried = count_up(session, scope.merchant_id, key, at=at, window=HOUR)
    if row.tries_left == 0 or tried.count > settings.sign_in_failures_per_address_per_hour:
        return EnteredCode("locked")
    if not tokens.is_confirmation_code(settings.keys, scope.merchant_id, row.id, code=code):
        row.tries_left -= 1
        return EnteredCode("wrong" if row.tries_left else "locked", tries_left=row.tries_left)
    row.closed_at = at
    return EnteredCode("proved", address=row.address)


def close_confirmations(session: Session, scope: Scope, purpose: Purpose, *, at: datetime) -> None:
    """Close what is open, whoever of the account requested it, so that its code is worth nothing any more."""
    _close(session, scope, purpose, at=at)


def close_confirmations_of(session: Session, scope: Scope, person_id: str, *, at: datetime) -> None:
    """Close what a person has open."""
    _close(session, scope, "identity", Confirmation.person_id == person_id, at=at)


def _close(session: Session, scope: Scope, purpose: Purpose, *conditions: sa.ColumnElement[bool], at: datetime) -> None:
    session.execute(
        sa.update(Confirmation)
        .where(
            Confirmation.merchant_id == scope.merchant_id,
            Confirmation.customer_id == scope.customer_id,
            Confirmation.purpose == purpose,
            Confirmation.closed_at.is_(None),
            *conditions,
        )
        .values(closed_at=at)
        .execution_options(synchronize_session="fetch")
    )


def mark_confirmed(session: Session, scope: Scope, session_id: str, *, at: datetime) -> None:
    """Note that a fresh code was entered in a session of the customer."""
    session.execute(
        sa.update(SignInSession)
        .where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.id == session_id,
            SignInSession.revoked_at.is_(None),
        )
        .values(confirmed_at=at)
        .execution_options(synchronize_session=False)
    )


def _keys(
    settings: Settings, scope: Scope, address: str | None, change_id: str | None, person_id: str | None
) -> list[str]:
    if change_id is not None:
        return [limit_key("confirm-mail", _digest(change_id))]
    keys = [limit_key("confirm-mail", _digest(person_id or scope.customer_id))]
    if address is not None:
        digest = tokens.address_digest(settings.keys, scope.merchant_id, mailbox_of(address))
        keys.append(limit_key("confirm-address", digest))
    return keys


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
