"""Reads of signing in: the session of a cookie, the challenges of a browser. Changes no row. Which accounts a mailbox has: `mailboxes`.

Optimised for every request of a signed-in customer: a session is read with its customer in one statement, and so is a portal session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.clock import has_begun
from portal.customers.models import Customer
from portal.customers.queries.accounts import MAY_SIGN_IN
from portal.database import Reader
from portal.people.models import Person
from portal.people.rules import Right, Role, may
from portal.public_ids import is_id
from portal.sign_in.models import (
    Challenge,
    Confirmation,
    PortalSession,
    SignInRequest,
    SignInSession,
)
from portal.sign_in.rules.challenges import FRESH_FOR, MAILED, TOUCH_EVERY, ChallengeState, challenge_state
from portal.sign_in.rules.tokens import CHALLENGE, is_token, token_digest
from portal.tenancy import MerchantScope, Scope


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The session of a request and its customer. `kind`: mail, mailed, passkey, api, frame, host or identified. `idle_at` is when it ends without further
    use.

    `name` and `email` are the customer's. `person_id` is the person of its account who signed in, with `person_name`, `person_email` and
    `role`; None for the account's own mail address, which is an owner. `can_switch`: the mailbox has other accounts.
    """

    session_id: str
    customer_id: str
    kind: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    idle_at: datetime
    return_url: str | None
    name: str | None
    company_name: str | None
    email: str | None
    locale: str | None
    timezone: str | None
    confirmed_at: datetime | None
    can_switch: bool = False
    person_id: str | None = None
    role: str = Role.OWNER
    person_name: str | None = None
    person_email: str | None = None

    @property
    def own_name(self) -> str | None:
        """Return the name of whoever is signed in: the person's, or else the customer's."""
        return self.person_name if self.person_id is not None else self.name

    @property
    def own_email(self) -> str | None:
        """Return the mail address of whoever is signed in."""
        return self.person_email if self.person_id is not None else self.email

    def may(self, right: Right) -> bool:
        """Return whether whoever is signed in has a right."""
        return may(self.role, right) and not (self.is_by_notice and right is Right.MANAGE)

    @property
    def is_by_notice(self) -> bool:
        """Return whether the link of a notice signed in, which opens only what declares it (`web.policies.signed_in`)."""
        return self.kind == MAILED

    def is_fresh(self, at: datetime) -> bool:
        """Return whether a fresh code was entered a short while ago, so that none is asked for."""
        confirmed_at = self.confirmed_at  # A clock that was set back makes nothing fresh again.
        return confirmed_at is not None and has_begun(confirmed_at, at) and at - confirmed_at < FRESH_FOR

    def is_touch_due(self, at: datetime) -> bool:
        """Return whether `last_used_at` is to be updated."""
        return at - self.last_used_at >= TOUCH_EVERY


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that has ended. `reason` is "idle", "expired" or "revoked"."""

    reason: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One live session of a customer, for its list of them."""

    id: str
    kind: str
    user_agent: str
    network: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ChallengeRow:
    """A challenge as it was read for one browser. `customer_id` is None when the address is unknown; with `person_id` the mailbox is that
    of a person of the customer's account.

    `is_requested_here`: this browser requested its mail; `masked_address` and `target` are then this browser's own.
    """

    id: str
    customer_id: str | None
    person_id: str | None
    address_digest: bytes
    masked_address: str
    target: str
    locale: str
    created_at: datetime
    mail_requested_at: datetime | None
    mailed_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None
    is_requested_here: bool

    def state(self, at: datetime) -> ChallengeState:
        return challenge_state(mailed_at=self.mailed_at, expires_at=self.expires_at, used_at=self.used_at, at=at)


@dataclass(frozen=True, slots=True)
class MintedSession:
    """A portal session and the customer that it signs in."""

    id: str
    customer_id: str
    name: str | None
    company_name: str | None
    email: str | None
    target: str
    expires_at: datetime
    used_at: datetime | None


