"""`portal pay-link`: the address at which one invoice is paid without signing in."""

from __future__ import annotations

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, merchant_option, named_merchant, open_database
from portal.commands.invoice import INVOICE_NAME, OF_CUSTOMER, find_named_invoice
from portal.events.rules import COMMAND
from portal.tenancy import MerchantScope


@click.group("pay-link")
def pay_link() -> None:
    """Create or revoke the pay link of an invoice.

    INVOICE is an id (inv_…) or a number; --customer tells apart several of one number.
    """


@pay_link.command("create")
@merchant_option
@OF_CUSTOMER
@INVOICE_NAME
def create(slug: str, customer: str | None, invoice_name: str) -> None:
    """Print the URL at which the invoice is paid without signing in, alone on its line; the same one until it is revoked.

    Whoever has it sees the invoice and can pay it. It ends 14 days after the invoice is paid or cancelled.
    """
    from portal.pay_links.operations import address_of, create_pay_link

    settings = load_settings()
    with open_database(settings) as database:
        merchant = named_merchant(database, slug)
        invoice_id = find_named_invoice(database, merchant, invoice_name, customer)
        scope, at = MerchantScope(merchant.id), SystemClock().now()
        link_id = database.run(lambda work: create_pay_link(work, scope, invoice_id, actor=COMMAND, at=at))
    click.echo(address_of(settings, merchant.id, merchant.slug, link_id))


@pay_link.command("revoke")
@merchant_option
@OF_CUSTOMER
@INVOICE_NAME
def revoke(slug: str, customer: str | None, invoice_name: str) -> None:
    """Revoke the invoice's pay link. Later mails have none, until another is created; a payment that was confirmed by it goes on."""
    from portal.pay_links.operations import revoke_pay_link

    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        invoice_id = find_named_invoice(database, merchant, invoice_name, customer)
        scope, at = MerchantScope(merchant.id), SystemClock().now()
        is_revoked = database.run(lambda work: revoke_pay_link(work, scope, invoice_id, actor=COMMAND, at=at))
    if not is_revoked:
        raise click.ClickException("this invoice has no pay link")
    click.echo("revoked")
