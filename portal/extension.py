"""`Portal`: the whole portal in a host's Flask application, mounted under a prefix.

Nothing is shared with the host but the process: our own Flask application serves the prefix, so that the host's login,
session, templates, translations and error pages cannot conflict with ours. Settings are the host's config keys `PORTAL_…`, then the
environment. The host's `SECRET_KEY` is never used in place of a missing `PORTAL_SECRET_KEY`: a secret of one must not be valid for the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from flask import Blueprint, Flask, has_request_context, request
from flask.blueprints import BlueprintSetupState
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.app import build_renderer, build_runtime, build_services, create_app
from portal.cli import COMMANDS
from portal.commands.environment import Host
from portal.commands.lazy_group import LazyGroup
from portal.customer_pages.blueprint import create_blueprint
from portal.customer_pages.guard import close_request
from portal.customer_pages.login import register_login
from portal.errors import NotFound
from portal.events.queries import list_events
from portal.events.rules import Actor, ActorType
from portal.merchants.queries import find_merchant
from portal.settings import PREFIX, Settings
from portal.sign_in.operations import create_portal_session
from portal.tenancy import Scope
from portal.web.card_numbers import refuse_card_numbers
from portal.web.responses import finish_page
from portal.web.runtime import PAGES, Runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from werkzeug.routing import Map

    from portal.services import Services

EXTENSION = "portal"
"""The key of the `Portal` in the host's `app.extensions`."""


class NotMounted(RuntimeError):
    """The portal was used before `init_app` mounted it in an application."""


class LoginConflict(RuntimeError):
    """The blueprint was registered in an application with a login of its own, which would conflict with ours."""


