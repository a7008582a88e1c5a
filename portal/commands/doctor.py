"""`portal doctor`: checks of this installation."""

from __future__ import annotations

import os

import click

from portal.commands.environment import find_host
from portal.doctor import examine, examine_ledger
from portal.findings import Level


@click.command()
@click.option(
    "--ledger", is_flag=True, help="Check the ledger alone: sums, chain and balances; reads only the database."
)
@click.pass_context
def doctor(context: click.Context, ledger: bool) -> None:
    """Check settings, database, mail and its sender's domain, gateways, ledger and themes: one line each, ok, warning or fault.

    Exits 1 when there is a fault; warnings do not count.
    """
    has_fault = False
    run_checks = examine_ledger if ledger else examine
    host = find_host()
    for finding in run_checks(os.environ, loaded=host.settings if host else None):
        click.echo(str(finding))
        has_fault |= finding.level is Level.FAULT
    if has_fault:
        context.exit(1)
