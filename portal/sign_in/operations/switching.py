"""Switches from one account of a mailbox to another without signing in again: only as far as the session itself proved the mailbox."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.people.errors import PersonGone
from portal.settings import Settings
from portal.sign_in.models import SignInSession
from portal.sign_in.operations.sessions import NewSession, Proof, Visitor, start_session
from portal.sign_in.queries.mailboxes import list_switchable_accounts
from portal.tenancy import Scope


def switch_account(
    session: Session,
    settings: Settings,
    scope: Scope,
    visitor: Visitor,
    *,
    session_id: str,
    account: str,
    at: datetime,
) -> NewSession | None:
    """End this browser's session and begin one of another account of the mailbox that it proved; None for any other account.

    The new one lives no longer than the old one would have, since nothing was proved anew, and needs a fresh code where that one had one.
    """
    proved = session.execute(
        sa.select(SignInSession.address_digest, SignInSession.expires_at)
        .where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.id == session_id,
            SignInSession.revoked_at.is_(None),
        )
        .with_for_update()
    ).first()
    accounts = list_switchable_accounts(session, settings.keys, scope, session_id, at)
    chosen = next((each for each in accounts if each.id == account and each.id != scope.customer_id), None)
    if proved is None or chosen is None:
        return None
    try:
        return start_session(
            session, settings, Scope(scope.merchant_id, chosen.id), visitor, kind="mail", by="switch", target="/", at=at,
            proof=Proof(chosen.person_id, proved.address_digest, can_switch=True, until=proved.expires_at),
        )  # fmt: skip
    except PersonGone:  # Removed at this very moment.
        return None
