"""`portal merchant`: the merchants of an installation."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO, TypeVar

import click
import tomli_w

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
from portal.merchants.errors import InvalidMerchant, InvalidSettings, SlugReserved
from portal.merchants.operations import (
    SANDBOX,
    MerchantChanges,
    NewMerchant,
    apply_settings,
    connect_gateway,
    create_merchant,
    update_merchant,
)
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.merchants.rules.merchant_settings import MAX_BYTES, MerchantSettings, read_document, write_document
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
    """Create, list, show and update merchants, or print, check and take what they decide."""


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


@merchant.command("settings")
@click.argument("slug")
@click.option("--check", "checked", type=click.File("rb"), help="Only check this file (- is standard input).")
@click.option(
    "--apply",
    "applied",
    type=click.File("rb"),
    help="Check this file whole, and take it as all that the merchant decides.",
)
def settings_(slug: str, checked: BinaryIO | None, applied: BinaryIO | None) -> None:
    """Print what a merchant decides as one TOML document, or check or take such a document.

    What a document leaves out has its default. All faults are named at once, each by its path; then nothing is changed.
    """
    if checked is not None and applied is not None:
        raise click.UsageError("--check and --apply contradict each other")
    with open_database(load_settings()) as database:
        known = named_merchant(database, slug)
        decided = known.settings
        if (file := checked or applied) is not None:
            decided = _read_settings(file, known.mode)
        if applied is not None:
            with database.unit_of_work() as session:
                apply_settings(session, known.id, decided, actor=COMMAND, at=SystemClock().now())
    if checked is None:
        click.echo(tomli_w.dumps(write_document(decided)), nl=False)


def _read_settings(file: BinaryIO, mode: str) -> MerchantSettings:
    """Return the settings of a TOML file; end with one line for each fault."""
    from portal.rendering.translations import available_locales

    try:
        content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise click.ClickException(f"{file.name} is larger than {MAX_BYTES:,} bytes")
        return read_document(tomllib.loads(content.decode()), languages=available_locales(), mode=mode)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise click.ClickException(f"{file.name} is not TOML: {fault}") from None
    except InvalidSettings as refused:
        for path, message in refused.faults:
            click.echo(f"{path}: {message}", err=True)
        raise SystemExit(1) from None


def _shape(settings: Settings, shown: MerchantProfile) -> dict[str, Any]:
    document = {name: value for name, value in asdict(shown).items() if name != "stored_settings"}
    return {**document, "object": "merchant", "livemode": shown.is_live, "url": pages_url(settings, shown.slug)}


def _themes(settings: Settings) -> set[str]:
    from portal.theming.checking import list_themes

    return {row.slug for row in list_themes(settings.themes_dir) if row.sound}
