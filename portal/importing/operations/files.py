"""Imports one file: reads it as a stream into a spool on disk, then writes object by object in bounded transactions.

Memory does not grow with the file. Killed at any point, it can be run again: objects that were written already are unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TextIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.clock import Clock
from portal.database import Database
from portal.importing.errors import MappingFault, RowRefused
from portal.importing.operations.csv_reader import CsvFile, open_csv, raw_text, read_records
from portal.importing.operations.kinds import KINDS
from portal.importing.operations.reports import write_report
from portal.importing.operations.spool import Spool
from portal.importing.rules.groups import Group
from portal.importing.rules.mapping import Sources, compile_sources
from portal.importing.rules.results import Context, Kind, Refused, RowReader, WriteResult
from portal.importing.rules.values import ValueRefused, checked_calendar, read_currency
from portal.merchants.queries import MerchantProfile

BATCH_OBJECTS = 2000
BATCH_ROWS = 6000
_RETRIES = 3


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import. `maps` are (field, column), `sets` are (field, value or template), in the command's order."""

    kind: str
    path: Path
    maps: Sequence[tuple[str, str]] = ()
    sets: Sequence[tuple[str, str]] = ()
    date_format: str | None = None
    timezone: str | None = None
    delimiter: str = ","
    is_dry_run: bool = False


@dataclass(slots=True)
class Summary:
    """How many rows had which result; the four sum to `rows`."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Progress(Protocol):
    """Shows the progress, in bytes read and rows written."""

    def begin(self, label: str, total: int) -> None: ...

    def advance(self, amount: int) -> None: ...

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PreparedImport:
    """An import whose file and command were checked; nothing is written yet."""

    file: CsvFile
    sources: Sources
    context: Context
    kind: Kind
    request: ImportRequest = field(repr=False)


class _DryRun(Exception):
    """Rolls back the transaction of a dry run."""


def prepare_import(request: ImportRequest, merchant: MerchantProfile, clock: Clock) -> PreparedImport:
    """Check the command against the file. Raises MappingFault and FileUnreadable."""
    kind = KINDS[request.kind]
    file = open_csv(request.path, request.delimiter)
    sources = compile_sources(kind.fields, file.columns, request.maps, request.sets)
    calendar = checked_calendar(request.date_format, request.timezone or merchant.timezone)
    _check_constants(sources)
    context = Context(merchant, calendar, frozenset(sources.names), clock.now())
    return PreparedImport(file, sources, context, kind, request)


def run_import(
    database: Database, prepared: PreparedImport, progress: Progress, report: TextIO | None = None
) -> Summary:
    """Import what was prepared, write the report of refused rows, and return the counts of rows."""
    summary = Summary()
    with Spool() as spool:
        progress.begin("reading", prepared.file.size)
        _read(prepared, spool, progress)
        progress.end()
        progress.begin("writing", spool.row_count())
        for groups in _batches(spool.groups()):
            _write(database, prepared, spool, groups, summary)
            progress.advance(sum(len(group.rows) for group in groups))
        progress.end()
        summary.rows, summary.rejected = spool.row_count(), spool.refusal_count()
        if report is not None:
            write_report(report, spool.refusals())
    assert summary.created + summary.updated + summary.unchanged + summary.rejected == summary.rows, (
        "each row is counted once"
    )
    return summary


def _check_constants(sources: Sources) -> None:
    currency = sources.constants.get("currency")
    if currency is not None:
        try:
            read_currency("currency", currency)
        except ValueRefused as fault:
            raise MappingFault(f"--set {fault}") from None


def _read(prepared: PreparedImport, spool: Spool, progress: Progress) -> None:
    reader = prepared.kind.reader(prepared.context)
    for record in read_records(prepared.file, progress.advance):
        raw = raw_text(record.cells)
        if record.fault is not None:
            spool.refuse(record.line, record.fault, raw)
            continue
        _spool_row(spool, reader, record.line, prepared.sources.values(record.cells), raw)


def _spool_row(spool: Spool, reader: RowReader, line: int, values: dict[str, str], raw: str) -> None:
    key = reader.key_of(values)
    try:
        at, payload = reader.read(values)
    except RowRefused as fault:
        owner, object_ = key or (None, None)
        spool.refuse(line, str(fault), raw, owner=owner, object_=object_, spoils=fault.spoils)
        return
    assert key is not None, "a row without its object was refused"
    spool.add(line, *key, at, payload, raw)


def _write(
    database: Database, prepared: PreparedImport, spool: Spool, groups: Sequence[Group], summary: Summary
) -> None:
    objects = list(_built(prepared.kind, spool, groups))
    for made, result in zip(objects, _write_batch(database, prepared, objects), strict=True):
        if isinstance(result, Refused):
            spool.refuse_spooled(list(made.file_lines), result.reason)
        else:
            setattr(summary, result.value, getattr(summary, result.value) + len(made.file_lines))


def _built(kind: Kind, spool: Spool, groups: Iterable[Group]) -> Iterator[Any]:
    for group in groups:
        good = [row.line for row in group.rows if row.reason is None]
        if not good:
            continue
        if kind.is_one_row and len(good) > 1:
            spool.refuse_spooled(good[1:], f"line {good[0]} is of the same {kind.noun}")
            group = replace(group, rows=tuple(row for row in group.rows if row.line == good[0]))
        try:
            yield kind.build(group)
        except RowRefused as fault:
            spool.refuse_spooled(good, str(fault))


def _write_batch(database: Database, prepared: PreparedImport, objects: Sequence[Any]) -> list[WriteResult]:
    """Write a batch in one transaction. A dry run does the same and rolls it back, so that its counts are the same."""
    dry_run_results: list[WriteResult] = []

    def work(session: Session) -> list[WriteResult]:
        results = prepared.kind.write(session, prepared.context, objects)
        session.flush()
        if prepared.request.is_dry_run:
            dry_run_results[:] = results
            raise _DryRun
        return results

    if not objects:
        return []
    for attempt in range(_RETRIES + 1):
        try:
            return database.run(work)
        except _DryRun:
            return dry_run_results
        except IntegrityError:
            # Another transaction created one of these at the same time; the next attempt finds it.
            if attempt == _RETRIES:
                raise
    raise AssertionError("the last attempt returns or raises")


def _batches(groups: Iterator[Group]) -> Iterator[list[Group]]:
    batch: list[Group] = []
    row_count = 0
    for group in groups:
        batch.append(group)
        row_count += len(group.rows)
        if len(batch) >= BATCH_OBJECTS or row_count >= BATCH_ROWS:
            yield batch
            batch, row_count = [], 0
    if batch:
        yield batch
