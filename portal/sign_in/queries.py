"""Reads of signing in: the session of a cookie, the challenges of a browser, the customers of a link. Changes no row.

Optimised for every request of a signed-in customer: a session is read with its customer in one statement, and so is a portal session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.customers.queries.accounts import MAY_SIGN_IN, Account, list_accounts_beside
from portal.customers.rules import is_same_mailbox
from portal.database import Reader
from portal.public_ids import is_id
from portal.sign_in.models import Challenge, PortalSession, SignInSession
from portal.sign_in.rules.challenges import TOUCH_EVERY, ChallengeState, challenge_state
from portal.sign_in.rules.tokens import CHALLENGE, is_token, token_digest
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The session of a request and its customer. `kind`: mail, api, frame, host or identified. `idle_at` is when it ends without further use."""

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
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ChallengeRow:
    """A challenge as it was read. `customer_id` is None when the address is unknown."""

    id: str
    customer_id: str | None
    address_digest: bytes
    masked_address: str
    target: str
    locale: str
    tries_left: int
    created_at: datetime
    withheld_until: datetime | None
    mailed_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None

    def state(self, at: datetime) -> ChallengeState:
        return challenge_state(mailed_at=self.mailed_at, expires_at=self.expires_at, used_at=self.used_at, at=at)


@dataclass(frozen=True, slots=True)
class MintedSession:
    """A portal session and the name of the customer that it signs in."""

    id: str
    customer_id: str
    name: str | None
    company_name: str | None
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
    )
    .join(
        Customer,
        sa.and_(
            Customer.merchant_id == SignInSession.merchant_id, Customer.id == SignInSession.customer_id, *MAY_SIGN_IN
        ),
    )
    .where(
        SignInSession.merchant_id == sa.bindparam("merchant_id"),
        Customer.merchant_id == sa.bindparam("merchant_id"),
        SignInSession.token_digest == sa.bindparam("token_digest"),
    )
)
_CHALLENGE_COLUMNS = [getattr(Challenge, name) for name in ChallengeRow.__dataclass_fields__]


def find_session(reader: Reader, merchant_id: str, token: str, at: datetime) -> SignedIn | None:
    """Return the session of a cookie's token, in one statement; None when it is unknown or has ended, or its customer is blocked or deleted."""
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
        name, company_name, email, locale,
    ) = row  # fmt: skip
    idle_at = last_used_at + timedelta(seconds=idle_seconds)
    if revoked_at is not None:
        return EndedSession("revoked")
    if at >= expires_at or at < created_at:
        return EndedSession("expired")
    if at >= idle_at:
        return EndedSession("idle")
    return SignedIn(
        session_id, customer_id, kind, created_at, last_used_at, expires_at, idle_at, return_url,
        name, company_name, email, locale,
    )  # fmt: skip


def list_sessions(reader: Reader, scope: Scope, at: datetime) -> list[SessionRow]:
    """Return the customer's live sessions, the last used first."""
    rows = reader.execute(
        sa.select(
            *[getattr(SignInSession, name) for name in SessionRow.__dataclass_fields__], SignInSession.idle_seconds
        )
        .where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > at,
        )
        .order_by(SignInSession.last_used_at.desc(), SignInSession.id.desc())
    )
    return [SessionRow(*row[:-1]) for row in rows if row.last_used_at + timedelta(seconds=row.idle_seconds) > at]


def find_challenge(reader: Reader, merchant_id: str, challenge_id: str) -> ChallengeRow | None:
    """Return the challenge of an id, whatever its state."""
    if not is_id(CHALLENGE, challenge_id):
        return None
    return _find_challenge_row(reader, Challenge.merchant_id == merchant_id, Challenge.id == challenge_id)


def find_last_challenge(reader: Reader, merchant_id: str, browser: str) -> ChallengeRow | None:
    """Return this browser's last challenge, withheld ones included; for the page that says where the mail was sent."""
    return _find_challenge_row(
        reader, Challenge.merchant_id == merchant_id, Challenge.browser_digest == token_digest(browser)
    )


def find_code_challenge(reader: Reader, merchant_id: str, browser: str) -> ChallengeRow | None:
    """Return the challenge whose code this browser may type: the newest that was not withheld, a live one before a used one."""
    return _find_challenge_row(
        reader,
        Challenge.merchant_id == merchant_id,
        Challenge.browser_digest == token_digest(browser),
        Challenge.withheld_until.is_(None),
    )


def list_verified_accounts(reader: Reader, merchant_id: str, customer_id: str | None) -> list[Account]:
    """Return the customers whom a message to this customer's address may sign in: all with the same mailbox who may sign in.

    Empty when the customer is unknown, blocked or deleted.
    """
    accounts = list_accounts_beside(reader, Scope(merchant_id, customer_id or ""))
    mailed = next((account for account in accounts if account.id == customer_id), None)
    return [account for account in accounts if mailed and is_same_mailbox(account.email, mailed.email)]


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


def _find_challenge_row(reader: Reader, *conditions: Any) -> ChallengeRow | None:
    row = reader.execute(
        sa.select(*_CHALLENGE_COLUMNS)
        .where(*conditions)
        .order_by(Challenge.used_at.is_not(None), Challenge.id.desc())
        .limit(1)
    ).first()
    return ChallengeRow(*row) if row else None
