"""Each command of `portal import` in a process of its own, which has imported nothing else: as an operator runs it.

A shared process has all tables and modules loaded already, and hides what a command forgets to import.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SECRET_KEY
from tests.support.command_forks import CommandForks

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "data" / "import"


@dataclass(frozen=True, slots=True)
class Shop:
    """An installation on SQLite with a merchant, `shop`, and no process but those that a test starts."""

    folder: Path
    forks: CommandForks

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATABASE_URL": f"sqlite:///{self.folder}/portal.db",
            "COLUMNS": "100",
        }

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.forks.run(*arguments, folder=ROOT, environment=self.environment, text=text or "")

    def imports(self, *arguments: str, text: str | None = None) -> dict[str, int]:
        """Run an import and return its summary, the one line that it prints."""
        ran = self.run("import", *arguments, "--merchant", "shop", text=text)
        assert ran.returncode == 0, ran.stderr
        found: dict[str, int] = json.loads(ran.stdout)
        return found

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()]


def counts(**given: int) -> dict[str, int]:
    return {"rows": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, **given}


@pytest.fixture
def shop(new_shop: Shop, tmp_path: Path) -> Shop:
    """With a database that no other test has imported anything into."""
    for file in new_shop.folder.glob("portal.db*"):
        shutil.copy(file, tmp_path)
    return replace(new_shop, folder=tmp_path)


@pytest.fixture(scope="module")
def new_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with CommandForks(sys.executable, folder) as forks:
        shop = Shop(folder, forks)
        for arguments in (["db", "upgrade"], ["merchant", "create", "shop", "--name", "Shop", "--currency", "USD"]):
            ran = shop.run(*arguments)
            assert ran.returncode == 0, ran.stderr
        yield shop


def test_each_import_its_list_its_undoing_and_the_ledger(shop):
    assert shop.imports("customers", "-", text="reference,name\nP1,Ann\n") == counts(rows=1, created=1)
    assert shop.imports("payments", str(CASES / "payments-min-crash.csv")) == counts(rows=1, created=1)
    invoice = "number,customer,issued_on,total,status\nA-1,P1,2025-10-01,12.00,open\nA-2,P1,2025-10-01,5,paid\n"
    assert shop.imports("invoices", "-", text=invoice) == counts(rows=2, created=2)

    runs = shop.lines("import", "list", "--merchant", "shop")

    assert [(run["kind"], run["file"], run["created"]) for run in runs] == [
        ("invoices", "standard input", 2), ("payments", "payments-min-crash.csv", 1), ("customers", "standard input", 1),
    ]  # fmt: skip
    assert shop.lines("import", "undo", runs[0]["id"]) == [
        {"run": runs[0]["id"], "payments": 1, "credit_notes": 0, "invoices": 2, "customers": 0, "customers_kept": 0}
    ]
    ledger = shop.run("doctor", "--ledger")
    assert (ledger.returncode, ledger.stdout.startswith("ok")) == (0, True)


def test_all_rows_rejected_is_1_and_the_report_is_mended_and_read_again(shop, tmp_path):
    file, report = tmp_path / "file.csv", tmp_path / "report.csv"
    file.write_text('sep=;\nnumber;customer;issued_on;total\nR-1;P1;2025-10-01;"1,5"\n')

    rejected = shop.run("import", "invoices", str(file), "--merchant", "shop", "--report", str(report))
    mended = tmp_path / "mended.csv"
    mended.write_text(report.read_text().replace("1,5", "1.50"))

    assert (rejected.returncode, json.loads(rejected.stdout)) == (1, counts(rows=1, rejected=1))
    assert shop.imports("invoices", str(mended)) == counts(rows=1, created=1)


def test_standard_error_says_which_columns_were_taken_and_what_was_rejected(shop):
    text = "Number,Customer,Issued On,Total\nE-1,P1,2025-10-01,1\nE-2,P1,2025-10-01,x\n"

    ran = shop.run("import", "invoices", "-", "--merchant", "shop", "--dry-run", text=text)

    assert json.loads(ran.stdout) == counts(rows=2, created=1, rejected=1)
    assert "read by their own names: number (Number), customer (Customer), issued_on (Issued On)" in ran.stderr
    assert "rejected 1 of 2: total is not a number" in ran.stderr
    assert "--report FILE" in ran.stderr
    assert "nothing was written" in ran.stderr


def test_at_a_terminal_the_first_rows_are_shown_as_they_become_and_a_bar(shop, tmp_path):
    file = tmp_path / "file.csv"
    file.write_text(
        'number,customer,customer_email,issued_on,total\nT-1,P9,a@x.example,2025-10-01,"$1,234.50"\nT-2,P9,,2025-10-02,-20\n'
        "T-3,P9,,2025-10-03,1e5\n"
    )

    shown = at_terminal(shop, "import", "invoices", str(file), "--merchant", "shop")

    assert re.search(r"number +customer +issued_on +total +status", shown)
    assert re.search(r"T-1 +a@x.example +2025-10-01 +1234.50 USD +open", shown)
    assert re.search(r"T-2 +a@x.example +2025-10-02 +-20.00 USD +credit note", shown)
    assert "line 4 is rejected: total is not a number" in shown
    assert shown.index("T-1") < shown.index("writing")
    assert re.search(r"writing +\[#+\] 3 of 3 rows in 0:0\d", shown)
    assert '{"rows": 3, "created": 2, "updated": 0, "unchanged": 0, "rejected": 1}' in shown


def test_help_lists_the_fields(shop):
    shown = " ".join(shop.run("import", "invoices", "--help").stdout.split())

    assert "Fields:" in shown
    assert all(name in shown for name in ("tax_amount", "amount_paid", "customer_country", "--none", "--skip-rows"))
    assert "Needed: number; customer or customer_email; issued_on; unit_amount or total." in shown


def at_terminal(shop: Shop, *arguments: str) -> str:
    """What a command prints at a terminal, where standard input, output and error are all the same."""
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal", *arguments],
            cwd=ROOT,
            env=shop.environment,
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        printed, deadline = b"", time.monotonic() + 60
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 1)
            if not ready:
                continue
            try:
                part = os.read(ours, 65536)
            except OSError:  # On Linux the end of a terminal is an error of reading.
                break
            if not part:
                break
            printed += part
        assert process.wait(timeout=10) == 0, printed
    finally:
        os.close(ours)
    return printed.decode()
