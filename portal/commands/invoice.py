"""`portal invoice`: what customers owe a merchant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from portal.clock import SystemClock
from portal.commands.arguments import read_day
from portal.commands.environment import (
    limit_option,
    load_settings,
    merchant_option,
    named_customer,
    named_merchant,
    open_database,
    print_rows,
    wrong_usage,
)
from portal.database import Database, Reader
from portal.documents.errors import InvalidAttachment
from portal.documents.rules import MAX_ATTACHED_BYTES
from portal.events.rules import COMMAND
from portal.invoices.errors import InvalidInvoice, UnknownInvoice
from portal.invoices.operations.invoices import NewInvoice, NewLine, create_invoice, void_invoice
from portal.invoices.operations.papers import attach_invoice_document
from portal.invoices.queries.invoices import StoredInvoice, find_invoice, get_invoice, list_invoices
from portal.invoices.rules import OUTSTANDING, InvoiceStatus
from portal.invoices.shapes import shape_invoices
from portal.merchants.queries import MerchantProfile
from portal.money import CURRENCIES, AmountError, exponent, parse_decimal
from portal.paging import read_pages
from portal.tenancy import MerchantScope

_STATUSES = ("outstanding", "overdue", *(status.value for status in InvoiceStatus))
_LINE = re.compile(r"(?P<description>.*)=(?P<unit>-?[0-9.]+)(?:\*(?P<quantity>[0-9.]+))?(?:@(?P<rate>[0-9.]+)%?)?")
INVOICE_NAME = click.argument("invoice_name", metavar="INVOICE")
OF_CUSTOMER = click.option("--customer", help="Whose invoice, by id, reference or email address.")


@click.group()
def invoice() -> None:
    """List, show, create and void invoices, and attach PDFs of your own.

    INVOICE is an id (inv_…) or a number; --customer tells apart several of one number.
    """


@invoice.command("list")
@merchant_option
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(_STATUSES), help="Those in this status; may be repeated."
)
@click.option("--customer", help="Those of a customer, by id, reference or email address.")
@click.option("--number", help="Those with this number.")
@limit_option
def list_(slug: str, statuses: tuple[str, ...], customer: str | None, number: str | None, limit: int | None) -> None:
    """Print the invoices as JSON, one a line, newest first; amounts are in minor units."""
    if "overdue" in statuses and len(statuses) > 1:
        raise click.UsageError("--status overdue stands alone")
    at = SystemClock().now()
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            customer_id = named_customer(reader, merchant, customer).id if customer else None
            pages = read_pages(
                lambda cursor, size: list_invoices(
                    reader,
                    MerchantScope(merchant.id),
                    statuses=_stored_statuses(statuses),
                    overdue_on=merchant.day_of(at) if "overdue" in statuses else None,
                    customer_id=customer_id,
                    number=number,
                    cursor=cursor,
                    limit=size,
                ),
                lambda row: row.id,
            )
            print_rows(_shapes(reader, merchant, pages, at), limit)


@invoice.command("show")
@merchant_option
@OF_CUSTOMER
@INVOICE_NAME
def show(slug: str, customer: str | None, invoice_name: str) -> None:
    """Print an invoice as JSON; amounts are in minor units."""
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        _print(database, merchant, find_named_invoice(database, merchant, invoice_name, customer))


@invoice.command("create")
@merchant_option
@click.option("--customer", required=True, help="Who owes it, by id, reference or email address.")
@click.option(
    "--line",
    "lines",
    multiple=True,
    required=True,
    metavar="DESCRIPTION=UNIT_AMOUNT[*QUANTITY][@TAX_RATE]",
    help="A line, in major units: 'Annual plan=120.00', 'Seats=12.50*3@19.25'; may be repeated.",
)
@click.option("--currency", help="By ISO 4217; the merchant's unless another is given.")
@click.option("--number", default="", help="Its number; without one the merchant's next, such as ACME-0001.")
@click.option("--description", default="", help="What it is for; the first line unless it is given.")
@click.option("--issued-on", help="A day such as 2026-01-31; today unless it is given.")
@click.option("--due-on", help="A day; the merchant's usual number of days later unless it is given.")
def create(
    slug: str,
    customer: str,
    lines: tuple[str, ...],
    currency: str | None,
    number: str,
    description: str,
    issued_on: str | None,
    due_on: str | None,
) -> None:
    """Create an open invoice and print it as JSON; amounts are in minor units."""
    at = SystemClock().now()
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        unit = (currency or merchant.currency).upper()
        if unit not in CURRENCIES:
            raise click.BadParameter("is not one of ISO 4217", param_hint="--currency")
        issued = read_day("--issued-on", issued_on) if issued_on else merchant.day_of(at)
        new = NewInvoice(
            number=number,
            currency=unit,
            issued_on=issued,
            due_on=read_day("--due-on", due_on) if due_on else issued + timedelta(days=merchant.due_days),
            description=description,
            lines=[_read_line(text, unit) for text in lines],
        )
        with database.read() as reader:
            customer_id = named_customer(reader, merchant, customer).id
        with database.unit_of_work() as session, wrong_usage(InvalidInvoice):
            invoice_id = create_invoice(session, merchant, customer_id, new, actor=COMMAND, at=at)
        _print(database, merchant, invoice_id)


@invoice.command("void")
@merchant_option
@OF_CUSTOMER
@INVOICE_NAME
def void(slug: str, customer: str | None, invoice_name: str) -> None:
    """Take an invoice back that should not be paid, such as one that was imported wrongly, and print it as JSON.

    What is left to pay of it is not owed any more. One that is paid, or is being paid, is refused.
    """
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        invoice_id = find_named_invoice(database, merchant, invoice_name, customer)
        at = SystemClock().now()
        database.run(lambda session: void_invoice(session, merchant.id, invoice_id, actor=COMMAND, at=at))
        _print(database, merchant, invoice_id)


@invoice.command("attach")
@merchant_option
@OF_CUSTOMER
@INVOICE_NAME
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def attach(slug: str, customer: str | None, invoice_name: str, file: Path) -> None:
    """Serve a PDF of your own for an invoice, in place of ours; print the invoice as JSON.

    FILE is a PDF of at most 10 MB, not encrypted. A second one replaces the first.
    """
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        invoice_id = find_named_invoice(database, merchant, invoice_name, customer)
        at = SystemClock().now()
        with file.open("rb") as opened:
            content = opened.read(MAX_ATTACHED_BYTES + 1)
        with wrong_usage(InvalidAttachment):
            database.run(
                lambda session: attach_invoice_document(session, merchant.id, invoice_id, content, actor=COMMAND, at=at)
            )
        _print(database, merchant, invoice_id)


def _stored_statuses(names: Sequence[str]) -> tuple[str, ...]:
    if "overdue" in names:
        return ()
    return tuple(status for name in names for status in (OUTSTANDING if name == "outstanding" else (name,)))


def find_named_invoice(database: Database, merchant: MerchantProfile, name: str, customer: str | None) -> str:
    """Return the id of the invoice of this id or number. Raises UnknownInvoice, or a ClickException that names several."""
    with database.read() as reader:
        customer_id = named_customer(reader, merchant, customer).id if customer else None
        scope = MerchantScope(merchant.id)
        found = find_invoice(reader, scope, name)
        if found is not None and customer_id in (None, found.customer_id):
            return found.id
        several = list_invoices(reader, scope, customer_id=customer_id, number=name).rows
    if not several:
        raise UnknownInvoice(f"{merchant.slug} has no invoice {name}: name an id or a number")
    if len(several) > 1:
        ids = ", ".join(row.id for row in several)
        raise click.ClickException(
            f"{len(several)} invoices have the number {name}; name one by id or by --customer: {ids}"
        )
    return several[0].id


def _print(database: Database, merchant: MerchantProfile, invoice_id: str) -> None:
    with database.read() as reader:
        stored = get_invoice(reader, MerchantScope(merchant.id), invoice_id)
        print_rows(_shapes(reader, merchant, iter([[stored]]), SystemClock().now()))


def _shapes(
    reader: Reader, merchant: MerchantProfile, pages: Iterator[list[StoredInvoice]], at: datetime
) -> Iterator[dict[str, Any]]:
    for page in pages:
        yield from shape_invoices(reader, merchant, page, at=at)


def _read_line(text: str, currency: str) -> NewLine:
    match = _LINE.fullmatch(text)
    if match is None:
        raise click.BadParameter(
            f"{text!r} is not of the form DESCRIPTION=UNIT_AMOUNT[*QUANTITY][@TAX_RATE]", param_hint="--line"
        )
    try:
        unit, quantity = parse_decimal(match["unit"]), parse_decimal(match["quantity"] or "1")
        rate = parse_decimal(match["rate"]) if match["rate"] else None
    except AmountError as fault:
        raise click.BadParameter(f"{text!r}: {fault}", param_hint="--line") from None
    return NewLine(match["description"], quantity, _minor(unit, currency), rate)


def _minor(value: Decimal, currency: str) -> Decimal:
    """Return major units as minor ones, with their decimals: a unit price may be finer than the currency."""
    return value.scaleb(exponent(currency))
