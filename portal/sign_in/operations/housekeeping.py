"""Keeping the tables of signing in small, and making sure that what has run out stays so whatever the clock does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.sign_in.models import Challenge, PortalSession, SignInSession
from portal.sign_in.operations.limits import delete_old_counters

_KEPT = timedelta(days=3)
_SESSIONS_KEPT = timedelta(days=30)


def delete_old_rows(session: Session, *, at: datetime) -> int:
    """Close expired challenges for good, and delete old challenges, hand-offs, dead sessions and counters of all merchants.

    Expired links are kept three days, so that they still lead to a fresh one at the same target. Tells how many rows went.
    """
    _run(
        session,
        sa.update(Challenge).where(Challenge.used_at.is_(None), Challenge.expires_at <= at).values(used_at=at),
    )
    return sum(
        (
            _run(session, sa.delete(Challenge).where(Challenge.created_at < at - _KEPT)),
            _run(session, sa.delete(PortalSession).where(PortalSession.expires_at < at - _KEPT)),
            _run(
                session,
                sa.delete(SignInSession).where(
                    sa.or_(
                        SignInSession.expires_at < at - _SESSIONS_KEPT, SignInSession.revoked_at < at - _SESSIONS_KEPT
                    )
                ),
            ),
            delete_old_counters(session, at=at),
        )
    )


def _run(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement.execution_options(tenant_wide=True, synchronize_session=False))
    return int(result.rowcount)
