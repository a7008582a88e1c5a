"""`portal import`: a merchant's own customers, invoices and payments, from CSV."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database
from portal.importing.errors import FileUnreadable, MappingFault

_DESCRIPTIONS = {
    "customers": "Customers that have one of the merchant's references are brought up to date. Fields are those of the API's shape;"
    " a nested one is named with a point: billing_address.country, metadata.plan.",
    "invoices": "Rows of one number and customer are lines of one invoice; a negative one becomes a credit note. Customers that are not"
    " there are created by their reference. Amounts are decimals in major units: quantity × unit_amount, rounded half up, or total.",
    "payments": "Payments that ended elsewhere. Fields are those of the API's shape, amounts in minor units; invoices are named by id"
    " or number, several with a semicolon between.",
}


@click.group("import")
def import_() -> None:
    """Import customers, invoices or payments from CSV.

    Every row is counted as created, updated, unchanged or rejected; the report says why. Importing sends no mail, changes
    nothing that has been paid, and may be run again at any time.
    """


def _command(kind: str) -> click.Command:
    options: list[Callable[[Any], Any]] = [
        click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)),
        click.option("--merchant", "slug", required=True, help="The slug of the merchant."),
        click.option("--map", "maps", multiple=True, metavar="field=Column", help="Which column has a field; by default a column is the field of its name."),
        click.option("--set", "sets", multiple=True, metavar="field=value", help="One value for all rows; {Column} in it is replaced by the row's cell."),
        click.option("--date-format", help="How the file writes dates, such as '%m/%d/%Y %H:%M'; ISO 8601 is always read."),
        click.option("--timezone", help="Whose wall clock the dates are, such as Europe/London; default: the merchant's."),
        click.option("--delimiter", default=",", show_default=True, help="What separates cells; 'tab' for a tabulator."),
        click.option("--dry-run", is_flag=True, help="Write nothing, and print the same summary."),
        click.option("--report", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Where to write the rejected rows and their reasons, as CSV."),
    ]  # fmt: skip

    def run(**given: Any) -> None:
        _run(kind, **given)

    command: Any = run
    for option in reversed(options):
        command = option(command)
    made: click.Command = click.command(kind, help=f"Import {kind} from the CSV in FILE.\n\n{_DESCRIPTIONS[kind]}")(
        command
    )
    return made


for _kind in _DESCRIPTIONS:
    import_.add_command(_command(_kind))


def _run(
    kind: str, *, file: Path, slug: str, maps: tuple[str, ...], sets: tuple[str, ...], date_format: str | None,
    timezone: str | None, delimiter: str, dry_run: bool, report: Path | None,
) -> None:  # fmt: skip
    from portal.importing.operations.files import ImportRequest, prepare_import, run_import

    request = ImportRequest(
        kind, file, [_pair("--map", text) for text in maps], [_pair("--set", text) for text in sets], date_format, timezone,
        _one_character(delimiter), dry_run,
    )  # fmt: skip
    with ExitStack() as stack:
        database = stack.enter_context(open_database(load_settings()))
        merchant = named_merchant(database, slug)
        try:
            prepared = prepare_import(request, merchant, SystemClock())
        except MappingFault as fault:
            raise click.UsageError(str(fault)) from fault
        if prepared.file.encoding == "cp1252":
            click.echo(f"{file} is not UTF-8; it is read as Windows-1252", err=True)
        out = stack.enter_context(_opened(report)) if report else None
        summary = run_import(database, prepared, TerminalProgress() if sys.stderr.isatty() else PlainProgress(), out)
    click.echo(json.dumps(summary.as_dict()))


class TerminalProgress:
    """A progress bar for a terminal."""

    def begin(self, label: str, total: int) -> None:
        self._bar = click.progressbar(length=max(total, 1), label=f"{label:<7}", file=sys.stderr)
        self._bar.__enter__()

    def advance(self, amount: int) -> None:
        self._bar.update(amount)

    def end(self) -> None:
        self._bar.update(self._bar.length or 0)
        self._bar.__exit__(None, None, None)


class PlainProgress:
    """A line every few seconds, for a log."""

    _PAUSE_SECONDS = 5.0

    def begin(self, label: str, total: int) -> None:
        self._label, self._total, self._done, self._printed_at = label, total, 0, time.monotonic()
        self._unit = "bytes" if label == "reading" else "rows"
        click.echo(f"{label}: {total} {self._unit}", err=True)

    def advance(self, amount: int) -> None:
        self._done += amount
        if time.monotonic() - self._printed_at >= self._PAUSE_SECONDS:
            self._printed_at = time.monotonic()
            click.echo(f"{self._label}: {self._done} of {self._total} {self._unit}", err=True)

    def end(self) -> None:
        """Print nothing: the next line or the summary follows."""


def _pair(option: str, text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or not field.strip() or (option == "--map" and not value.strip()):
        raise click.UsageError(f"{option} {text} is not of the form field=…")
    return field.strip(), value.strip()


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
