"""Deletes old rows of signing in, and closes expired challenges so that a clock set back does not reopen them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.sign_in.models import (
    Challenge,
    Confirmation,
    EmailChange,
    KnownBrowser,
    PortalSession,
    SignInRequest,
    SignInSession,
)
from portal.sign_in.operations.limits import delete_old_counters

_CHALLENGE_RETENTION = timedelta(days=3)
_SESSION_RETENTION = timedelta(days=30)
KNOWN_FOR = timedelta(days=365)
"""How long a browser is known after the last time that the customer signed in there."""


def delete_old_rows(session: Session, *, at: datetime) -> int:
    """Close expired challenges, and delete old challenges, confirmations, changes of address, portal sessions, ended sessions, known browsers and counters of all merchants.

    Return the number of deleted rows. Expired challenges stay for three days, so that their links still lead to a new one
    with the same target.
    """
    _run(
        session,
        # Not before every process's clock says that they have expired.
        sa.update(Challenge)
        .where(Challenge.used_at.is_(None), Challenge.expires_at <= at - CLOCKS_DIFFER_BY)
        .values(used_at=at, is_joinable=False),
    )
    old = sa.and_(
        Challenge.merchant_id == SignInRequest.merchant_id,
        Challenge.id == SignInRequest.challenge_id,
        Challenge.created_at < at - _CHALLENGE_RETENTION,
    )
    return sum(
        (
            _run(session, sa.delete(SignInRequest).where(sa.exists().where(old))),
            _run(session, sa.delete(KnownBrowser).where(KnownBrowser.signed_in_at < at - KNOWN_FOR)),
            _run(session, sa.delete(Challenge).where(Challenge.created_at < at - _CHALLENGE_RETENTION)),
            _run(session, sa.delete(Confirmation).where(Confirmation.created_at < at - _CHALLENGE_RETENTION)),
            _run(session, sa.delete(EmailChange).where(EmailChange.undo_until < at - _CHALLENGE_RETENTION)),
            _run(session, sa.delete(PortalSession).where(PortalSession.expires_at < at - _CHALLENGE_RETENTION)),
            _run(
                session,
                sa.delete(SignInSession).where(
                    sa.or_(
                        SignInSession.expires_at < at - _SESSION_RETENTION,
                        SignInSession.revoked_at < at - _SESSION_RETENTION,
                    )
                ),
            ),
            delete_old_counters(session, at=at),
        )
    )


def _run(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement.execution_options(tenant_wide=True, synchronize_session=False))
    return int(result.rowcount)
