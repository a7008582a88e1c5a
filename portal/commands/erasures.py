"""`portal erasures`: who was erased, and erasing them again after an older backup was restored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import IO

import click

from portal.commands.environment import load_settings, open_database, open_services, print_rows


@click.group()
def erasures() -> None:
    """List erased customers, or erase them again after an older backup was restored."""


@erasures.command("list")
def list_() -> None:
    """Print who was erased as JSON, one a line, by ids: what `replay` reads."""
    from portal.clock import write_instant
    from portal.merchants.queries import list_merchants
    from portal.privacy.queries import list_erased

    with open_database(load_settings()) as database, database.read() as reader:
        merchants = [merchant.id for merchant in list_merchants(reader)]
        print_rows(
            {"merchant": row.merchant_id, "customer": row.customer_id, "erased_at": write_instant(row.erased_at)}
            for row in list_erased(reader, merchants)
            if row.erased_at is not None
        )


@erasures.command("replay")
@click.argument("file", type=click.File("r", encoding="utf-8"))
def replay(file: IO[str]) -> None:
    """Erase the customers of FILE again, before customers and workers are let in; `-` is standard input.

    FILE is what PORTAL_ERASURES_FILE has gathered, or what `portal erasures list` printed of the database that was lost.
    """
    from portal.privacy.operations.replaying import replay_erasures

    tombstones = _read(file)
    with open_services(load_settings()) as services:
        read_count, restored_count = replay_erasures(services, tombstones)
    print_rows([{"lines": len(tombstones), "customers": read_count, "erased_again": restored_count}])


def _read(lines: Iterable[str]) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read = json.loads(line)
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(read.get(name), str) for name in ("merchant", "customer")):
            raise click.UsageError(f'line {number} is not {{"merchant": "mer_…", "customer": "cus_…"}}')
        found.append(read)
    return found
