"""`portal merchant`: the merchants of an installation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import click

from portal.clock import SystemClock
from portal.commands.environment import (
    load_settings,
    named_merchant,
    open_database,
    pages_url,
    print_rows,
    wrong_usage,
)
from portal.commands.sandbox_account import new_account, register_webhook
from portal.events.rules import COMMAND
from portal.merchants.errors import InvalidMerchant, SlugReserved
from portal.merchants.operations import (
    SANDBOX,
    MerchantChanges,
    NewMerchant,
    connect_gateway,
    create_merchant,
    set_payment_options,
    update_merchant,
)
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.merchants.rules.payment_options import AMOUNT_MODES, AmountLimits, PaymentOptions, stored_options
from portal.money import AmountError, minor_units, parse_decimal
from portal.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
_SETTINGS = (
    click.option(
        "--locale", help="The language of pages and mails, unless a customer has one; en unless another is given."
    ),
    click.option("--timezone", help="The timezone of the merchant's dates; UTC unless another is given."),
    click.option(
        "--theme", help="The theme of the pages, as `portal theme list` names them; base unless another is given."
    ),
    click.option("--support-email", help="The support address on pages and in mails."),
)


@click.group()
def merchant() -> None:
    """Create, list, show and update merchants, or change how their customers may pay."""


def _settings(command: Command) -> Command:
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@merchant.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="The name that customers see.")
@click.option("--currency", required=True, help="The currency of most invoices, by ISO 4217.")
@click.option(
    "--mode", type=click.Choice(["test", "live"]), default="test", show_default=True, help="Whether payments are real."
)
@_settings
def create(slug: str, name: str, currency: str, mode: str, **settings_given: str | None) -> None:
    """Create a merchant and print it as JSON; `url` is where its pages are.

    One slug is one merchant in one mode: for both, create `shop` live and `shop-test`.
    """
    settings = load_settings()
    at = SystemClock().now()
    given = {option: value for option, value in settings_given.items() if value is not None}
    new = NewMerchant(slug=slug, name=name, currency=currency, mode=mode, themes=_themes(settings), **given)  # type: ignore[arg-type]  # Texts all.
    accounts = new_account(slug) if mode == "test" and settings.sandbox_url else None
    with open_database(settings) as database, database.unit_of_work() as session:
        with wrong_usage(InvalidMerchant, SlugReserved):
            made = create_merchant(session, new, actor=COMMAND, at=at)
        if accounts:
            connect_gateway(session, made, SANDBOX, accounts, keys=settings.keys, actor=COMMAND, at=at)
    if accounts:
        register_webhook(settings, made.slug, accounts)
    if pages_url(settings, made.slug) is None:
        click.echo(f"this application serves another merchant; mount {made.slug} with a Portal of its own", err=True)
    print_rows([_shape(settings, made)])


@merchant.command("list")
def list_() -> None:
    """Print all merchants as JSON, one a line, by their slugs."""
    settings = load_settings()
    with open_database(settings) as database, database.read() as reader:
        print_rows(_shape(settings, each) for each in list_merchants(reader))


@merchant.command("show")
@click.argument("slug")
def show(slug: str) -> None:
    """Print a merchant as JSON."""
    settings = load_settings()
    with open_database(settings) as database:
        print_rows([_shape(settings, named_merchant(database, slug))])


@merchant.command("update")
@click.argument("slug")
@click.option("--name", help="The name that customers see.")
@click.option("--currency", help="The currency of most invoices, by ISO 4217.")
@_settings
def update(slug: str, **given: str | None) -> None:
    """Change what is named, and print the merchant as JSON. An empty --support-email removes it."""
    settings = load_settings()
    with open_database(settings) as database:
        known = named_merchant(database, slug)
        with database.unit_of_work() as session, wrong_usage(InvalidMerchant):
            changed = update_merchant(
                session, known.id, MerchantChanges(**given), themes=_themes(settings), actor=COMMAND, at=SystemClock().now()
            )  # fmt: skip
        print_rows([_shape(settings, changed)])


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
    help="Let customers add credit, in major units: USD=10-500:25,50. Once for each currency; they replace all previous ones.",
)
@click.option("--no-top-ups", is_flag=True, help="Let customers add no credit.")
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


def _shape(settings: Settings, shown: MerchantProfile) -> dict[str, Any]:
    return {**asdict(shown), "object": "merchant", "livemode": shown.is_live, "url": pages_url(settings, shown.slug)}


def _themes(settings: Settings) -> set[str]:
    from portal.theming.checking import list_themes

    return {row.slug for row in list_themes(settings.themes_dir) if row.sound}


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