_SESSION_BY_TOKEN = (
    sa.select(
        SignInSession.id,
        SignInSession.customer_id,
        SignInSession.kind,
        SignInSession.created_at,
        SignInSession.last_used_at,
        SignInSession.expires_at,
        SignInSession.idle_seconds,
        SignInSession.return_url,
        SignInSession.revoked_at,
        Customer.name,
        Customer.company_name,
        Customer.email,
        Customer.locale,
        Customer.timezone,
        SignInSession.confirmed_at,
        SignInSession.can_switch,
        SignInSession.person_id,
        Person.role,
        Person.name,
        Person.email,
    )
    .join(
        Customer,
        sa.and_(
            Customer.merchant_id == SignInSession.merchant_id, Customer.id == SignInSession.customer_id, *MAY_SIGN_IN
        ),
    )
    .outerjoin(
        Person,
        sa.and_(
            Person.merchant_id == SignInSession.merchant_id,
            Person.id == SignInSession.person_id,
            Person.customer_id == SignInSession.customer_id,
            Person.removed_at.is_(None),
        ),
    )
    .where(
        SignInSession.merchant_id == sa.bindparam("merchant_id"),
        Customer.merchant_id == sa.bindparam("merchant_id"),
        SignInSession.token_digest == sa.bindparam("token_digest"),
        # Of a person who was removed there is no session, whatever its row says.
        sa.or_(SignInSession.person_id.is_(None), Person.id.is_not(None)),
    )
)
_CHALLENGE_COLUMNS = (
    Challenge.id,
    Challenge.customer_id,
    Challenge.person_id,
    Challenge.address_digest,
    sa.func.coalesce(SignInRequest.masked_address, Challenge.masked_address),
    sa.func.coalesce(SignInRequest.target, Challenge.target),
    Challenge.locale,
    Challenge.created_at,
    Challenge.mail_requested_at,
    Challenge.mailed_at,
    Challenge.expires_at,
    Challenge.used_at,
    SignInRequest.browser_digest,
)
_REQUEST_OF_CHALLENGE = sa.and_(
    SignInRequest.merchant_id == Challenge.merchant_id, SignInRequest.challenge_id == Challenge.id
)
_MAX_REQUESTS = 10


def find_session(reader: Reader, merchant_id: str, token: str, at: datetime) -> SignedIn | None:
    """Return the session of a cookie's token, in one statement; None when it is unknown or has ended, its customer is blocked or deleted, or its person was removed."""
    found = inspect_session(reader, merchant_id, token, at)
    return found if isinstance(found, SignedIn) else None


def inspect_session(reader: Reader, merchant_id: str, token: str, at: datetime) -> SignedIn | EndedSession | None:
    """Return what `find_session` does, or an EndedSession, for the sentence on the sign-in page. Still one statement."""
    if not is_token(token):
        return None
    row = reader.execute(_SESSION_BY_TOKEN, {"merchant_id": merchant_id, "token_digest": token_digest(token)}).first()
    if row is None:
        return None
    # Unpacked rather than read by name: every request of a signed-in customer reads this row.
    (
        session_id, customer_id, kind, created_at, last_used_at, expires_at, idle_seconds, return_url, revoked_at,
        name, company_name, email, locale, timezone, confirmed_at, can_switch, person_id, role, person_name, person_email,
    ) = row  # fmt: skip
    idle_at = last_used_at + timedelta(seconds=idle_seconds)
    if revoked_at is not None:
        return EndedSession("revoked")
    if at >= expires_at or not has_begun(created_at, at):
        return EndedSession("expired")
    if at >= idle_at:
        return EndedSession("idle")
    return SignedIn(
        session_id, customer_id, kind, created_at, last_used_at, expires_at, idle_at, return_url,
        name, company_name, email, locale, timezone, confirmed_at, can_switch, person_id, role or Role.OWNER, person_name,
        person_email,
    )  # fmt: skip


class OpenConfirmation(NamedTuple):
    """A code that was requested and not entered yet, as its page needs it."""

    address: str | None
    tries_left: int
    created_at: datetime
    expires_at: datetime | None


def find_confirmation(
    reader: Reader, scope: Scope, purpose: str, *, session_id: str | None = None, change_id: str | None = None
) -> OpenConfirmation | None:
    """Return the open confirmation of a purpose that was requested in this session, or for this change of address."""
    row = reader.execute(
        sa.select(*[getattr(Confirmation, name) for name in OpenConfirmation._fields]).where(
            Confirmation.merchant_id == scope.merchant_id,
            Confirmation.customer_id == scope.customer_id,
            Confirmation.purpose == purpose,
            Confirmation.closed_at.is_(None),
            Confirmation.session_id.is_not_distinct_from(session_id),
            Confirmation.change_id.is_not_distinct_from(change_id),
        )
    ).first()
    return OpenConfirmation._make(row) if row is not None else None


