"""Imports one file: reads it as a stream into a spool on disk, then writes object by object in bounded transactions.

Memory does not grow with the file. Killed at any point, it can be run again: objects that were written already are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.clock import Clock
from portal.database import Database
from portal.importing.errors import MappingFault
from portal.importing.operations.csv_reader import CsvFile, Record, open_csv, read_records, suggest_options
from portal.importing.operations.kinds import KINDS
from portal.importing.operations.reports import write_report
from portal.importing.operations.runs import finish_run, remember
from portal.importing.operations.spool import Spool
from portal.importing.rules.amounts import NumberStyle, read_currency
from portal.importing.rules.groups import Group
from portal.importing.rules.mapping import Command, Sources, compile_sources
from portal.importing.rules.refusals import ValueRefused
from portal.importing.rules.results import Change, Context, Kind, Refused, RowReader, WriteResult
from portal.importing.rules.runs import Run, Summary
from portal.importing.rules.values import checked_calendar
from portal.merchants.queries import MerchantProfile
from portal.public_ids import new_id

BATCH_OBJECTS = 2000
BATCH_ROWS = 6000
PREVIEWED_OBJECTS = 5
_RETRIES = 3
_REASONS = 3


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import. `maps` are (field, column), `sets` (field, value or template), `ignored` columns, `words` (field, word, value
    or "" for none), in the command's order. `decimal` is the decimal sign, None where the command gives none; `name` what the
    file is called where it is remembered."""

    kind: str
    path: Path
    maps: Sequence[tuple[str, str]] = ()
    sets: Sequence[tuple[str, str]] = ()
    date_format: str | None = None
    timezone: str | None = None
    delimiter: str = ","
    is_dry_run: bool = False
    decimal: str | None = None
    skip_rows: int = 0
    ignored: Sequence[str] = ()
    words: Sequence[tuple[str, str, str]] = ()
    name: str | None = None


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
    run: Run
    clock: Clock
    request: ImportRequest = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """The first objects of a file as they would become, in cells below `head`, and the first rows that would be refused."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    refused: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an import: the counts, the run that can be undone (None for a dry run and where nothing was made), and the reasons
    that most rows were refused for."""

    summary: Summary
    run_id: str | None
    reasons: Sequence[tuple[str, int]]


class _DryRun(Exception):
    """Rolls back the transaction of a dry run."""


def prepare_import(request: ImportRequest, merchant: MerchantProfile, clock: Clock) -> PreparedImport:
    """Check the command against the file. Raises MappingFault and FileUnreadable."""
    kind = KINDS[request.kind]
    file = open_csv(request.path, request.delimiter, request.skip_rows)
    command = Command(request.maps, request.sets, request.ignored, request.words)
    try:
        sources = compile_sources(kind.fields, file.columns, command)
    except MappingFault as fault:
        hints = suggest_options(file, request.skip_rows) if fault.lacks_columns else []
        raise MappingFault("; ".join([str(fault), *hints])) from None
    calendar = checked_calendar(request.date_format, request.timezone or merchant.timezone)
    _check_constants(sources)
    context = Context(merchant, calendar, NumberStyle(request.decimal), clock.now())
    run = Run(new_id("imp", context.now), request.kind, request.name or request.path.name, context.now)
    return PreparedImport(file, sources, context, kind, run, clock, request)


def run_import(
    database: Database,
    prepared: PreparedImport,
    progress: Progress,
    report: TextIO | None = None,
    show: Callable[[Preview], None] | None = None,
) -> Outcome:
    """Import what was prepared, write the report of refused rows, and return the counts of rows.

    `show` is called with the first objects as they would become, before anything is written.
    """
    summary = Summary()
    with Spool() as spool:
        progress.begin("reading", prepared.file.size)
        _read(prepared, spool, progress)
        progress.end()
        if show is not None:
            show(_preview(prepared, spool))
        progress.begin("writing", spool.row_count())
        for groups in _batches(spool.groups()):
            _write(database, prepared, spool, groups, summary)
            progress.advance(sum(len(group.rows) for group in groups))
        progress.end()
        summary.rows, summary.rejected = spool.row_count(), spool.refusal_count()
        if report is not None:
            write_report(report, prepared.file, spool.refusals())
        reasons = spool.reasons(_REASONS)
    assert summary.created + summary.updated + summary.unchanged + summary.rejected == summary.rows, (
        "each row is counted once"
    )
    return Outcome(summary, _finished(database, prepared, summary), reasons)


