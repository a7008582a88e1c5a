"""Deletes old rows of signing in, and closes expired challenges so that a clock set back does not reopen them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.database import table_of
from portal.sign_in.models import (
    Challenge,
    Confirmation,
    EmailChange,
    KnownBrowser,
    MailedLink,
    PersonsBrowser,
    PortalSession,
    SignInRequest,
    SignInSession,
    UsedChallenge,
)
from portal.sign_in.operations.limits import delete_old_counters
from portal.sign_in.rules.passkeys import FORGET_AFTER

_CHALLENGE_RETENTION = timedelta(days=3)
_SESSION_RETENTION = timedelta(days=30)
KNOWN_FOR = timedelta(days=365)
"""How long a browser is known after the last time that the customer signed in there."""


def delete_old_rows(session: Session, *, at: datetime) -> int:
    """Close expired challenges, and delete old challenges, confirmations, changes of address, portal sessions, links of notices, ended sessions, known browsers, used challenges and counters of all merchants.

    Return the number of deleted rows. Expired challenges stay for three days, so that their links still lead to a new one
    with the same target.
    """
    parameters = {
        "now": at,
        # Not before every process's clock says that they have expired.
        "expired_before": at - CLOCKS_DIFFER_BY,
        "created_before": at - _CHALLENGE_RETENTION,
        "ended_before": at - _SESSION_RETENTION,
        "seen_before": at - KNOWN_FOR,
        "answered_before": at - FORGET_AFTER,
    }
    _run(session, _CLOSE_EXPIRED, parameters)
    return sum(_run(session, statement, parameters) for statement in _DELETE_OLD) + delete_old_counters(session, at=at)


def _run(session: Session, statement: Any, parameters: dict[str, Any]) -> int:
    result: Any = session.execute(statement, parameters)
    return int(result.rowcount)


_CHALLENGES, _REQUESTS, _BROWSERS = table_of(Challenge), table_of(SignInRequest), table_of(KnownBrowser)
_PERSONS_BROWSERS = table_of(PersonsBrowser)
_PORTAL_SESSIONS, _SESSIONS = table_of(PortalSession), table_of(SignInSession)
_MAILED_LINKS = table_of(MailedLink)
_CONFIRMATIONS, _EMAIL_CHANGES, _ANSWERED = table_of(Confirmation), table_of(EmailChange), table_of(UsedChallenge)
_CLOSE_EXPIRED = (
    sa.update(_CHALLENGES)
    .where(_CHALLENGES.c.used_at.is_(None), _CHALLENGES.c.expires_at <= sa.bindparam("expired_before"))
    .values(used_at=sa.bindparam("now"), is_joinable=False)
    .execution_options(tenant_wide=True)
)
_IS_OLD = _CHALLENGES.c.created_at < sa.bindparam("created_before")
_OF_OLD = sa.exists().where(
    _CHALLENGES.c.merchant_id == _REQUESTS.c.merchant_id, _CHALLENGES.c.id == _REQUESTS.c.challenge_id, _IS_OLD
)
_HAS_ENDED = sa.or_(
    _SESSIONS.c.expires_at < sa.bindparam("ended_before"), _SESSIONS.c.revoked_at < sa.bindparam("ended_before")
)
_DELETE_OLD = tuple(
    sa.delete(table).where(condition).execution_options(tenant_wide=True)
    for table, condition in (
        (_REQUESTS, _OF_OLD),
        (_BROWSERS, _BROWSERS.c.signed_in_at < sa.bindparam("seen_before")),
        (_PERSONS_BROWSERS, _PERSONS_BROWSERS.c.signed_in_at < sa.bindparam("seen_before")),
        (_CHALLENGES, _IS_OLD),
        (_CONFIRMATIONS, _CONFIRMATIONS.c.created_at < sa.bindparam("created_before")),
        (_EMAIL_CHANGES, _EMAIL_CHANGES.c.undo_until < sa.bindparam("created_before")),
        (_PORTAL_SESSIONS, _PORTAL_SESSIONS.c.expires_at < sa.bindparam("created_before")),
        (_MAILED_LINKS, _MAILED_LINKS.c.expires_at < sa.bindparam("created_before")),
        (_SESSIONS, _HAS_ENDED),
        (_ANSWERED, _ANSWERED.c.used_at < sa.bindparam("answered_before")),
    )
)
