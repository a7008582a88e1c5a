"""`portal session`: a URL that signs one customer in."""

from __future__ import annotations

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database
from portal.customers.errors import UnknownCustomer
from portal.customers.queries.customers import StoredCustomer, get_customer, list_customers_by_email
from portal.database import Reader
from portal.tenancy import MerchantScope, Scope


@click.group()
def session() -> None:
    """Create a URL that signs a customer in."""


@session.command("create")
@click.option("--merchant", "slug", required=True, help="The slug of the merchant.")
@click.option("--customer", required=True, help="The customer's id (cus_…) or mail address.")
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
            found = _find(reader, merchant.id, customer)
        with database.unit_of_work() as work:
            created = create_portal_session(
                work,
                settings,
                Scope(merchant.id, found.id),
                actor=COMMAND,
                at=SystemClock().now(),
            )
    click.echo(settings.page_url(merchant.slug, created.path))


def _find(reader: Reader, merchant_id: str, id_or_email: str) -> StoredCustomer:
    if "@" not in id_or_email:
        found = get_customer(reader, MerchantScope(merchant_id), id_or_email)
        if found.blocked:
            raise click.ClickException("this customer is blocked")
        return found
    several = [
        row for row in list_customers_by_email(reader, MerchantScope(merchant_id), id_or_email) if not row.blocked
    ]
    if not several:
        raise UnknownCustomer("there is no customer with this mail address")
    if len(several) > 1:
        raise click.ClickException(
            f"{len(several)} customers have this mail address; name one: {', '.join(row.id for row in several)}"
        )
    return several[0]
