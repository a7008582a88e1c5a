"""Claims: how a worker takes the next due row of a queue, without a lock on rows of more than one merchant (decision 0027).

Candidates are read over all merchants without a lock. Each is then claimed by one conditional update that names its merchant,
and changes the row only while it is still due and as it was read. The jobs that own a queue process its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.dml import ReturningUpdate

from portal.database import Base, Count, Instant, Reader, table_of
from portal.services import Services

Row: TypeAlias = sa.Row[Any]
NOW = sa.bindparam("now", type_=Instant())
"""The instant of the claim, in the condition of a queue."""
_CANDIDATES = 10
_MAX_ATTEMPTS = 10


def _now_alone(now: datetime) -> Mapping[str, Any]:
    return {"now": now}


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """A table whose rows become due.

    `columns` are read beside the primary key, of which `merchant_id` is a part. `is_due` is the condition at an instant, the same
    for a candidate and for its claim; an index over time should answer it. It is built once: what it compares with are
    parameters, `NOW` or those whose values at an instant `parameters` returns. `claim` returns the values that claim a row: they
    take it out of the queue for as long as its worker may need, so that the row of a killed worker becomes due again, and count
    the attempt where attempts are counted. They are of the same columns for each row, and each of these is in `columns`; at least
    one of them differs from what was read.
    """

    model: type[Base]
    columns: tuple[InstrumentedAttribute[Any], ...]
    is_due: sa.ColumnElement[bool]
    order_by: tuple[InstrumentedAttribute[Any], ...]
    claim: Callable[[Row, datetime], Mapping[str, Any]]
    parameters: Callable[[datetime], Mapping[str, Any]] = _now_alone


def claim_next(services: Services, queue: Queue, *, except_merchants: Collection[str] = ()) -> Row | None:
    """Claim the row that has been due longest, in a transaction of its own; return it as it is now, or None.

    Rows of `except_merchants` are left where they are. None when nothing else is due, or when other workers were faster at every
    attempt. Of several workers each gets another row; one that finds nothing only reads, and never takes SQLite's single write lock.
    """
    for attempt in range(_MAX_ATTEMPTS):
        now = services.clock.now()
        with services.database.read() as reader:
            candidates = list_candidates(reader, queue, now, limit=_CANDIDATES, except_merchants=except_merchants)
        if not candidates:
            break
        candidate = candidates[0] if attempt == 0 else _choose_randomly(candidates, services)
        claimed = services.database.run(lambda session, row=candidate, now=now: claim(session, queue, row, now))  # type: ignore[misc]  # binds the loop's values
        if claimed is not None:
            return claimed
    return None


def list_candidates(
    reader: Reader, queue: Queue, now: datetime, *, limit: int, except_merchants: Collection[str] = ()
) -> Sequence[Row]:
    """Return the rows of all merchants but these that have been due longest, at most `limit`. Nothing is locked: another worker may
    claim each of them first."""
    statement = _select_due(queue)
    if except_merchants:
        statement = statement.where(table_of(queue.model).c.merchant_id.not_in(sorted(except_merchants)))
    return reader.execute(statement, {**queue.parameters(now), "limit": limit}).all()


def claim(session: Session, queue: Queue, candidate: Row, now: datetime) -> Row | None:
    """Claim a candidate in the caller's transaction; return the row as it is now, or None when another worker has it or it is not due any more.

    A transaction that claims several rows may wait for one that claims them in another order: claim one row in each transaction.
    """
    changes = queue.claim(candidate, now)
    before = candidate._mapping  # By name: a row is a tuple too, whose methods (`count`) take precedence.
    parameters = {
        **queue.parameters(now),
        **{f"of_{column.key}": before[column.key] for column in table_of(queue.model).primary_key},
        **{f"before_{name}": before[name] for name in changes},
        **{f"after_{name}": value for name, value in changes.items()},
    }
    return session.execute(_update_one(queue, tuple(changes)), parameters).first()


def _choose_randomly(candidates: Sequence[Row], services: Services) -> Row:
    """Return one at random: workers that all lost the first row would collide again at the second."""
    return candidates[min(int(services.chance() * len(candidates)), len(candidates) - 1)]


# Built once for each queue: a worker that finds nothing does nothing else, several times a second, and building a statement costs
# more than running it.
@cache
def _select_due(queue: Queue) -> sa.Select[Any]:
    return (
        sa.select(*_columns(queue))
        .where(queue.is_due)
        .order_by(*(table_of(queue.model).c[column.key] for column in queue.order_by))
        .limit(sa.bindparam("limit", type_=Count))
        .execution_options(tenant_wide=True)
    )


@cache
def _update_one(queue: Queue, changed: tuple[str, ...]) -> ReturningUpdate[Any]:
    table = table_of(queue.model)
    return (
        sa.update(table)
        .where(*(column == sa.bindparam(f"of_{column.key}") for column in table.primary_key))
        .where(queue.is_due)
        # And unchanged: a row that another worker claimed may be due again, or still (its next time may have passed as well).
        .where(*(table.c[name].is_not_distinct_from(sa.bindparam(f"before_{name}")) for name in changed))
        .values({name: sa.bindparam(f"after_{name}") for name in changed})
        .returning(*_columns(queue))
    )


def _columns(queue: Queue) -> list[sa.Column[Any]]:
    table = table_of(queue.model)
    return [*table.primary_key, *(table.c[column.key] for column in queue.columns)]
