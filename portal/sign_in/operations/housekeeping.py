"""Deletes old rows of signing in, and closes expired challenges so that a clock set back does not reopen them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.sign_in.models import Challenge, PortalSession, SignInSession
from portal.sign_in.operations.limits import delete_old_counters

_CHALLENGE_RETENTION = timedelta(days=3)
_SESSION_RETENTION = timedelta(days=30)


def delete_old_rows(session: Session, *, at: datetime) -> int:
    """Close expired challenges, and delete old challenges, portal sessions, ended sessions and counters of all merchants.

    Return the number of deleted rows. Expired challenges stay for three days, so that their links still lead to a new one
    with the same target.
    """
    _run(
        session,
        sa.update(Challenge).where(Challenge.used_at.is_(None), Challenge.expires_at <= at).values(used_at=at),
    )
    return sum(
        (
            _run(session, sa.delete(Challenge).where(Challenge.created_at < at - _CHALLENGE_RETENTION)),
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
