"""What commands start with: settings, a database whose schema is current, and the merchant of a slug."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.customers.errors import UnknownCustomer
from portal.customers.queries.customers import (
    StoredCustomer,
    find_customer_by_reference,
    get_customer,
    list_customers_by_email,
)
from portal.database import Database, Reader
from portal.documents.brands import provide_brands
from portal.errors import PortalError
from portal.merchants.errors import UnknownMerchant
from portal.merchants.queries import MerchantProfile, find_merchant
from portal.public_ids import is_id
from portal.settings import Settings
from portal.tenancy import MerchantScope

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services
    from portal.theming.themes import ThemeSet


class SchemaBehind(PortalError):
    """The database has no schema yet, or one of another version of this program."""

    sentence = "the database's schema is not current: run `portal db upgrade`"


@dataclass(frozen=True, slots=True)
class Host:
    """The host application whose command runs, the application of the portal mounted in it, its services, and the slug of the merchant that
    it serves."""

    app: Flask
    pages: Flask
    services: Services
    merchant: str

    @property
    def settings(self) -> Settings:
        return self.services.settings


def load_settings() -> Settings:
    """Return the settings that a host application passed to its command, or those of the environment; warn of variables that are none.

    Raises SettingsFault.
    """
    host = find_host()
    if host:
        return host.settings  # Its unknown keys are in its own log.
    for unknown in Settings.list_unknown(os.environ):
        click.echo(f"portal: {unknown}", err=True)
    return Settings.load(os.environ)


def theme_folders() -> tuple[Path, ...]:
    """Return the folders of further themes, for commands that need no other setting: whoever draws a theme has no secrets."""
    host = find_host()
    if host:
        return host.settings.themes_dir
    named = os.environ.get("PORTAL_THEMES_DIR", "").split(":")
    return tuple(Path(part.strip()) for part in named if part.strip())


def find_host() -> Host | None:
    """Return the host application whose command runs, None for a command of `portal`."""
    context = click.get_current_context(silent=True)
    return context.find_object(Host) if context else None


@contextmanager
def wrong_usage(*faults: type[PortalError]) -> Iterator[None]:
    """Report errors in the arguments themselves as wrong usage: the command exits 2, and not 1 as for other errors."""
    try:
        yield
    except faults as fault:
        raise click.UsageError(str(fault)) from fault


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield a database whose schema is current, closed at the end. Raises SchemaBehind."""
    database = Database(
        settings.database_url, pool_size=settings.database_pool_size, busy_seconds=settings.database_busy_seconds
    )
    provide_brands(database, cache(lambda: _load_themes(settings)))
    try:
        require_current_schema(database)
        _enter_host(database)
        yield database
    finally:
        database.dispose()


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Yield the services of a server or a worker, their connections closed at the end. Raises SchemaBehind."""
    from portal.app import build_services

    host = find_host()
    services = host.services if host else build_services(settings)
    try:
        require_current_schema(services.database)
        yield services
    finally:
        services.database.dispose()


def _enter_host(database: Database) -> None:
    """Send the signals of a command to the host's receivers in the host's application context."""
    if host := find_host():
        database.application_context = host.app.app_context


def _load_themes(settings: Settings) -> ThemeSet:
    from portal.theming.themes import load_themes

    return load_themes(settings.themes_dir)


def require_current_schema(database: Database) -> None:
    """Raise SchemaBehind unless the schema is current. With it every table is known, also those that only a foreign key names: a
    command imports no more of the portal than it uses, and the first insert would fail."""
    from portal.migrations import all_tables, is_current

    all_tables()
    if not is_current(database):
        raise SchemaBehind


def named_merchant(database: Database, slug: str) -> MerchantProfile:
    """Return the merchant of a slug. Raises UnknownMerchant."""
    with database.read() as reader:
        merchant = find_merchant(reader, slug)
    if merchant is None:
        raise UnknownMerchant(f"there is no merchant {slug}; `portal merchant create {slug} …` makes one")
    return merchant


def pages_url(settings: Settings, slug: str) -> str | None:
    """Return the URL of a merchant's pages; None in a host application that serves another merchant's alone."""
    host = find_host()
    return None if host and host.merchant != slug else settings.page_url(slug, "")


def named_customer(reader: Reader, merchant: MerchantProfile, text: str) -> StoredCustomer:
    """Return the one living customer of this id, reference or email address.

    Raises UnknownCustomer, CustomerDeleted, and a ClickException that names the ids where several customers are meant.
    """
    scope = MerchantScope(merchant.id)
    if is_id("cus", text):
        return get_customer(reader, scope, text)
    found = {row.id: row for row in list_customers_by_email(reader, scope, text)} if "@" in text else {}
    if (referred := find_customer_by_reference(reader, scope, text)) is not None:
        found[referred.id] = referred
    if not found:
        raise UnknownCustomer(f"{merchant.slug} has no customer {text}: name an id, a reference or an email address")
    if len(found) > 1:
        raise click.ClickException(f"{len(found)} customers are called so; name one by id: {', '.join(sorted(found))}")
    return next(iter(found.values()))


def print_rows(rows: Iterable[Mapping[str, Any]], limit: int | None = None) -> None:
    """Print objects as JSON, one a line, as they come; at most `limit` of them."""
    for row in islice(rows, limit):
        click.echo(json.dumps(row))


merchant_option = click.option("--merchant", "slug", required=True, help="The slug of the merchant.")
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), help="Print at most so many; without it all of them."
)


def webhook_url(settings: Settings, slug: str, gateway: str) -> str:
    """Return the URL to which a gateway sends the events of a merchant's account."""
    return f"{settings.base_url}{settings.url_prefix}/hooks/{slug}/{gateway}"
