"""What commands start with: settings, a database whose schema is current, and the merchant of a slug."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from portal.database import Database
from portal.errors import PortalError
from portal.merchants.errors import UnknownMerchant
from portal.merchants.queries import MerchantProfile, find_merchant
from portal.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services


class SchemaBehind(PortalError):
    """The database has no schema yet, or one of another version of this program."""

    sentence = "the database's schema is not current: run `portal db upgrade`"


@dataclass(frozen=True, slots=True)
class Host:
    """The host application whose command runs, the services of the portal mounted in it, and the slug of the merchant that it serves."""

    app: Flask
    services: Services
    merchant: str

    @property
    def settings(self) -> Settings:
        return self.services.settings


def load_settings() -> Settings:
    """Return the settings that a host application passed to its command, or those of the environment. Raises SettingsFault."""
    host = find_host()
    return host.settings if host else Settings.load(os.environ)


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


def require_current_schema(database: Database) -> None:
    """Raise SchemaBehind unless the schema is current."""
    from portal.migrations import is_current

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


def webhook_url(settings: Settings, slug: str, gateway: str) -> str:
    """Return the URL to which a gateway sends the events of a merchant's account."""
    return f"{settings.base_url}{settings.url_prefix}/hooks/{slug}/{gateway}"
