"""`portal import`: a merchant's own customers, invoices and payments, from CSV."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database
from portal.commands.import_progress import show_progress, table
from portal.importing.errors import FileUnreadable, MappingFault

if TYPE_CHECKING:
    from portal.importing.operations.files import ImportRequest, Outcome, PreparedImport, Preview

_DESCRIPTIONS = {
    "customers": "Customers that have one of the merchant's references are brought up to date. Fields are those of the API's shape;"
    " a nested one is named with a point: billing_address.country, metadata.plan.",
    "invoices": "Rows of one number and customer are lines of one invoice; a total below zero becomes a credit note. Customers that"
    " are not there are created. Amounts are decimals in major units: quantity × unit_amount, rounded half up, or total.",
    "payments": "Payments that ended elsewhere. Fields are those of the API's shape, but amounts are decimals in major units;"
    " invoices are named by id or number, several with a semicolon between. A customer is named by id, reference, email address or"
    " telephone number.",
}
_STANDARD_INPUT = "standard input"


@click.group("import")
def import_() -> None:
    """Import customers, invoices or payments from CSV; list and undo what was imported.

    Every row is counted as created, updated, unchanged or rejected; the report says why. Importing sends no mail, changes
    nothing that has been paid, and may be run again at any time.
    """


def _command(kind: str) -> click.Command:
    options: list[Callable[[Any], Any]] = [
        click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path, allow_dash=True)),
        click.option("--merchant", "slug", required=True, help="The slug of the merchant."),
        click.option("--map", "maps", multiple=True, metavar="field=Column", help="Which column has a field; by default a column is the field of its name, whatever its case."),
        click.option("--set", "sets", multiple=True, metavar="field=value", help="One value for all rows, instead of a column; {Column} in it is replaced by the row's cell."),
        click.option("--ignore", "ignored", multiple=True, metavar="Column", help="A column that is not read, although it has a field's name."),
        click.option("--values", "values", multiple=True, metavar="field:Word=value", help="What a word of the file means: status:Sent=open."),
        click.option("--none", "nones", multiple=True, metavar="field=Word", help="A word that means no value: customer=0, where a shop writes 0 for its guests."),
        click.option("--date-format", help="How the file writes dates, such as '%m/%d/%Y %H:%M'; ISO 8601 is always read."),
        click.option("--timezone", help="Whose wall clock the dates are, such as Europe/London; default: the merchant's."),
        click.option("--decimal", type=click.Choice([".", ","]), help="The decimal sign; without it a point, and what could be a thousands separator too is rejected."),
        click.option("--delimiter", default=",", show_default=True, help="What separates cells; 'tab' for a tabulator. A first line sep=; counts more."),
        click.option("--skip-rows", type=click.IntRange(min=0), default=0, help="How many rows of titles stand above the header."),
        click.option("--dry-run", is_flag=True, help="Write nothing, and print the same summary."),
        click.option("--report", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Where to write the rejected rows and their reasons, as CSV that can be mended and imported."),
    ]  # fmt: skip

    def run(**given: Any) -> None:
        _run(kind, **given)

    command: Any = run
    for option in reversed(options):
        command = option(command)
    made: click.Command = click.command(kind, cls=_FieldsCommand, help=f"Import {kind} from the CSV in FILE, - for standard input.\n\n{_DESCRIPTIONS[kind]}")(
        command
    )  # fmt: skip
    return made


class _FieldsCommand(click.Command):
    """A command whose help ends with the fields of what it imports."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from portal.importing.operations.kinds import KINDS

        fields = KINDS[self.name or ""].fields
        with formatter.section("Fields"):
            formatter.write_text(f"{fields.listed}.")
            needed = "; ".join(" or ".join(group) for group in fields.needed)
            formatter.write_text(f"Needed: {needed}.")


for _kind in _DESCRIPTIONS:
    import_.add_command(_command(_kind))


@import_.command("list")
@click.option("--merchant", "slug", help="The slug of the merchant; default: all merchants.")
def list_(slug: str | None) -> None:
    """List the runs that made or changed something, the newest first, as JSON, one a line."""
    from portal.clock import write_instant
    from portal.importing.queries import list_runs
    from portal.merchants.queries import list_merchants

    with open_database(load_settings()) as database, database.read() as reader:
        merchants = [named_merchant(database, slug)] if slug else list_merchants(reader)
        for merchant in merchants:
            for run in list_runs(reader, merchant.id):
                shape: dict[str, Any] = {"object": "import", "merchant": merchant.slug, **run._asdict()}
                del shape["merchant_id"]
                for name in ("started_at", "finished_at", "undone_at"):
                    shape[name] = write_instant(shape[name]) if shape[name] else None
                click.echo(json.dumps(shape))


