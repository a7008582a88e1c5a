"""The `portal` command: the list of its commands, and the report of errors at the terminal.

Each command is imported on first use, so that `portal --help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from portal.commands.lazy_group import LazyGroup, one_line

COMMANDS = {
    "demo": ("portal.commands.demo:demo", "The whole system with example data, on this machine."),
    "serve": ("portal.commands.serve:serve", "The production web server."),
    "worker": ("portal.commands.worker:worker", "Background work: mail, reconciliation, jobs that are due."),
    "db": ("portal.commands.db:db", "Bring the database's schema up to date, or check it."),
    "merchant": (
        "portal.commands.merchant:merchant",
        "Create, list and update merchants, or change how their customers may pay.",
    ),
    "api-key": ("portal.commands.api_key:api_key", "Create, list and revoke keys of the merchant API."),
    "customer": ("portal.commands.customer:customer", "List, create, update, block, delete and erase customers."),
    "erasures": ("portal.commands.erasures:erasures", "List erased customers, or erase them again after a restore."),
    "invoice": ("portal.commands.invoice:invoice", "List, show, create and void invoices."),
    "pay-link": ("portal.commands.pay_link:pay_link", "Create or revoke the pay link of an invoice."),
    "payment": ("portal.commands.payment:payment", "List and show payments."),
    "gateway": (
        "portal.commands.gateway:gateway",
        "Connect a merchant to a gateway, list the accounts, rotate their keys.",
    ),
    "session": ("portal.commands.session:session", "Create a URL that signs a customer in."),
    "refund": ("portal.commands.refund:refund", "Refund a payment, in full or in part."),
    "import": ("portal.commands.import_:import_", "Import customers, invoices or payments from CSV."),
    "theme": ("portal.commands.theme:theme", "List the themes, or check them."),
    "doctor": ("portal.commands.doctor:doctor", "Check settings, database, mail, gateway, ledger and themes."),
}


@click.group(cls=LazyGroup, lazy_commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customer-portal", prog_name="portal")
def cli() -> None:
    """A self-service customer portal for payments.

    Settings are environment variables that begin with PORTAL_; a missing or wrong one is named at the start.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process: 0 for success, 2 for wrong usage, 1 for anything else."""
    try:
        code = cli.main(arguments, prog_name="portal", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as fault:
        click.echo(f"portal: {one_line(fault.format_message())}", err=True)
        sys.exit(fault.exit_code)
    except click.Abort:
        click.echo("portal: stopped", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever reads a list has read enough, as `head` has. What is still in the buffer has nowhere to go at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
