"""Everything of the application that is no page of a merchant: static files, probes, the gateways' door, the demo."""

from __future__ import annotations

from flask import Blueprint, Flask

from portal.provider_events.views import add_routes as add_hooks
from portal.web.probes import add_probes
from portal.web.runtime import Runtime

HOOKS = "gateway_events"
DEMO = "demo"


def add_outside(app: Flask, runtime: Runtime) -> None:
    """Add it all to the application's root; a merchant's slug is never one of these first parts."""
    runtime.static_files.register(app)
    add_probes(app)
    hooks = Blueprint(HOOKS, __name__)
    add_hooks(hooks)
    app.register_blueprint(hooks)
    if runtime.services.settings.demo:
        from portal.demo.views import add_routes as add_demo

        demo = Blueprint(DEMO, __name__)
        add_demo(demo)
        app.register_blueprint(demo)
