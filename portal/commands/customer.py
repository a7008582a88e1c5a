"""`portal customer`: who pays a merchant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import click

from portal.clock import SystemClock
from portal.commands.arguments import read_entries, read_instant
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
from portal.contacts import ContactRefused, normalise_phone
from portal.customers.errors import InvalidCustomer
from portal.customers.operations import create_customer, dismiss_merge, unblock_customer, update_customer
from portal.customers.queries.customers import StoredCustomer, get_customer, list_customers
from portal.customers.queries.merges import list_merge_proposals
from portal.customers.rules.profiles import (
    ADDRESS_PARTS,
    MIN_SEARCH_LENGTH,
    TYPES,
    CustomerDetails,
    email_key,
    is_found_in,
)
from portal.customers.shapes import shape_customers, shape_merge_proposal
from portal.database import Database, Reader
from portal.events.rules import COMMAND
from portal.merchants.queries import MerchantProfile
from portal.paging import read_pages
from portal.public_ids import is_id
from portal.tenancy import MerchantScope, Scope

Command = TypeVar("Command", bound=Callable[..., Any])
_DOCUMENTS = {
    "billing_address": "--billing-address",
    "shipping_address": "--shipping-address",
    "fields": "--field",
    "metadata": "--metadata",
}
_WHO = click.argument("customer_name", metavar="CUSTOMER")
_ALLOW_DUPLICATE = click.option(
    "--allow-duplicate", is_flag=True, help="Let several customers have this email or telephone."
)


@click.group()
def customer() -> None:
    """List, show, create, update, block, delete and erase customers, and the persons of their accounts; see which may be one.

    CUSTOMER is an id (cus_…), the merchant's own reference, or an email address.
    """


@customer.command("list")
@merchant_option
@click.option("--search", help="A part of the name, company, email or telephone; at least three characters.")
@click.option("--email", help="Those with this email address.")
@click.option("--phone", help="The one with this telephone number, such as +237670000000.")
@click.option("--reference", help="The one with this reference.")
@click.option("--created-after", help="Those created after this instant or day, such as 2026-01-31T12:00:00Z.")
@click.option("--metadata", "metadata", multiple=True, metavar="KEY=VALUE", help="Those with this entry.")
@limit_option
def list_(
    slug: str,
    search: str | None,
    email: str | None,
    phone: str | None,
    reference: str | None,
    created_after: str | None,
    metadata: tuple[str, ...],
    limit: int | None,
) -> None:
    """Print the customers as JSON, one a line, newest first; all filters must fit."""
    if search is not None and len(search.strip()) < MIN_SEARCH_LENGTH:
        raise click.BadParameter(f"has at least {MIN_SEARCH_LENGTH} characters", param_hint="--search")
    entries = read_entries("--metadata", metadata)
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        since = read_instant("--created-after", created_after, merchant) if created_after else None
        with database.read() as reader, wrong_usage(ContactRefused):
            pages = read_pages(
                lambda cursor, size: list_customers(
                    reader,
                    MerchantScope(merchant.id),
                    email=email,
                    phone=normalise_phone(phone) if phone else None,
                    reference=reference,
                    created_after=since,
                    cursor=cursor,
                    limit=size,
                ),
                lambda row: row.id,
            )
            chosen = ([row for row in page if _is_chosen(row, search, entries)] for page in pages)
            print_rows(_shapes(reader, merchant, chosen), limit)


@customer.command("show")
@merchant_option
@_WHO
def show(slug: str, customer_name: str) -> None:
    """Print a customer as JSON."""
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            print_rows(_shapes(reader, merchant, iter([[named_customer(reader, merchant, customer_name)]])))


def _details(command: Command) -> Command:
    """Add the options that say what a customer is, in the order in which they are shown."""
    options = (
        click.option("--email", help="The email address."),
        click.option("--phone", help="The telephone number with its country, such as +237670000000."),
        click.option("--reference", help="The merchant's own name for the customer."),
        click.option("--name", help="The person's name."),
        click.option("--company-name", help="The company's name."),
        click.option("--type", "type_", type=click.Choice(TYPES), help="Whether it is a person or a business."),
        click.option("--locale", help="The language of pages and mails, such as fr."),
        click.option("--timezone", help="The customer's timezone, such as Africa/Douala."),
        click.option("--purchase-order", help="The customer's order number, printed on new invoices."),
        click.option("--tax-id", "tax_ids", multiple=True, metavar="TYPE=VALUE", help="A tax number, such as eu_vat=DE136695976; replaces all there are."),
        click.option("--billing-address", multiple=True, metavar="PART=VALUE", help=f"A part of it: {', '.join(ADDRESS_PARTS)}."),
        click.option("--shipping-address", multiple=True, metavar="PART=VALUE", help="A part of the shipping address."),
        click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field such as date_of_birth."),
        click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="An entry of the merchant's own."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@customer.command("create")
@merchant_option
@_details
@_ALLOW_DUPLICATE
def create(slug: str, allow_duplicate: bool, **given: Any) -> None:
    """Create a customer with an email, a telephone or a reference, and print it as JSON."""
    details, at = _read_details(given), SystemClock().now()
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.unit_of_work() as session, wrong_usage(InvalidCustomer):
            customer_id = create_customer(
                session, merchant.id, details, actor=COMMAND, at=at, allow_duplicate=allow_duplicate
            )
        _print(database, merchant, customer_id)


@customer.command("update")
@merchant_option
@_WHO
@_details
@_ALLOW_DUPLICATE
def update(slug: str, customer_name: str, allow_duplicate: bool, **given: Any) -> None:
    """Change what is named, and print the customer as JSON. An empty value removes what was there."""
    details, at = _read_details(given), SystemClock().now()
    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        with database.unit_of_work() as session, wrong_usage(InvalidCustomer):
            update_customer(
                session, merchant.id, customer_id, details, actor=COMMAND, at=at, allow_duplicate=allow_duplicate
            )
        _print(database, merchant, customer_id)


@customer.command("block")
@merchant_option
@_WHO
def block(slug: str, customer_name: str) -> None:
    """Sign a customer out everywhere and let it sign in no more, and print it as JSON."""
    from portal.sign_in.operations import block_customer

    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        database.run(
            partial(block_customer, scope=Scope(merchant.id, customer_id), actor=COMMAND, at=SystemClock().now())
        )
        _print(database, merchant, customer_id)


@customer.command("unblock")
@merchant_option
@_WHO
def unblock(slug: str, customer_name: str) -> None:
    """Let a blocked customer sign in again, and print it as JSON."""
    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        database.run(
            partial(unblock_customer, scope=Scope(merchant.id, customer_id), actor=COMMAND, at=SystemClock().now())
        )
        _print(database, merchant, customer_id)


@customer.command("delete")
@merchant_option
@_WHO
def delete(slug: str, customer_name: str) -> None:
    """Delete a customer, who is signed out everywhere. Invoices, payments and the reference stay, for the books."""
    from portal.sign_in.operations import delete_customer

    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        database.run(
            partial(delete_customer, scope=Scope(merchant.id, customer_id), actor=COMMAND, at=SystemClock().now())
        )
    print_rows([{"id": customer_id, "object": "customer", "deleted": True}])


@customer.command("erase")
@merchant_option
@_WHO
def erase(slug: str, customer_name: str) -> None:
    """Have a customer's personal data erased by the worker, for good, and print the erasure as JSON.

    It begins as soon as no money is under way. Issued invoices stay as they are, for the books. A customer that was deleted is named by
    its id.
    """
    from portal.privacy.operations.erasing import request_erasure
    from portal.privacy.queries import find_erasure, read_money_under_way
    from portal.privacy.shapes import shape_erasure

    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            is_named = is_id("cus", customer_name)
            customer_id = customer_name if is_named else named_customer(reader, merchant, customer_name).id
        scope = Scope(merchant.id, customer_id)
        database.run(partial(request_erasure, scope=scope, actor=COMMAND, at=SystemClock().now()))
        with database.read() as reader:
            found = find_erasure(reader, scope)
            assert found is not None
            print_rows([shape_erasure(found, read_money_under_way(reader, scope))])


@customer.group("people")
def people() -> None:
    """List and remove the persons of a customer's account.

    PERSON is an id (per_…) or the person's email address. The account's own address is no person of it.
    """


@people.command("list")
@merchant_option
@_WHO
def list_people_(slug: str, customer_name: str) -> None:
    """Print the persons of an account as JSON, one a line, invited ones too, the oldest first."""
    from portal.people.queries import list_people
    from portal.people.shapes import shape_person

    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        with database.read() as reader:
            print_rows(map(shape_person, list_people(reader, Scope(merchant.id, customer_id))))


@people.command("remove")
@merchant_option
@_WHO
@click.argument("person_name", metavar="PERSON")
def remove_person_(slug: str, customer_name: str, person_name: str) -> None:
    """Remove a person, who is signed out everywhere, or withdraw an invitation; print the person as JSON."""
    from portal.people.queries import find_person, list_people
    from portal.people.shapes import shape_person
    from portal.sign_in.operations.people import remove_person

    with open_database(load_settings()) as database:
        merchant, customer_id = _find(database, slug, customer_name)
        scope = Scope(merchant.id, customer_id)
        with database.read() as reader:
            key = email_key(person_name)
            found = [
                each for each in list_people(reader, scope) if each.id == person_name or email_key(each.email) == key
            ]
        if not found:
            raise click.ClickException(f"this account has no person {person_name}")
        database.run(partial(remove_person, scope=scope, person_id=found[0].id, actor=COMMAND, at=SystemClock().now()))
        with database.read() as reader:
            removed = find_person(reader, scope, found[0].id)
            assert removed is not None
            print_rows([shape_person(removed)])


@customer.command("merge-proposals")
@merchant_option
@click.option("--customer", "customer_name", metavar="CUSTOMER", help="Those with this customer alone.")
@limit_option
def merge_proposals(slug: str, customer_name: str | None, limit: int | None) -> None:
    """Print the pairs of customers that may be one, as JSON, one a line, newest first.

    `customer` proved by a code the email address that `other` has. Nothing was merged: each has its own invoices and payments.
    """
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            of = named_customer(reader, merchant, customer_name).id if customer_name is not None else None
            proposals = list_merge_proposals(reader, MerchantScope(merchant.id), of=of)
            print_rows(map(shape_merge_proposal, proposals), limit)


@customer.command("dismiss-merge")
@merchant_option
@_WHO
@click.argument("other_name", metavar="OTHER")
def dismiss_merge_(slug: str, customer_name: str, other_name: str) -> None:
    """Keep two customers apart: their merge is not proposed again."""
    with open_database(load_settings()) as database:
        merchant = named_merchant(database, slug)
        with database.read() as reader:
            customer_id, other_id = (named_customer(reader, merchant, name).id for name in (customer_name, other_name))
        scope = MerchantScope(merchant.id)
        database.run(
            partial(
                dismiss_merge,
                scope=scope,
                customer_id=customer_id,
                other_id=other_id,
                actor=COMMAND,
                at=SystemClock().now(),
            )
        )
    print_rows([{"object": "merge_proposal", "customer": customer_id, "other": other_id, "dismissed": True}])


def _find(database: Database, slug: str, customer_name: str) -> tuple[MerchantProfile, str]:
    merchant = named_merchant(database, slug)
    with database.read() as reader:
        return merchant, named_customer(reader, merchant, customer_name).id


def _print(database: Database, merchant: MerchantProfile, customer_id: str) -> None:
    with database.read() as reader:
        stored = get_customer(reader, MerchantScope(merchant.id), customer_id)
        print_rows(_shapes(reader, merchant, iter([[stored]])))


def _shapes(
    reader: Reader, merchant: MerchantProfile, pages: Iterator[list[StoredCustomer]]
) -> Iterator[dict[str, Any]]:
    for page in pages:
        yield from shape_customers(reader, merchant, page)


def _read_details(given: dict[str, Any]) -> CustomerDetails:
    """Return the details of the options; a document of which nothing is given is not touched."""
    documents: dict[str, Any] = {
        name: read_entries(option, given.pop(name)) or None for name, option in _DOCUMENTS.items()
    }
    tax_ids = read_entries("--tax-id", given.pop("tax_ids"))
    return CustomerDetails(
        type=given.pop("type_"),
        tax_ids=[{"type": type_, "value": value or ""} for type_, value in tax_ids.items() if value]
        if tax_ids
        else None,
        **given,
        **documents,
    )


def _is_chosen(row: StoredCustomer, search: str | None, entries: Mapping[str, str | None]) -> bool:
    texts = (row.name, row.company_name, row.email, row.phone)
    return (search is None or is_found_in(texts, search)) and all(
        row.metadata.get(key) == value for key, value in entries.items()
    )
