"""`portal session`: a URL that signs one customer in."""

from __future__ import annotations

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, merchant_option, named_customer, named_merchant, open_database
from portal.tenancy import Scope


@click.group()
def session() -> None:
    """Create a URL that signs a customer in."""


@session.command("create")
@merchant_option
@click.option("--customer", required=True, help="The customer's id (cus_…), reference or email address.")
def create(slug: str, customer: str) -> None:
    """Print a URL that signs the customer in, once and within five minutes.

    Whoever has it can act as the customer: share it with nobody else.
    """
    from portal.events.rules import COMMAND
    from portal.sign_in.operations import create_portal_session

    settings = load_settings()
    with open_database(settings) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            found = named_customer(reader, merchant, customer)
        if found.blocked:
            raise click.ClickException("this customer is blocked")
        with database.unit_of_work() as work:
            created = create_portal_session(
                work,
                settings,
                Scope(merchant.id, found.id),
                actor=COMMAND,
                at=SystemClock().now(),
            )
    click.echo(settings.page_url(merchant.slug, created.path))
