"""Applications for tests: each as `create_app` makes it, with routes and static files, which take most of the time, made once a process."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from flask import Flask

from portal.app import build_runtime, create_app
from portal.gateway_calls import GatewayCalls
from portal.services import Services
from portal.web.runtime import EXTENSION, Runtime
from tests.support.bundled import bundled_renderer

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
            build_runtime(
                services, bundled_renderer(), static_files=before.static_files, calls=calls or services.calls
            ),
            policies=before.policies,
            nav=before.nav,
        ),
    }
    return app
