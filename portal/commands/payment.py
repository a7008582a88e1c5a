"""`portal payment`: what customers paid a merchant, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from portal.commands.arguments import read_day, start_of_day
from portal.commands.environment import (
    limit_option,
    load_settings,
    merchant_option,
    named_customer,
    named_merchant,
    open_database,
    print_rows,
)
from portal.database import Reader
from portal.errors import NotFound
from portal.gateways.contract import METHOD_TYPES
from portal.paging import read_pages
from portal.payments.queries.payments import StoredPayment, find_payment, list_payments
from portal.payments.rules.statuses import PAYMENT_STATUSES
from portal.payments.shapes import shape_payments
from portal.tenancy import MerchantScope

_METHOD_TYPES = (*METHOD_TYPES, "credit")
"""With what a payment can have been made: a method of a gateway, or the customer's credit alone."""


@click.group()
def payment() -> None:
    """List and show payments."""


@payment.command("list")
@merchant_option
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(PAYMENT_STATUSES),
    help="Those in this status; may be repeated.",
)
@click.option("--customer", help="Those of a customer, by id, reference or email address.")
@click.option(
    "--method", type=click.Choice(_METHOD_TYPES), help="Those paid by this kind of method, or by credit alone."
)
@click.option("--currency", help="Those in this currency, by ISO 4217.")
@click.option("--from", "since", help="Those created on this day or later, such as 2026-01-31.")
@click.option("--to", "until", help="Those created on this day or earlier.")
@limit_option
def list_(
    slug: str,
    statuses: tuple[str, ...],
    customer: str | None,
    method: str | None,
    currency: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
) -> None:
    """Print the payments as JSON, one a line, newest first; amounts are in minor units, days in the merchant's timezone."""
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        first = start_of_day(read_day("--from", since), merchant) if since else None
        end = start_of_day(read_day("--to", until) + timedelta(days=1), merchant) if until else None
        scope = MerchantScope(merchant.id)
        with database.read() as reader:
            customer_id = named_customer(reader, merchant, customer).id if customer else None
            pages = read_pages(
                lambda cursor, size: list_payments(
                    reader,
                    scope,
                    statuses=statuses,
                    method_type=method,
                    currency=currency.upper() if currency else None,
                    since=first,
                    until=end,
                    customer_id=customer_id,
                    cursor=cursor,
                    limit=size,
                ),
                lambda row: row.id,
            )
            print_rows(_shapes(reader, scope, pages), limit)


@payment.command("show")
@merchant_option
@click.argument("payment_id", metavar="PAYMENT")
def show(slug: str, payment_id: str) -> None:
    """Print a payment (pay_…) as JSON; amounts are in minor units."""
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        scope = MerchantScope(merchant.id)
        with database.read() as reader:
            found = find_payment(reader, scope, payment_id)
            if found is None:
                raise NotFound(f"{merchant.slug} has no payment {payment_id}")
            print_rows(_shapes(reader, scope, iter([[found]])))


def _shapes(reader: Reader, scope: MerchantScope, pages: Iterator[list[StoredPayment]]) -> Iterator[dict[str, Any]]:
    for page in pages:
        yield from shape_payments(reader, scope, page)
