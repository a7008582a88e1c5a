"""The worked examples of docs/importing.md: each command is run on the file that stands above it, and makes what the table says."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.customers.models import Customer
from portal.database import Database
from portal.invoices.models import CreditNote, Invoice
from portal.money import major_units
from portal.payments.models import Payment
from tests.conftest import SECRET_KEY
from tests.support.commands import Commands

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "importing.md"
SYSTEMS = ("Stripe", "Xero", "QuickBooks", "Shopify", "WooCommerce", "Notch Pay")
_BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def section_of(system: str) -> str:
    examples = DOCUMENT.read_text(encoding="utf-8").partition("## Worked examples")[2].partition("\n## ")[0]
    return examples.partition(f"### {system}\n")[2].partition("\n### ")[0]


def commands_in(section: str) -> Iterator[tuple[list[str], dict[str, int]]]:
    """Each command with the summary that stands below it."""
    for block in _BLOCK.finditer(section):
        if block["language"] != "sh":
            continue
        for command, summary in re.findall(
            r"^portal (.*?)\n# (\{.*\})$", block["text"].replace("\\\n", " "), re.MULTILINE
        ):
            yield shlex.split(command), json.loads(summary)


def tables_in(section: str, first: str) -> list[list[str]]:
    """The rows of the tables whose first column has this name."""
    rows: list[list[str]] = []
    for table in re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n?)+)", section, re.MULTILINE):
        rows += [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    return rows


@pytest.fixture
def commands(database: Database, capsys, monkeypatch, tmp_path) -> Commands:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    monkeypatch.chdir(tmp_path)
    commands = Commands(capsys)
    commands.run("merchant", "create", "acme", "--name", "Acme", "--currency", "EUR")
    return commands


@pytest.mark.parametrize("system", SYSTEMS)
def test_example_makes_what_its_table_says(database, commands, tmp_path, system):
    section = section_of(system)
    for block in _BLOCK.finditer(section):
        if block["language"] == "csv":
            (tmp_path / block["name"]).write_text(block["text"], encoding="utf-8")

    documented = list(commands_in(section))
    for command, summary in documented:
        ran = commands.run(*command)
        assert ran.json == summary, ran.err
        again = commands.run(*command).json
        assert (again["created"], again["updated"], again["rejected"]) == (0, 0, summary["rejected"])

    assert documented
    assert commands.run("doctor", "--ledger").code == 0
    assert tables_in(section, "number") == (documents_in(database) if tables_in(section, "number") else [])
    assert tables_in(section, "reference") == (payments_in(database) if tables_in(section, "reference") else [])


def test_each_system_has_its_example():
    assert re.findall(
        r"^### (.*)$", DOCUMENT.read_text(encoding="utf-8").partition("## Worked examples")[2], re.MULTILINE
    ) == list(SYSTEMS)


def documents_in(database: Database) -> list[list[str]]:
    """All invoices and credit notes as the tables of the document have them."""
    with database.read() as reader:
        invoices = reader.execute(
            sa.select(
                Invoice.number, Customer.email, Customer.reference, Invoice.status, Invoice.total, Invoice.amount_paid, Invoice.currency
            ).join(Customer, Customer.id == Invoice.customer_id).execution_options(tenant_wide=True)
        ).all()  # fmt: skip
        notes = reader.execute(
            sa.select(CreditNote.number, Customer.email, Customer.reference, CreditNote.amount, CreditNote.currency)
            .join(Customer, Customer.id == CreditNote.customer_id)
            .execution_options(tenant_wide=True)
        ).all()
    rows = [
        [row.number, row.email or row.reference, row.status, words(row.total, row.currency, row.currency), words(row.amount_paid, row.currency), ""]
        for row in invoices
    ]  # fmt: skip
    rows += [
        [row.number, row.email or row.reference, "", "", "", words(row.amount, row.currency, row.currency)]
        for row in notes
    ]
    return sorted(rows)


def payments_in(database: Database) -> list[list[str]]:
    """All payments that have a reference, as the tables of the document have them."""
    with database.read() as reader:
        payments = reader.execute(
            sa.select(
                Payment.reference, Customer.email, Customer.reference.label("name"), Payment.status, Payment.amount, Payment.amount_refunded,
                Payment.currency,
            ).join(Customer, Customer.id == Payment.customer_id).where(Payment.reference.is_not(None)).execution_options(tenant_wide=True)
        ).all()  # fmt: skip
    return sorted(
        [row.reference, row.email or row.name, row.status, words(row.amount, row.currency, row.currency), words(row.amount_refunded, row.currency)]
        for row in payments
    )  # fmt: skip


def words(amount: int, currency: str, unit: str = "") -> str:
    return f"{major_units(amount, currency):f} {unit}".strip()
