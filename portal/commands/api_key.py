"""`portal api-key`: the keys of the merchant API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from portal.clock import SystemClock, write_instant
from portal.commands.environment import (
    load_settings,
    merchant_option,
    named_merchant,
    open_database,
    print_rows,
    wrong_usage,
)
from portal.database import Reader
from portal.events.rules import COMMAND
from portal.merchants.errors import UnknownApiKey, UnknownScope
from portal.merchants.operations import create_api_key, revoke_api_key
from portal.merchants.queries import MerchantProfile, find_key_owner, list_api_keys, list_merchants
from portal.merchants.rules.merchants import SCOPES
from portal.tenancy import MerchantScope


@click.group("api-key")
def api_key() -> None:
    """Create, list and revoke keys of the merchant API."""


@api_key.command("create")
@merchant_option
@click.option(
    "--scope", "scopes", multiple=True, help=f"What the key may do; all of it when none is named: {', '.join(SCOPES)}."
)
def create(slug: str, scopes: tuple[str, ...]) -> None:
    """Create a key and print it, the only time: just a digest of it is stored."""
    with open_database(load_settings()) as database:
        owner = named_merchant(database, slug)
        with database.unit_of_work() as session, wrong_usage(UnknownScope):
            key = create_api_key(session, owner, scopes, actor=COMMAND, at=SystemClock().now())
    click.echo(key)


@api_key.command("list")
@click.option("--merchant", "slug", help="The slug of one merchant; without it the keys of all.")
def list_(slug: str | None) -> None:
    """Print the keys as JSON, one a line, by their first characters; revoked ones too."""
    with open_database(load_settings()) as database:
        chosen = [named_merchant(database, slug)] if slug else None
        with database.read() as reader:
            print_rows(_shapes(reader, chosen or list_merchants(reader)))


@api_key.command("revoke")
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Make a key (key_…) worthless at once."""
    with open_database(load_settings()) as database:
        with database.read() as reader:
            owner = find_key_owner(reader, key_id)
        if owner is None:
            raise UnknownApiKey(f"there is no API key {key_id}; `portal api-key list` lists their ids")
        with database.unit_of_work() as session:
            revoked = revoke_api_key(session, owner, key_id, actor=COMMAND, at=SystemClock().now())
    click.echo(f"{key_id} is revoked" if revoked else f"{key_id} was revoked before")


def _shapes(reader: Reader, merchants: list[MerchantProfile]) -> Iterator[dict[str, Any]]:
    for merchant in merchants:
        for key in list_api_keys(reader, MerchantScope(merchant.id)):
            yield {
                "id": key.id,
                "object": "api_key",
                "merchant": merchant.slug,
                "prefix": key.shown_prefix,
                "scopes": key.scopes,
                "created_at": write_instant(key.created_at),
                "expires_at": write_instant(key.expires_at) if key.expires_at else None,
                "revoked_at": write_instant(key.revoked_at) if key.revoked_at else None,
                "last_used_at": write_instant(key.last_used_at) if key.last_used_at else None,
            }
