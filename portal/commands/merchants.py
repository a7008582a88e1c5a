"""`portal merchant` and `portal api-key`: tenants and what opens the API to them."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database
from portal.commands.sandbox_account import ask_for_events, new_account
from portal.merchants.operations import SANDBOX, NewMerchant, connect_gateway, create_merchant
from portal.merchants.operations import create_api_key as make_api_key
from portal.merchants.rules import SCOPES


@click.group()
def merchant() -> None:
    """Create a merchant."""


@merchant.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="What customers know the merchant as.")
@click.option("--currency", required=True, help="The currency of most invoices, by ISO 4217.")
@click.option(
    "--mode", type=click.Choice(["test", "live"]), default="test", show_default=True, help="Whether money moves."
)
@click.option(
    "--locale", default="en", show_default=True, help="The language of pages and mails, unless a customer has one."
)
@click.option("--timezone", default="UTC", show_default=True, help="Where the merchant's days begin.")
@click.option(
    "--theme", default="base", show_default=True, help="The theme of the pages; `portal theme list` names them."
)
@click.option("--support-email", help="The address that pages and mails give for help.")
def create(
    slug: str, name: str, currency: str, mode: str, locale: str, timezone: str, theme: str, support_email: str | None
) -> None:
    """Create a merchant whose pages are below /SLUG, and print it as JSON.

    One slug is one merchant in one mode: who wants both makes `shop` live and `shop-test`.
    """
    from portal.theming.checking import list_themes

    settings = load_settings()
    themes = {row.slug for row in list_themes(settings.themes_dir) if row.sound}
    at = SystemClock().now()
    new = NewMerchant(
        slug=slug, name=name, currency=currency, mode=mode, locale=locale, timezone=timezone, theme=theme, themes=themes,
        support_email=support_email,
    )  # fmt: skip
    accounts = new_account(slug) if mode == "test" and settings.sandbox_url else None
    with open_database(settings) as database, database.unit_of_work() as session:
        made = create_merchant(session, new, at=at)
        if accounts:
            connect_gateway(session, made, SANDBOX, accounts, keys=settings.keys, at=at)
    if accounts:
        ask_for_events(settings, made.slug, accounts)
    click.echo(
        json.dumps(
            {**asdict(made), "object": "merchant", "livemode": made.is_live, "url": f"{settings.base_url}/{made.slug}"}
        )
    )


@click.group("api-key")
def api_key() -> None:
    """Create a key for the merchant API."""


@api_key.command("create")
@click.option("--merchant", "slug", required=True, help="The slug of the merchant.")
@click.option(
    "--scope", "scopes", multiple=True, help=f"What the key may do; all of it when none is named: {', '.join(SCOPES)}."
)
def create_key(slug: str, scopes: tuple[str, ...]) -> None:
    """Create a key and print it, this once: only a digest of it is kept."""
    with open_database(load_settings()) as database:
        owner = named_merchant(database, slug)
        with database.unit_of_work() as session:
            key = make_api_key(session, owner, scopes, at=SystemClock().now())
    click.echo(key)
