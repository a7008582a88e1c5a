"""Claims: how a worker takes the next due row of a queue, without a lock on rows of more than one merchant (decision 0027).

Candidates are read over all merchants without a lock. Each is then claimed by one conditional update that names its merchant,
and changes the row only while it is still due and as it was read. The jobs that own a queue process its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.database import Base, Reader
from portal.services import Services

Row: TypeAlias = sa.Row[Any]
_CANDIDATES = 10
_MAX_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Queue:
    """A table whose rows become due.

    `columns` are read beside the primary key, of which `merchant_id` is a part. `is_due` is the condition at an instant, the same
    for a candidate and for its claim; an index over time should answer it. `claim` returns the values that claim a row: they take
    it out of the queue for as long as its worker may need, so that the row of a killed worker becomes due again, and count the
    attempt where attempts are counted. At least one of them differs from what was read; each is of a column in `columns`.
    """

    model: type[Base]
    columns: tuple[InstrumentedAttribute[Any], ...]
    is_due: Callable[[datetime], sa.ColumnElement[bool]]
    order_by: tuple[InstrumentedAttribute[Any], ...]
    claim: Callable[[Row, datetime], Mapping[str, Any]]


def claim_next(services: Services, queue: Queue, *, except_merchants: Collection[str] = ()) -> Row | None:
    """Claim the row that has been due longest, in a transaction of its own; return it as it is now, or None.

    Rows of `except_merchants` are left where they are. None when nothing else is due, or when other workers were faster at every attempt. Of several workers each gets another row; one
    that finds nothing only reads, and never takes SQLite's single write lock.
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
    table = _table(queue)
    others = (table.c.merchant_id.not_in(sorted(except_merchants)),) if except_merchants else ()
    return reader.execute(
        sa.select(*_columns(queue))
        .where(queue.is_due(now), *others)
        .order_by(*queue.order_by)
        .limit(limit)
        .execution_options(tenant_wide=True)
    ).all()


def claim(session: Session, queue: Queue, candidate: Row, now: datetime) -> Row | None:
    """Claim a candidate in the caller's transaction; return the row as it is now, or None when another worker has it or it is not due any more.

    A transaction that claims several rows may wait for one that claims them in another order: claim one row in each transaction.
    """
    table = _table(queue)
    changes = queue.claim(candidate, now)
    before = candidate._mapping  # By name: a row is a tuple too, whose methods (`count`) take precedence.
    return session.execute(
        sa.update(table)
        .where(*(column == before[column.key] for column in table.primary_key))
        .where(queue.is_due(now))
        # And unchanged: a row that another worker claimed may be due again, or still (its next time may have passed as well).
        .where(*(table.c[name].is_not_distinct_from(before[name]) for name in changes))
        .values(**changes)
        .returning(*_columns(queue))
    ).first()


def _choose_randomly(candidates: Sequence[Row], services: Services) -> Row:
    """Return one at random: workers that all lost the first row would collide again at the second."""
    return candidates[min(int(services.chance() * len(candidates)), len(candidates) - 1)]


def _columns(queue: Queue) -> list[sa.Column[Any]]:
    table = _table(queue)
    return [*table.primary_key, *(table.c[column.key] for column in queue.columns)]


def _table(queue: Queue) -> sa.Table:
    """Return the table of a queue, whose rows are read without the ORM."""
    return cast(sa.Table, queue.model.__table__)
