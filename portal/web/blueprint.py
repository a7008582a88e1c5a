"""The one blueprint with all pages of a merchant; each domain adds its own routes."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from portal.web.error_pages import register_errors
from portal.web.guard import PAGES, open_request
from portal.web.policies import collect_policies
from portal.web.responses import finish_page
from portal.web.runtime import EXTENSION, Runtime

_NAV = ("invoices", "payments", "payment-methods")


def create_blueprint(runtime: Runtime) -> Blueprint:
    """The pages, guarded. Registering it gives the application the runtime and checks that every page has a policy."""
    blueprint = Blueprint(PAGES, __name__)
    # Domains come in one after the other; in the end these are plain imports.
    from importlib import import_module

    for domain in ("sign_in", "overview", "invoices", "payments", "checkout", "payment_methods"):
        try:
            module = import_module(f"portal.{domain}.views")
        except ImportError:
            continue
        module.add_routes(blueprint)
    blueprint.before_request(open_request)
    blueprint.after_request(finish_page)
    register_errors(blueprint)
    blueprint.record(lambda state: _settle(state, runtime))
    return blueprint


def _settle(state: BlueprintSetupState, runtime: Runtime) -> None:
    assert isinstance(state.app, Flask)
    state.app.extensions[EXTENSION] = runtime
    state.app.extensions["portal_renderer"] = runtime.services.renderer
    runtime.policies |= collect_policies(state.app, prefix=f"{PAGES}.")
    prefix = state.url_prefix or ""
    for rule in state.app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{PAGES}."):
            part = rule.rule.removeprefix(prefix).strip("/").partition("/")[0]
            runtime.nav[rule.endpoint] = "overview" if not part else part.replace("-", "_") if part in _NAV else ""