def _check_constants(sources: Sources) -> None:
    currency = sources.constants.get("currency")
    if currency is not None:
        try:
            read_currency("currency", currency)
        except ValueRefused as fault:
            raise MappingFault(f"--set {fault}") from None


def _read(prepared: PreparedImport, spool: Spool, progress: Progress) -> None:
    reader, sources = prepared.kind.reader(prepared.context), prepared.sources
    width = len(prepared.file.columns)

    def looks_like_row(cells: list[str]) -> bool:
        return len(cells) == width and reader.looks_like_row(sources.values(cells))

    for record in read_records(prepared.file, progress.advance, looks_like_row):
        if record.fault is not None:
            spool.refuse(record.line, record.fault, record.cells, object_=_object_of(prepared, reader, record))
        else:
            _spool_row(spool, reader, record, sources.values(record.cells))
    if prepared.kind.has_people:
        spool.find_owners()


def _object_of(prepared: PreparedImport, reader: RowReader, record: Record) -> str | None:
    """Return the object of a row that cannot be read as a whole, as far as its first cells tell: that object is not whole without it."""
    cells = [*record.cells, *[""] * len(prepared.file.columns)][: len(prepared.file.columns)]
    return reader.read(prepared.sources.values(cells)).keys.object


def _spool_row(spool: Spool, reader: RowReader, record: Record, values: Mapping[str, str]) -> None:
    reading = reader.read(values)
    keys = reading.keys
    if keys.object is None or not keys.has_owner:
        assert reading.reasons, "a row without its object is refused"
        spool.refuse(record.line, "; ".join(reading.reasons), record.cells, object_=keys.object)
        return
    spool.add(record.line, reading, record.cells)


def _preview(prepared: PreparedImport, spool: Spool) -> Preview:
    rows, refused = [], []
    for group in islice(spool.groups(), PREVIEWED_OBJECTS):
        built = prepared.kind.build(prepared.context, group)
        if built.object is not None:
            rows.append(prepared.kind.preview(built.object))
        refused += sorted(built.refused.items())
    refused += [(line, reason) for line, reason, _ in islice(spool.refusals(), PREVIEWED_OBJECTS)]
    return Preview(prepared.kind.preview_head, tuple(rows), tuple(sorted(refused)[:PREVIEWED_OBJECTS]))


def _finished(database: Database, prepared: PreparedImport, summary: Summary) -> str | None:
    if prepared.request.is_dry_run or not (summary.created or summary.updated):
        return None
    at = prepared.clock.now()
    database.run(lambda session: finish_run(session, prepared.context.merchant.id, prepared.run, summary, at=at))
    return prepared.run.id


def _write(
    database: Database, prepared: PreparedImport, spool: Spool, groups: Sequence[Group], summary: Summary
) -> None:
    objects = list(_built(prepared, spool, groups))
    refusals: dict[int, str] = {}
    for made, result in zip(objects, _write_batch(database, prepared, objects), strict=True):
        if isinstance(result, Refused):
            refusals |= dict.fromkeys(made.file_lines, result.reason)
            continue
        later = made.later_changes if result is Change.CREATED and made.later_changes else ()
        summary.count(result, len(made.file_lines) - len(later))
        for change in later:
            summary.count(change, 1)
    spool.refuse_spooled(refusals)


def _built(prepared: PreparedImport, spool: Spool, groups: Iterable[Group]) -> Iterator[Any]:
    for group in groups:
        built = prepared.kind.build(prepared.context, group)
        if built.refused:
            spool.refuse_spooled(built.refused)
        if built.object is not None:
            yield built.object


def _write_batch(database: Database, prepared: PreparedImport, objects: Sequence[Any]) -> list[WriteResult]:
    """Write a batch in one transaction. A dry run does the same and rolls it back, so that its counts are the same."""
    dry_run_results: list[WriteResult] = []

    def work(session: Session) -> list[WriteResult]:
        written = prepared.kind.write(session, prepared.context, objects)
        session.flush()
        if prepared.request.is_dry_run:
            dry_run_results[:] = written.results
            raise _DryRun
        remember(session, prepared.context.merchant.id, prepared.run, written.made)
        return written.results

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
