"""The schema's migrations: upgrade the schema, and check whether it is current."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from portal.database import Base, Database

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "portal_schema_version"
MODEL_PACKAGES = (
    "merchants",
    "customers",
    "people",
    "credit",
    "ledger",
    "sign_in",
    "documents",
    "invoices",
    "payment_methods",
    "payments",
    "refunds",
    "provider_events",
    "reconciliation",
    "outbox",
    "audit",
    "events",
    "importing",
    "questions",
    "notices",
    "pay_links",
    "privacy",
    "statement",
)
_FOLDER = Path(__file__).parent
_NAMED = re.compile(r'^(revision|down_revision)\b[^=]*= (?:"(.+)"|None)$', re.MULTILINE)


def all_tables() -> sa.MetaData:
    """Return the metadata of every table of the portal, with all models imported."""
    for package in MODEL_PACKAGES:
        import_module(f"portal.{package}.models")
    return Base.metadata


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`; a current schema is unchanged."""
    from alembic import command

    command.upgrade(_config(database), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision` (`base`: no tables); for tests and for a release that is rolled back."""
    from alembic import command

    command.downgrade(_config(database), revision)


def current_revision(database: Database) -> str | None:
    """Return the revision that the database is at; None when it has no schema. Raises when the database is unreachable."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(sa.text(f"select version_num from {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


class NoOneHead(Exception):
    """The migrations do not end in one newest revision: two stand on the same one, or there is none. The text names them."""


@cache
def head_revision() -> str:
    """Return the newest revision that this code knows. Raises NoOneHead.

    Reads the lines that name it, and neither imports the migrations nor Alembic: every command and server asks for it as it
    starts, and that was an eighth of the time of starting (measured).
    """
    return _newest_in(_FOLDER / "versions")


def _newest_in(folder: Path) -> str:
    known: set[str] = set()
    built_on: set[str] = set()
    for path in folder.glob("*.py"):
        names = dict(_NAMED.findall(path.read_text(encoding="utf-8")))
        known.add(names["revision"])
        built_on.add(names["down_revision"])
    heads = sorted(known - built_on)
    if len(heads) != 1:
        raise NoOneHead(f"the migrations end in {len(heads)} revisions: {', '.join(heads)}")
    return heads[0]


def is_current(database: Database) -> bool:
    """Return whether the database's schema is the one that this code was written for."""
    return current_revision(database) == head_revision()


def _config(database: Database) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["database"] = database
    return config