class StoredSession(NamedTuple):
    """A session as it began, ended or not."""

    customer_id: str
    person_id: str | None
    user_agent: str
    network: str | None
    created_at: datetime


def find_stored_session(reader: Reader, scope: MerchantScope, session_id: str) -> StoredSession | None:
    """Return how a session began; None for one that is long gone."""
    row = reader.execute(
        sa.select(*[getattr(SignInSession, name) for name in StoredSession._fields]).where(
            SignInSession.merchant_id == scope.merchant_id, SignInSession.id == session_id
        )
    ).first()
    return StoredSession._make(row) if row is not None else None


def list_sessions(reader: Reader, scope: Scope, person_id: str | None, at: datetime) -> list[SessionRow]:
    """Return the live sessions of a person of the account, or with None of its own address, the last used first."""
    rows = reader.execute(
        sa.select(
            *[getattr(SignInSession, name) for name in SessionRow.__dataclass_fields__], SignInSession.idle_seconds
        )
        .where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.person_id.is_not_distinct_from(person_id),
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > at,
        )
        .order_by(SignInSession.last_used_at.desc(), SignInSession.id.desc())
    )
    return [SessionRow(*row[:-1]) for row in rows if row.last_used_at + timedelta(seconds=row.idle_seconds) > at]


def find_challenge(reader: Reader, merchant_id: str, challenge_id: str, browser: str | None) -> ChallengeRow | None:
    """Return the challenge of an id, whatever its state, as it is for the browser of a token (None: for one without)."""
    if not is_id(CHALLENGE, challenge_id):
        return None
    of_browser = sa.and_(_REQUEST_OF_CHALLENGE, SignInRequest.browser_digest == token_digest(browser or ""))
    row = reader.execute(
        sa.select(*_CHALLENGE_COLUMNS)
        .join_from(Challenge, SignInRequest, of_browser, isouter=True)
        .where(Challenge.merchant_id == merchant_id, Challenge.id == challenge_id)
    ).first()
    return _challenge_row(row) if row else None


def list_requested_challenges(reader: Reader, merchant_id: str, browser: str | None) -> list[ChallengeRow]:
    """Return the challenges whose code this browser may enter: those that it requested for the address that it requested last.

    The one requested last comes first; empty when this browser requested none.
    """
    rows = reader.execute(
        sa.select(*_CHALLENGE_COLUMNS)
        .join_from(SignInRequest, Challenge, _REQUEST_OF_CHALLENGE)
        .where(
            SignInRequest.merchant_id == merchant_id,
            Challenge.merchant_id == merchant_id,
            SignInRequest.browser_digest == token_digest(browser or ""),
        )
        .order_by(SignInRequest.requested_at.desc(), SignInRequest.challenge_id.desc())
        .limit(_MAX_REQUESTS)
    )
    challenges = [_challenge_row(row) for row in rows]
    return [each for each in challenges if each.address_digest == challenges[0].address_digest]


def find_portal_session(reader: Reader, merchant_id: str, token: str) -> MintedSession | None:
    """Return the portal session of a token, used and expired ones included; None when it is unknown or its customer may not sign in."""
    if not is_token(token):
        return None
    row = reader.execute(
        sa.select(
            PortalSession.id,
            PortalSession.customer_id,
            Customer.name,
            Customer.company_name,
            Customer.email,
            PortalSession.target,
            PortalSession.expires_at,
            PortalSession.used_at,
        )
        .join(
            Customer,
            sa.and_(
                Customer.merchant_id == PortalSession.merchant_id,
                Customer.id == PortalSession.customer_id,
                *MAY_SIGN_IN,
            ),
        )
        .where(
            PortalSession.merchant_id == merchant_id,
            Customer.merchant_id == merchant_id,
            PortalSession.token_digest == token_digest(token),
        )
    ).first()
    return MintedSession(*row) if row else None


def _challenge_row(row: Any) -> ChallengeRow:
    values = list(row)
    values[-1] = values[-1] is not None
    return ChallengeRow(*values)