@import_.command("undo")
@click.argument("run_id", metavar="RUN")
@click.option("--merchant", "slug", help="The slug of the merchant, to make sure that the run is its own.")
def undo(run_id: str, slug: str | None) -> None:
    """Take back what a run made, as long as nothing of it was paid since. RUN is an id of `portal import list`.

    What it changed of older invoices and customers stays as it is; so do customers who have something else by now.
    """
    from portal.importing.operations.undoing import undo_run

    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug) if slug else None
        with show_progress(sys.stderr) as progress:
            undone = undo_run(database, run_id, SystemClock(), progress, merchant_id=merchant.id if merchant else None)
    click.echo(json.dumps(undone.as_dict()))


def _run(
    kind: str, *, file: Path, slug: str, maps: tuple[str, ...], sets: tuple[str, ...], ignored: tuple[str, ...],
    values: tuple[str, ...], nones: tuple[str, ...], date_format: str | None, timezone: str | None, decimal: str | None,
    delimiter: str, skip_rows: int, dry_run: bool, report: Path | None,
) -> None:  # fmt: skip
    from portal.importing.operations.files import ImportRequest, prepare_import, run_import

    words = [*(_word(text) for text in values), *(_none(text) for text in nones)]
    with ExitStack() as stack:
        path = stack.enter_context(_standard_input()) if str(file) == "-" else file
        request = ImportRequest(
            kind, path, [_pair("--map", text) for text in maps], [_pair("--set", text) for text in sets], date_format, timezone,
            _one_character(delimiter), dry_run, decimal, skip_rows, ignored, words, _STANDARD_INPUT if path is not file else file.name,
        )  # fmt: skip
        database = stack.enter_context(open_database(load_settings()))
        merchant = named_merchant(database, slug)
        try:
            prepared = prepare_import(request, merchant, SystemClock())
        except MappingFault as fault:
            raise click.UsageError(str(fault)) from fault
        if prepared.file.encoding == "cp1252":
            click.echo(f"{request.name} is not UTF-8; it is read as Windows-1252", err=True)
        out = stack.enter_context(_opened(report)) if report else None
        progress = stack.enter_context(show_progress(sys.stderr))
        outcome = run_import(database, prepared, progress, out, _show if sys.stderr.isatty() else None)
    _tell(request, prepared, outcome, has_report=report is not None)
    click.echo(json.dumps(outcome.summary.as_dict()))
    if outcome.summary.rows and outcome.summary.rejected == outcome.summary.rows:
        click.get_current_context().exit(1)


def _show(preview: Preview) -> None:
    """Show the first rows as they would become, before anything is written."""
    click.echo(
        "\nThe first rows, as they become:" if preview.rows else "\nNone of the first rows can be imported:", err=True
    )
    if preview.rows:
        click.echo(table(preview.head, preview.rows), err=True)
    for line, reason in preview.refused:
        click.echo(f"  line {line} is rejected: {reason}", err=True)
    click.echo("", err=True)


def _tell(request: ImportRequest, prepared: PreparedImport, outcome: Outcome, *, has_report: bool) -> None:
    """Say on standard error what the summary does not: which columns were taken unasked, what was rejected, how to undo."""
    own = prepared.sources.by_own_name
    if own:
        columns = ", ".join(name if name == column else f"{name} ({column})" for name, column in own)
        click.echo(f"read by their own names: {columns}", err=True)
    for reason, count in outcome.reasons:
        click.echo(f"rejected {count} of {outcome.summary.rows}: {reason}", err=True)
    if outcome.summary.rejected and not has_report:
        click.echo("--report FILE writes the rejected rows, to be mended and imported", err=True)
    if outcome.run_id is not None:
        click.echo(f"run {outcome.run_id}; to take it back: portal import undo {outcome.run_id}", err=True)
    if request.is_dry_run:
        click.echo("nothing was written (--dry-run)", err=True)


@contextmanager
def _standard_input() -> Iterator[Path]:
    """Yield a file with what comes on standard input: it is read more than once."""
    with tempfile.NamedTemporaryFile(prefix="portal-import-", suffix=".csv") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name)


def _pair(option: str, text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field.strip() or (option == "--map" and not value.strip()):
        raise click.UsageError(f"{option} {text} is not of the form field=…")
    return field.strip(), value.strip()


def _word(text: str) -> tuple[str, str, str]:
    """Return field, word and value of `field:Word=value`; the word may have signs of equality and colons in it."""
    field, colon, rest = text.partition(":")
    word, equals, value = rest.rpartition("=")
    if not colon or not equals or not field.strip() or not word.strip():
        raise click.UsageError(f"--values {text} is not of the form field:Word=value")
    return field.strip(), word.strip(), value.strip()


def _none(text: str) -> tuple[str, str, str]:
    field, word = _pair("--none", text)
    return field, word, ""


def _one_character(delimiter: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise click.UsageError("--delimiter is a single character, or tab")
    return delimiter


def _opened(report: Path) -> TextIO:
    try:
        return report.open("w", newline="", encoding="utf-8")
    except OSError as fault:
        raise FileUnreadable(f"{report} cannot be written: {fault.strerror}") from fault
