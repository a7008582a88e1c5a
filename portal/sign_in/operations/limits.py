"""Rate limits as rows that survive a restart, each changed by one statement.

A key names the limit and a digest of something verified (an address, a network address, the merchant): never a header, never
the address itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.sign_in.models import RateCounter

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something happened since `started_at`, this time included."""

    count: int
    started_at: datetime


def limit_key(limit: str, subject: bytes | None = None) -> str:
    """Return the key of a limit for the subject of a digest, or for the whole merchant."""
    return f"{limit}:{subject.hex()}" if subject is not None else limit


def count_up(session: Session, merchant_id: str, key: str, *, at: datetime, window: timedelta) -> Tally:
    """Count one more within the window, which starts again when it is over; return the count. The row stays
    locked until the commit, so that no two attempts see the same number.
    """
    is_over = RateCounter.window_started_at <= at - window
    return _upsert(
        session,
        merchant_id,
        key,
        at,
        count=sa.case((is_over, 1), else_=RateCounter.count + 1),
        window_started_at=sa.case(
            (is_over, sa.literal(at, RateCounter.window_started_at.type)), else_=RateCounter.window_started_at
        ),
    )


def count_in_a_row(session: Session, merchant_id: str, key: str, *, at: datetime) -> int:
    """Count one more since the last `reset_count`, however long ago; return the number."""
    return _upsert(session, merchant_id, key, at, count=RateCounter.count + 1, window_started_at=at).count


def take_turn(session: Session, merchant_id: str, key: str, *, at: datetime, spacing: timedelta) -> datetime:
    """Take the next turn and return its instant: now, or `spacing` after the last one."""
    last = RateCounter.window_started_at
    later = _plus(session, spacing)
    turn = sa.case((last <= at - spacing, sa.literal(at, last.type)), else_=later)
    return _upsert(session, merchant_id, key, at, count=RateCounter.count + 1, window_started_at=turn).started_at


def count_down(session: Session, merchant_id: str, *keys: str) -> None:
    """Take one back from each count: the attempt was not a failure."""
    session.execute(
        sa.update(RateCounter)
        .where(RateCounter.merchant_id == merchant_id, RateCounter.key.in_(keys), RateCounter.count > 0)
        .values(count=RateCounter.count - 1)
    )


def reset_count(session: Session, merchant_id: str, key: str) -> None:
    """Set the count back to zero."""
    session.execute(sa.delete(RateCounter).where(RateCounter.merchant_id == merchant_id, RateCounter.key == key))


def delete_old_counters(session: Session, *, at: datetime) -> int:
    """Delete counters whose window is over, and of failures in a row those without one for 30 days; return how many."""
    parameters = {"two_days_ago": at - timedelta(days=2), "month_ago": at - timedelta(days=30)}
    result = session.execute(_DELETE_OLD, parameters)
    return result.rowcount  # type: ignore[attr-defined, no-any-return]  # The result of a DML statement is a CursorResult.


_COUNTERS = table_of(RateCounter)
# Each instant is compared with the column itself: within an expression of its own it would lose the column's type, and SQLite
# finds every number smaller than a text.
_DELETE_OLD = (
    sa.delete(_COUNTERS)
    .where(
        sa.or_(
            _COUNTERS.c.window_started_at < sa.bindparam("month_ago"),
            sa.and_(
                ~_COUNTERS.c.key.startswith("code-row:", autoescape=True),
                _COUNTERS.c.window_started_at < sa.bindparam("two_days_ago"),
            ),
        )
    )
    .execution_options(tenant_wide=True)
)


def _upsert(session: Session, merchant_id: str, key: str, at: datetime, **changes: Any) -> Tally:
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = (
        insert(RateCounter)
        .values(merchant_id=merchant_id, key=key, window_started_at=at, count=1)
        .on_conflict_do_update(index_elements=["merchant_id", "key"], set_=changes)
        .returning(RateCounter.count, RateCounter.window_started_at)
    )
    return Tally(*session.execute(statement).one())


def _plus(session: Session, spacing: timedelta) -> sa.ColumnElement[Any]:
    """Return the stored instant plus `spacing`, which SQLite stores as a number of microseconds."""
    column = RateCounter.window_started_at
    if session.get_bind().dialect.name == "sqlite":
        return sa.type_coerce(column, sa.Integer) + spacing // timedelta(microseconds=1)
    return sa.type_coerce(column, sa.DateTime(timezone=True)) + sa.literal(spacing, sa.Interval)
