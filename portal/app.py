"""Composes the web application: services, pages, routes outside the merchants, and the checks of every request."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.customer_pages.blueprint import create_blueprint
from portal.customer_pages.error_pages import register_errors
from portal.customer_pages.guard import close_request
from portal.customer_pages.login import NoSession, register_login
from portal.database import Database
from portal.documents.brands import provide_brands
from portal.documents.typesetting import Typesetter
from portal.gateway_calls import GatewayCalls
from portal.gateway_health import GatewayHealth
from portal.gateways.measuring import MeasuredGateways
from portal.gateways.registry import AccountGateways
from portal.json_logs import write_json_logs
from portal.method_users import METHOD_USERS
from portal.metrics import render_metrics
from portal.provider_events.views import add_routes as add_hooks
from portal.readiness import WriteProof
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.settings import Settings
from portal.theming.themes import load_themes
from portal.web.card_numbers import refuse_card_numbers
from portal.web.counting import RequestCounts
from portal.web.csrf import CsrfTokens
from portal.web.flood import build_flood_limit
from portal.web.gateway_waits import build_gateway_calls
from portal.web.headers import SecurityHeaders
from portal.web.live_themes import LiveThemes
from portal.web.policies import collect_policies
from portal.web.probes import add_probes
from portal.web.request_checks import refuse_unreadable
from portal.web.responses import finish_response, with_headers
from portal.web.runtime import EXTENSION, Runtime
from portal.web.tenants import Tenants
from portal.web.trusted_hosts import TrustedHosts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from portal.host_identity import HostIdentity

_log = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 1024
MAX_FORM_PARTS = 500
HOOKS = "gateway_events"
DEMO = "demo"


class Application(Flask):
    """Flask, with security headers on every response, and without its own log line of an error, whose message may hold input."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return with_headers(super().wsgi_app, self.extensions[EXTENSION], environ, start_response)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function unchanged: no view of ours is a coroutine, and Flask would inspect four functions a request."""
        return func

    def log_exception(self, *_: Any) -> None:
        """The error page logs, once and without the message."""


def create_app(
    settings: Settings | None = None,
    *,
    services: Services | None = None,
    renderer: Renderer | None = None,
    merchant: str | None = None,
    identity: HostIdentity | None = None,
) -> Flask:
    """Return the application. Without arguments it is standalone: settings from the environment, JSON lines for logs.

    `merchant` is the slug of the only merchant it serves, at its root, for mounting in a host application, which then decides
    about hosts and proxies, and with `identity` about who is signed in. Raises SettingsFault, and RouteWithoutPolicy when a route does not declare who may call it.
    """
    if settings is None and services is None:
        settings = Settings.load(os.environ)
        write_json_logs(settings.log_level)
        for unknown in Settings.list_unknown(os.environ):
            _log.warning("setting.unknown: %s", unknown)
    if services is None:
        assert settings is not None
        services = build_services(settings)
    renderer = renderer or build_renderer(services.settings)
    provide_brands(services.database, lambda: renderer.themes)
    runtime = build_runtime(services, renderer, merchant)
    runtime.identity = identity
    app = Application("portal", static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=MAX_FORM_PARTS,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = runtime
    app.session_interface = NoSession()
    register_login(app)
    register_errors(app)
    app.before_request(refuse_unreadable)
    app.before_request(refuse_card_numbers)
    app.after_request(finish_response)
    app.after_request(close_request)
    _add_root_routes(app, runtime)
    app.register_blueprint(create_blueprint(runtime), url_prefix=None if merchant is not None else "/<merchant>")
    runtime.policies |= collect_policies(app)
    if merchant is None and (proxies := services.settings.trusted_proxies):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    return app


def build_services(settings: Settings) -> Services:
    """Return the services of a process: engines and gateways; no connection is opened yet."""
    database = Database(
        settings.database_url, pool_size=settings.database_pool_size, busy_seconds=settings.database_busy_seconds
    )
    provide_brands(database, cache(lambda: load_themes(settings.themes_dir)))
    return Services(
        settings=settings,
        database=database,
        gateways=AccountGateways(database, settings),
        method_users=METHOD_USERS,
    )


def build_renderer(settings: Settings) -> Renderer:
    """Return the renderer with the themes of this installation."""
    return Renderer(load_themes(settings.themes_dir))


def build_runtime(
    services: Services,
    renderer: Renderer,
    merchant: str | None = None,
    *,
    live_themes: LiveThemes | None = None,
    calls: GatewayCalls | None = None,
) -> Runtime:
    """Return the state of the web layer. With `merchant`, a host application decides about hosts.

    `live_themes` are those of the renderer, if they are there already. `calls` makes the requests' calls to gateways; by
    default no request waits longer than two seconds, and no more than half of the server's threads wait at a time.
    """
    settings = services.settings
    health = GatewayHealth()
    services = replace(
        services,
        gateways=MeasuredGateways(services.gateways, health),
        calls=calls or build_gateway_calls(settings.server_threads),
    )
    is_https = not settings.is_loopback_http
    base = urlsplit(settings.base_url)
    return Runtime(
        services=services,
        write_proof=WriteProof(services.database),
        renderer=renderer,
        merchant=merchant,
        hosts=TrustedHosts(settings.base_url) if merchant is None else None,
        live_themes=live_themes or LiveThemes(renderer, settings.themes_dir, is_watched=settings.demo),
        tenants=Tenants(services.database, services.clock),
        csrf=CsrfTokens(settings.keys),
        headers=SecurityHeaders(is_https=is_https, is_demo=settings.demo),
        flood=build_flood_limit(settings.pages_per_ip_per_minute, settings.redis_url),
        counts=RequestCounts(),
        gateway_health=health,
        render_metrics=render_metrics,
        typesetter=Typesetter(settings.fonts_dir),
        own_origin=f"{base.scheme}://{base.netloc}",
        is_https=is_https,
    )


def _add_root_routes(app: Flask, runtime: Runtime) -> None:
    """Add all routes outside the merchants' pages, at the application's root; their first parts are reserved slugs."""
    runtime.live_themes.register(app)
    add_probes(app)
    hooks = Blueprint(HOOKS, __name__)
    add_hooks(hooks)
    app.register_blueprint(hooks)
    if runtime.services.settings.demo:
        from portal.demo.views import add_routes as add_demo

        demo = Blueprint(DEMO, __name__)
        add_demo(demo)
        app.register_blueprint(demo)
