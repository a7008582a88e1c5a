"""Portal sessions, created by the API, the command or the host application: a URL that signs in once, for an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.queries.accounts import find_account, select_account_ids
from portal.errors import NotFound
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.public_ids import is_id, new_id
from portal.settings import Settings
from portal.sign_in.models import PortalSession
from portal.sign_in.operations.sessions import NewSession, Visitor, start_session
from portal.sign_in.rules.challenges import checked_target
from portal.sign_in.rules.tokens import PORTAL_SESSION, is_token, new_token, token_digest
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class PortalSessionUrl:
    """`path` is below the merchant's root and holds the secret: shown once, never stored or logged."""

    id: str
    path: str
    expires_at: datetime


def create_portal_session(
    session: Session,
    settings: Settings,
    scope: Scope,
    target: str = "/",
    *,
    actor: Actor,
    at: datetime,
    return_url: str | None = None,
    locale: str | None = None,
    kind: str = "api",
) -> PortalSessionUrl:
    """Create a URL that signs the customer in once within five minutes and leads to `target`.

    The caller has authenticated the customer. Raises NotFound when the customer is unknown, blocked or deleted.
    `actor` is the command, the host application or an API key; `kind` is host for the host application, whose log-out ends the
    session.
    """
    if not is_id("cus", scope.customer_id) or find_account(session, scope) is None:
        raise NotFound
    token = new_token()
    minted = PortalSessionUrl(
        new_id(PORTAL_SESSION, at),
        f"/sign-in/session/{token}",
        at + timedelta(minutes=settings.portal_session_url_minutes),
    )
    session.add(
        PortalSession(
            merchant_id=scope.merchant_id,
            id=minted.id,
            customer_id=scope.customer_id,
            token_digest=token_digest(token),
            target=checked_target(target),
            return_url=return_url,
            locale=locale,
            kind=kind,
            created_at=at,
            expires_at=minted.expires_at,
        )
    )
    event = Event(
        type=EventType.PORTAL_SESSION_CREATED,
        merchant_id=scope.merchant_id,
        object_id=minted.id,
        customer_id=scope.customer_id,
        at=at,
    )
    record(session, actor, event)
    return minted


def use_portal_session(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, token: str, *, at: datetime
) -> NewSession | None:
    """Use a portal session's URL and sign this browser in.

    Return None when it is unknown, used or expired, or its customer may not sign in.
    """
    if not is_token(token):
        return None
    used = session.execute(
        sa.update(PortalSession)
        .where(
            PortalSession.merchant_id == merchant_id,
            PortalSession.token_digest == token_digest(token),
            PortalSession.used_at.is_(None),
            PortalSession.expires_at > at,
            PortalSession.created_at <= at,
            PortalSession.customer_id.in_(select_account_ids(merchant_id)),
        )
        .values(used_at=at)
        .returning(PortalSession.customer_id, PortalSession.target, PortalSession.return_url, PortalSession.kind)
        .execution_options(synchronize_session=False)
    ).first()
    if used is None:
        return None
    return start_session(
        session,
        settings,
        Scope(merchant_id, used.customer_id),
        visitor,
        kind=used.kind,
        by="session",
        target=used.target,
        return_url=used.return_url,
        at=at,
    )


def expire_portal_sessions(session: Session, scope: Scope, *, at: datetime) -> None:
    """Make every unused URL of the customer worthless."""
    session.execute(
        sa.update(PortalSession)
        .where(
            PortalSession.merchant_id == scope.merchant_id,
            PortalSession.customer_id == scope.customer_id,
            PortalSession.used_at.is_(None),
            PortalSession.expires_at > at,
        )
        .values(expires_at=at)
        .execution_options(synchronize_session=False)
    )
