"""Applications for tests, the portal's and the sandbox gateway's: each as its `create_app` makes it, with routes and static files,
which take most of the time, made once a process."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask

from portal.app import build_runtime, create_app
from portal.documents.brands import provide_brands
from portal.gateway_calls import GatewayCalls
from portal.sandbox_gateway.app import create_app as create_sandbox
from portal.sandbox_gateway.instance import EXTENSION as SANDBOX
from portal.sandbox_gateway.instance import open_gateway
from portal.services import Services
from portal.web.gateway_waits import build_gateway_calls
from portal.web.runtime import EXTENSION, Runtime
from tests.support.bundled import bundled_renderer, bundled_themes

_MADE: dict[bool, Flask] = {}


def app_on(services: Services, *, calls: GatewayCalls | None = None) -> Flask:
    """An application on these services, with a runtime and view functions that no other test has. Not for behind a proxy.

    It calls gateways as the services do, mostly at once; `calls` are those of a web server, or any other.
    """
    settings = services.settings
    assert not settings.trusted_proxies, "a proxy stands before one application, and create_app puts it there"
    made = _MADE.get(settings.demo)
    if made is None:
        made = create_app(services=services, renderer=bundled_renderer())
        _MADE[settings.demo] = made
    before: Runtime = made.extensions[EXTENSION]
    app = copy(made)
    app.view_functions = dict(made.view_functions)
    app.extensions = {
        **made.extensions,
        EXTENSION: replace(
            build_runtime(services, bundled_renderer(), live_themes=before.live_themes, calls=calls or services.calls),
            policies=before.policies,
            rights=before.rights,
            by_notice=before.by_notice,
            nav=before.nav,
        ),
    }
    return app


def served_app(services: Services) -> Flask:
    """An application on these services as a web server has it: its gateway calls are a server's, and a proxy may stand before it."""
    settings = services.settings
    assert not settings.themes_dir, "the themes of tests are the bundled ones"
    if settings.trusted_proxies:
        return create_app(services=services, renderer=bundled_renderer())
    provide_brands(services.database, bundled_themes)
    return app_on(services, calls=build_gateway_calls(settings.server_threads))


def sandbox_app(database: Path, public_url: str = "http://localhost") -> Flask:
    """The sandbox gateway on this file, which whoever made it closes."""
    made = _made_sandbox()
    app = copy(made)
    app.config = copy(made.config)
    app.extensions = {**made.extensions, SANDBOX: open_gateway(database, public_url)}
    return app


@cache
def _made_sandbox() -> Flask:
    with TemporaryDirectory() as folder:
        app = create_sandbox(Path(folder) / "sandbox.db")
        app.extensions.pop(SANDBOX).database.close()
    return app
