"""What the fork server hands on: every template in the theme and language of the tests' merchants, an application's routes, and the
tables as the ORM knows them."""

from __future__ import annotations

import gc
from typing import Any, cast

import psycopg  # noqa: F401  # Asked for when the first connection is made.
from sqlalchemy.orm import configure_mappers

import portal.gateways.sandbox  # noqa: F401  # Asked for by a merchant's first call.
from portal.assets import TEMPLATES
from portal.database import Database
from portal.method_users import METHOD_USERS
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.settings import Settings
from tests.support.apps import app_on
from tests.support.bundled import bundled_renderer, bundled_static_files


def _compile_all() -> Renderer:
    renderer, static = bundled_renderer(), bundled_static_files().path
    for path in (*TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.txt")):
        name = path.relative_to(TEMPLATES).as_posix()
        # Mails have no static root.
        renderer.template(name, theme="acme", locale="en", static="" if name.startswith("emails/") else static)
    return renderer


def _make_routes() -> None:
    nowhere = Settings.load({"PORTAL_SECRET_KEY": "the secret of no installation at all"})
    app_on(Services(nowhere, Database("sqlite://"), cast(Any, None), METHOD_USERS))


RENDERER = _compile_all()
_make_routes()
configure_mappers()
# No child walks through what is here to stay, and copies the memory it lies in.
gc.collect()
gc.freeze()
