"""`portal merchant` and `portal api-key`: merchants and their API keys."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database, pages_url, wrong_usage
from portal.commands.sandbox_account import new_account, register_webhook
from portal.events.rules import COMMAND
from portal.merchants.errors import InvalidMerchant, SlugReserved, UnknownScope
from portal.merchants.operations import SANDBOX, NewMerchant, connect_gateway, create_merchant, set_payment_options
from portal.merchants.operations import create_api_key as make_api_key
from portal.merchants.rules.merchants import SCOPES
from portal.merchants.rules.payment_options import AMOUNT_MODES, AmountLimits, PaymentOptions, stored_options
from portal.money import AmountError, minor_units, parse_decimal


@click.group()
def merchant() -> None:
    """Create a merchant, or change how its customers may pay."""


@merchant.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="The name that customers see.")
@click.option("--currency", required=True, help="The currency of most invoices, by ISO 4217.")
@click.option(
    "--mode", type=click.Choice(["test", "live"]), default="test", show_default=True, help="Whether payments are real."
)
@click.option(
    "--locale", default="en", show_default=True, help="The language of pages and mails, unless a customer has one."
)
@click.option("--timezone", default="UTC", show_default=True, help="The timezone of the merchant's dates.")
@click.option(
    "--theme", default="base", show_default=True, help="The theme of the pages; `portal theme list` names them."
)
@click.option("--support-email", help="The support address on pages and in mails.")
def create(
    slug: str, name: str, currency: str, mode: str, locale: str, timezone: str, theme: str, support_email: str | None
) -> None:
    """Create a merchant and print it as JSON; `url` is where its pages are.

    One slug is one merchant in one mode: for both, create `shop` live and `shop-test`.
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
        with wrong_usage(InvalidMerchant, SlugReserved):
            made = create_merchant(session, new, actor=COMMAND, at=at)
        if accounts:
            connect_gateway(session, made, SANDBOX, accounts, keys=settings.keys, actor=COMMAND, at=at)
    if accounts:
        register_webhook(settings, made.slug, accounts)
    url = pages_url(settings, made.slug)
    if url is None:
        click.echo(f"this application serves another merchant; mount {made.slug} with a Portal of its own", err=True)
    click.echo(json.dumps({**asdict(made), "object": "merchant", "livemode": made.is_live, "url": url}))


@merchant.command("options")
@click.argument("slug")
@click.option(
    "--amount-mode",
    type=click.Choice(AMOUNT_MODES),
    help="What customers may pay of an invoice without a mode of its own.",
)
@click.option("--split/--no-split", "allow_split", default=None, help="Whether two methods may pay one invoice.")
@click.option(
    "--top-up",
    "top_ups",
    multiple=True,
    metavar="CURRENCY=LEAST-MOST[:PRESET,…]",
    help="Take money in advance, in major units: USD=10-500:25,50. Once for each currency; they replace all previous ones.",
)
@click.option("--no-top-ups", is_flag=True, help="Take no money in advance.")
@click.option(
    "--amounts",
    multiple=True,
    metavar="CURRENCY=LEAST-MOST[:PRESET,…]",
    help="Limits of a chosen amount of an invoice, where the invoice has none itself; as --top-up.",
)
@click.option("--no-amounts", is_flag=True, help="No limits of a chosen amount of an invoice.")
def options(
    slug: str,
    amount_mode: str | None,
    allow_split: bool | None,
    top_ups: tuple[str, ...],
    no_top_ups: bool,
    amounts: tuple[str, ...],
    no_amounts: bool,
) -> None:
    """Change how the merchant's customers may pay, and print it as JSON; without an option only print it."""
    if top_ups and no_top_ups:
        raise click.UsageError("--top-up and --no-top-ups contradict each other")
    if amounts and no_amounts:
        raise click.UsageError("--amounts and --no-amounts contradict each other")
    with open_database(load_settings()) as database:
        changed = named_merchant(database, slug)
        known = changed.options
        new = PaymentOptions(
            amount_mode or known.amount_mode,
            known.allow_split if allow_split is None else allow_split,
            {} if no_top_ups else _read_limits("--top-up", top_ups) or known.top_ups,
            {} if no_amounts else _read_limits("--amounts", amounts) or known.amounts,
        )
        if new != known:
            with database.unit_of_work() as session, wrong_usage(InvalidMerchant):
                set_payment_options(session, changed.id, new, actor=COMMAND, at=SystemClock().now())
    click.echo(json.dumps(stored_options(new)))


@click.group("api-key")
def api_key() -> None:
    """Create a key for the merchant API."""


@api_key.command("create")
@click.option("--merchant", "slug", required=True, help="The slug of the merchant.")
@click.option(
    "--scope", "scopes", multiple=True, help=f"What the key may do; all of it when none is named: {', '.join(SCOPES)}."
)
def create_key(slug: str, scopes: tuple[str, ...]) -> None:
    """Create a key and print it, the only time: just a digest of it is stored."""
    with open_database(load_settings()) as database:
        owner = named_merchant(database, slug)
        with database.unit_of_work() as session, wrong_usage(UnknownScope):
            key = make_api_key(session, owner, scopes, actor=COMMAND, at=SystemClock().now())
    click.echo(key)


def _read_limits(option: str, texts: tuple[str, ...]) -> dict[str, AmountLimits]:
    return dict(_read_limit(option, text) for text in texts)


def _read_limit(option: str, text: str) -> tuple[str, AmountLimits]:
    """Return the currency and limits, in minor units, of `USD=10-500:25,50`."""
    currency, _, limits = text.partition("=")
    span, _, presets = limits.partition(":")
    least, _, most = span.partition("-")
    try:
        amounts = [
            minor_units(parse_decimal(part), currency) for part in (least, most, *filter(None, presets.split(",")))
        ]
    except AmountError as fault:
        raise click.BadParameter(f"{text}: {fault}", param_hint=option) from None
    return currency, AmountLimits(amounts[0], amounts[1], tuple(amounts[2:]))