class Portal:
    """One merchant's portal in a host application. Create it with the application, or mount it later by `init_app`.

    `url_prefix` begins with a slash; `merchant` is the slug of the merchant whose pages are served.
    """

    def __init__(self, app: Flask | None = None, *, url_prefix: str = "/billing", merchant: str | None = None) -> None:
        self._url_prefix = url_prefix
        self._merchant = merchant
        self._services: Services | None = None
        self._routes: tuple[Map, str] | None = None
        self.app: Flask | None = None
        """Our own application, once it is mounted."""
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, *, url_prefix: str | None = None, merchant: str | None = None) -> None:
        """Mount the portal under the prefix and add `flask portal …`.

        Raises SettingsFault with every wrong setting at once, and ValueError without a merchant.
        """
        self._url_prefix = url_prefix or self._url_prefix
        self._merchant = merchant or self._merchant
        settings = self._settings_of(app.config, Path(app.instance_path))
        self._services = build_services(settings)
        # The host's receivers need its application context, for its database and configuration.
        self._services.database.application_context = app.app_context
        self.app = create_app(services=self._services, merchant=self._slug)
        self._routes = self.app.url_map, self._url_prefix
        _mount(app, self._url_prefix, self.app.wsgi_app)
        app.extensions[EXTENSION] = self
        app.cli.add_command(_commands(Host(settings, app.app_context)))

    def create_blueprint(self) -> Blueprint:
        """Return the blueprint of the pages alone, for an application without a login, to be registered under the same prefix.

        That application has to provide what else the mount has: error pages and headers outside our pages, a limit on
        request bodies, `TRUSTED_HOSTS`, the webhook endpoint `/hooks/…` and probes (docs/mounting.md).
        Settings come from the environment. Registering it raises LoginConflict where there is a login.
        """
        settings = self._settings_of({}, Path("instance"))
        self._services = build_services(settings)
        runtime = build_runtime(self._services, build_renderer(settings), self._slug)
        blueprint = create_blueprint(runtime)
        blueprint.before_request(refuse_card_numbers)
        blueprint.after_request(finish_page)
        blueprint.after_request(close_request)
        blueprint.record(lambda state: self._finish_registration(state, runtime))
        return blueprint

    def url_for(self, endpoint: str, *, external: bool = False, **values: Any) -> str:
        """Return the URL of a page for the host's own links: `portal.url_for("payments")`.

        Below the host's root when called in a request; with `external`, absolute, from `PORTAL_BASE_URL`.
        """
        if self._routes is None:
            raise NotMounted("call init_app first")
        url_map, script_name = self._routes
        if has_request_context() and not external:
            script_name = request.root_path.rstrip("/") + script_name
        base = urlsplit(self._services_in_use.settings.base_url)
        adapter = url_map.bind(base.netloc, script_name, url_scheme=base.scheme)
        return adapter.build(f"{PAGES}.{endpoint}", values, force_external=external)

    def sign_in_url(self, customer_id: str, next: str = "/") -> str:
        """Return a URL that signs this customer in, once and within five minutes, and leads to `next` (below the prefix).

        Only for a customer whom the host itself has signed in. Raises NotFound when the customer is unknown or blocked.
        """
        services = self._services_in_use
        with services.database.read() as reader:
            merchant = find_merchant(reader, self._slug)
        if merchant is None:
            raise NotFound
        created = services.database.run(
            lambda session: create_portal_session(
                session,
                services.settings,
                Scope(merchant.id, customer_id),
                next,
                actor=Actor(ActorType.HOST, self._slug),
                at=services.clock.now(),
            )
        )
        root = request.root_path.rstrip("/") if has_request_context() else ""
        return f"{root}{self._url_prefix}{created.path}"

    def list_events(self, object_id: str, *, after: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Return the events of one object (`pay_…`, `inv_…`, `cus_…`), oldest first, in the API's shape (docs/events.md).

        `after` is the id of the last event of the page before. Events are kept for `PORTAL_EVENTS_DAYS`.
        """
        with self._services_in_use.database.read() as reader:
            merchant = find_merchant(reader, self._slug)
            if merchant is None:
                raise NotFound
            return [event.shape for event in list_events(reader, merchant.id, object_id, after=after, limit=limit)]

    def _settings_of(self, config: Mapping[str, Any], instance: Path) -> Settings:
        """Return the settings of the host's config, then the environment; the default SQLite file is in the instance folder."""
        own = {name: value for name, value in config.items() if name.startswith(PREFIX)}
        return Settings.load({**os.environ, **own, f"{PREFIX}URL_PREFIX": self._url_prefix}, instance=instance)

    def _finish_registration(self, state: BlueprintSetupState, runtime: Runtime) -> None:
        """Check and complete an application that registers the blueprint alone."""
        app = state.app
        assert isinstance(app, Flask)
        if hasattr(app, "login_manager"):
            raise LoginConflict("this application has a login of its own: mount the portal with Portal(app, …) instead")
        if state.url_prefix != self._url_prefix:
            raise ValueError(f"register the blueprint under {self._url_prefix}: links in mail lead there")
        register_login(app)
        runtime.static_files.register(app)
        self._routes = app.url_map, ""

    @property
    def _slug(self) -> str:
        if not self._merchant:
            raise ValueError("Portal needs the slug of the merchant that it serves: Portal(app, merchant=…)")
        return self._merchant

    @property
    def _services_in_use(self) -> Services:
        if self._services is None:
            raise NotMounted("call init_app first")
        return self._services


def _mount(host: Flask, prefix: str, portal: WSGIApplication) -> None:
    """Put the portal inside the host's ProxyFix, whichever was installed first: both must see the same client."""
    holder: Any = host
    name = "wsgi_app"
    while isinstance(getattr(holder, name), ProxyFix):
        holder, name = getattr(holder, name), "app"
    setattr(holder, name, DispatcherMiddleware(getattr(holder, name), {prefix: portal}))


def _commands(host: Host) -> click.Group:
    """`flask portal …`: the commands of `portal`, with the host's settings and application context."""

    class Commands(LazyGroup):
        def invoke(self, ctx: click.Context) -> object:
            ctx.obj = host
            return super().invoke(ctx)

    return Commands("portal", lazy_commands=COMMANDS, help="The customer portal in this application.")
