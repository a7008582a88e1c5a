"""Imports files that a test writes, into one merchant, and looks at what came of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.database import Database
from portal.importing.operations.files import ImportRequest, prepare_import, run_import
from portal.importing.rules.runs import Summary
from portal.merchants.operations import NewMerchant, create_merchant
from portal.merchants.queries import MerchantProfile
from tests.support.actors import OPERATOR
from tests.support.statements import contents


class Silence:
    """Progress that nobody watches."""

    def begin(self, label: str, total: int) -> None: ...

    def advance(self, amount: int) -> None: ...

    def end(self) -> None: ...


class Importer:
    """Imports files of the test into one merchant."""

    def __init__(self, database: Database, merchant: MerchantProfile, clock: MovableClock, folder: Path) -> None:
        self.database, self.merchant, self.clock, self._folder = database, merchant, clock, folder

    def file(
        self, path: Path, *, kind: str = "invoices", report: io.StringIO | None = None, progress: Any = None, **how: Any
    ) -> Summary:
        prepared = prepare_import(ImportRequest(kind, path, **how), self.merchant, self.clock)
        return run_import(self.database, prepared, progress or Silence(), report).summary

    def text(self, *lines: str, **how: Any) -> Summary:
        path = self._folder / "file.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.file(path, **how)

    def refusals(self, *lines: str, **how: Any) -> list[tuple[int, str]]:
        report = io.StringIO()
        self.text(*lines, report=report, **how)
        rows = list(csv.reader(io.StringIO(report.getvalue()), delimiter=how.get("delimiter", ",")))
        return [(int(row[0]), row[1]) for row in rows[1:]]

    def rows(self, statement: sa.Select[*tuple[Any, ...]]) -> Sequence[sa.Row[Any]]:
        with self.database.read() as reader:
            return reader.execute(statement).all()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, to be compared."""
        return contents(self.database)

    def change(self, statement: sa.Update) -> None:
        with self.database.unit_of_work() as session:
            session.execute(statement)


def importer_of(database: Database, clock: MovableClock, folder: Path, slug: str = "acme") -> Importer:
    """An importer into a new merchant in London that bills in pounds."""
    with database.unit_of_work() as session:
        merchant = create_merchant(
            session, NewMerchant(slug, slug.title(), "GBP", timezone="Europe/London"), actor=OPERATOR, at=clock.now()
        )
    return Importer(database, merchant, clock, folder)
