"""Ends a customer's access for good: signed out everywhere, and blocked or deleted so that nobody signs in again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal.customers.operations import mark_blocked, mark_deleted
from portal.events.rules import Actor
from portal.sign_in.operations.mailed_links import expire_mailed_links
from portal.sign_in.operations.portal_sessions import expire_portal_sessions
from portal.sign_in.operations.sessions import revoke_sessions
from portal.tenancy import Scope


def end_access(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> int:
    """Sign the customer out everywhere and make its unused URLs worthless; return how many sessions ended."""
    expire_portal_sessions(session, scope, at=at)
    expire_mailed_links(session, scope, at=at)
    return revoke_sessions(session, scope, actor=actor, at=at)


def block_customer(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> bool:
    """Block a customer and sign it out: what was a session does not come back when it is unblocked. Return False where it is blocked already.

    Raises UnknownCustomer and CustomerDeleted.
    """
    is_changed = mark_blocked(session, scope, actor=actor, at=at)
    end_access(session, scope, actor=actor, at=at)
    return is_changed


def delete_customer(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> None:
    """Delete a customer softly and sign it out. Raises UnknownCustomer, and CustomerDeleted for one that was deleted before."""
    mark_deleted(session, scope, actor=actor, at=at)
    end_access(session, scope, actor=actor, at=at)
