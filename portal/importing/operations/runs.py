"""Remembers what a run of an import makes, in the transaction that makes it, so that it can be listed and undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.importing.models import ImportedObject, ImportRun
from portal.importing.rules.runs import Run, Summary


def remember(session: Session, merchant_id: str, run: Run, made: Sequence[str]) -> None:
    """Remember the ids of what was made. A run that makes and changes nothing leaves no trace."""
    if not made:
        return
    _ensure_run(session, merchant_id, run)
    rows = [{"merchant_id": merchant_id, "run_id": run.id, "object_id": object_id} for object_id in made]
    session.execute(sa.insert(cast(sa.Table, ImportedObject.__table__)), rows)


def finish_run(session: Session, merchant_id: str, run: Run, summary: Summary, *, at: datetime) -> None:
    """Store the counts of a run that made or changed something."""
    _ensure_run(session, merchant_id, run)
    values: dict[str, Any] = {**summary.as_dict(), "finished_at": at}
    session.execute(
        sa.update(ImportRun).where(ImportRun.merchant_id == merchant_id, ImportRun.id == run.id).values(**values)
    )


def _ensure_run(session: Session, merchant_id: str, run: Run) -> None:
    is_there = session.execute(
        sa.select(ImportRun.id).where(ImportRun.merchant_id == merchant_id, ImportRun.id == run.id)
    ).first()
    if is_there is None:
        session.execute(
            sa.insert(ImportRun).values(
                merchant_id=merchant_id, id=run.id, kind=run.kind, file=run.file, started_at=run.started_at, rows=0, created=0,
                updated=0, unchanged=0, rejected=0,
            )
        )  # fmt: skip
