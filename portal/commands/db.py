"""`portal db`: the schema of the database."""

from __future__ import annotations

import click

from portal.commands.environment import SchemaBehind, load_settings
from portal.database import Database


@click.group()
def db() -> None:
    """Bring the database's schema up to date, or check it."""


@db.command("upgrade")
def upgrade_schema() -> None:
    """Create the schema, or bring it to this version. Safe to run again."""
    from portal.migrations import current_revision, head_revision, upgrade

    database = Database(load_settings().database_url)
    try:
        before = current_revision(database)
        upgrade(database)
    finally:
        database.dispose()
    click.echo(
        f"the schema is current ({head_revision()})"
        if before == head_revision()
        else f"the schema was upgraded from {before or 'nothing'} to {head_revision()}"
    )


@db.command("check")
def check_schema() -> None:
    """Print whether the schema is current; exits 1 when it is not."""
    from portal.migrations import current_revision, head_revision

    database = Database(load_settings().database_url)
    try:
        revision = current_revision(database)
    finally:
        database.dispose()
    if revision != head_revision():
        raise SchemaBehind(
            f"the schema is at {revision or 'nothing'}, this version needs {head_revision()}: run `portal db upgrade`"
        )
    click.echo(f"the schema is current ({revision})")
