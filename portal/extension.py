"""`Portal`: the whole portal in a host's Flask application, mounted under a prefix.

Nothing is shared with the host but the process: our own Flask application serves the prefix, so that the host's login,
session, templates, translations and error pages cannot conflict with ours. Settings are the host's config keys `PORTAL_…`, then the
environment. The host's `SECRET_KEY` is never used in place of a missing `PORTAL_SECRET_KEY`: a secret of one must not be valid for the other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from flask import Blueprint, Flask, has_request_context, request
from flask.blueprints import BlueprintSetupState
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.app import build_runtime, build_services, create_app
from portal.cli import COMMANDS
from portal.commands.environment import Host
from portal.commands.lazy_group import LazyGroup
from portal.customer_pages.blueprint import create_blueprint
from portal.customer_pages.guard import close_request
from portal.customer_pages.login import register_login
from portal.customers.queries.accounts import list_named_ids
from portal.errors import NotFound
from portal.events.queries import list_events
from portal.events.rules import Actor, ActorType
from portal.host_identity import Customer, HostIdentity, UnknownCustomer, list_customers_of
from portal.merchants.queries import find_merchant
from portal.rendering.renderer import Renderer
from portal.settings import PREFIX, Settings
from portal.sign_in.operations import create_portal_session, end_access
from portal.tenancy import MerchantScope, Scope
from portal.theming.themes import load_themes
from portal.web.card_numbers import refuse_card_numbers
from portal.web.responses import finish_page
from portal.web.runtime import PAGES, Runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.routing import Map

    from portal.services import Services

_log = logging.getLogger(__name__)
_HOST_ROOT = "portal.host_root"
"""The path of the host itself, in the WSGI environment of a request to the portal."""
EXTENSION = "portal"
"""The key of the `Portal` in the host's `app.extensions`."""


class NotMounted(RuntimeError):
    """The portal was used before `init_app` mounted it in an application."""


class LoginConflict(RuntimeError):
    """The blueprint was registered in an application with a login of its own, which would conflict with ours."""


Identify = Callable[[], Customer | str | None]
"""Returns whom the host has logged in, in the host's own request context: None, a Customer, or a text, which is a reference."""
Create = Callable[..., Mapping[str, Any] | None]
"""Returns the details of a customer to create, by the API's field names; called with the Customer where it takes an argument."""


class Portal:
    """One merchant's portal in a host application. Create it with the application, or mount it later by `init_app`.

    `url_prefix` begins with a slash; `merchant` is the slug of the merchant whose pages are served. `identify` names whom the host has
    logged in, who is signed in without a mail; `create` gives the details of one who is unknown.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        url_prefix: str = "/billing",
        merchant: str | None = None,
        identify: Identify | None = None,
        create: Create | None = None,
    ) -> None:
        self._url_prefix = url_prefix
        self._merchant = merchant
        self._identify = identify
        self._create = create
        self._services: Services | None = None
        self._routes: tuple[Map, str] | None = None
        self.app: Flask | None = None
        """Our own application, once it is mounted."""
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: Flask,
        *,
        url_prefix: str | None = None,
        merchant: str | None = None,
        identify: Identify | None = None,
        create: Create | None = None,
    ) -> None:
        """Mount the portal under the prefix and add `flask portal …`.

        Raises SettingsFault with every wrong setting at once, ValueError without a merchant, and TypeError for an `identify` or
        `create` that is no function.
        """
        self._url_prefix = url_prefix or self._url_prefix
        self._merchant = merchant or self._merchant
        self._identify = identify or self._identify
        self._create = create or self._create
        identity = self._build_identity(app)
        settings = self._settings_of(app.config, Path(app.instance_path))
        self._services = build_services(settings)
        # The host's receivers need its application context, for its database and configuration.
        self._services.database.application_context = app.app_context
        self.app = create_app(
            services=self._services,
            renderer=_shared_renderer(settings.themes_dir),
            merchant=self._slug,
            identity=identity,
        )
        self._routes = self.app.url_map, self._url_prefix
        _mount(app, self._url_prefix, self.app.wsgi_app)
        app.extensions[EXTENSION] = self
        app.cli.add_command(_commands(Host(app, self.app, self._services, self._slug)))

    def create_blueprint(self) -> Blueprint:
        """Return the blueprint of the pages alone, for an application without a login, to be registered under the same prefix.

        That application has to provide what else the mount has: error pages and headers outside our pages, a limit on
        request bodies, `TRUSTED_HOSTS`, the webhook endpoint `/hooks/…` and probes (docs/mounting.md).
        Settings come from the environment. Registering it raises LoginConflict where there is a login; ValueError with `identify`,
        which names whom a login of the host knows.
        """
        if self._identify is not None:
            raise ValueError("identify needs a host with a login: mount the portal with Portal(app, …) instead")
        settings = self._settings_of({}, Path("instance"))
        self._services = build_services(settings)
        runtime = build_runtime(self._services, _shared_renderer(settings.themes_dir), self._slug)
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
        if not external:
            script_name = _root_of_host() + script_name
        base = urlsplit(self._services_in_use.settings.base_url)
        adapter = url_map.bind(base.netloc, script_name, url_scheme=base.scheme)
        return adapter.build(f"{PAGES}.{endpoint}", values, force_external=external)

    def sign_in_url(
        self,
        customer_id: str | None = None,
        next: str = "/",
        *,
        reference: str | None = None,
        email: str | None = None,
        create: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a URL that signs this customer in, once and within five minutes, and leads to `next` (below the prefix).

        The customer is named by id, `reference` or `email`; `create` has the details of one to create when the reference or address is
        unknown. Only for a customer whom the host itself has signed in, and only by an address that the host has verified. Raises
        UnknownCustomer for anything else than one customer who may sign in; InvalidCustomer and DuplicateCustomer where one cannot be
        created.
        """
        services, actor, at = self._services_in_use, self._actor, self._services_in_use.clock.now()
        customer = Customer(id=customer_id, reference=reference, email=email, is_verified=True, create=create)
        merchant_id = self._merchant_id()
        found = list_customers_of(services, merchant_id, customer, lambda: create, actor=actor, at=at)
        if len(found) != 1:
            raise UnknownCustomer(
                f"{len(found)} customers have this address: name one by id"
                if found
                else "no customer who may sign in is named so"
            )
        target = self._below_prefix(next)
        try:
            created = services.database.run(
                lambda session: create_portal_session(
                    session, services.settings, Scope(merchant_id, found[0]), target, actor=actor, at=at, kind="host"
                )
            )
        except NotFound:  # Blocked or deleted in between.
            raise UnknownCustomer from None
        return f"{_root_of_host()}{self._url_prefix}{created.path}"

    def end_sessions(
        self, customer_id: str | None = None, *, reference: str | None = None, email: str | None = None
    ) -> int:
        """Sign the customer out in every browser, and return how many sessions ended; URLs of `sign_in_url` that nobody used yet
        become worthless too. For a host without `identify`, at its own log-out. Of an address that several customers have, all
        are signed out. Raises UnknownCustomer."""
        services, actor = self._services_in_use, self._actor
        customer = Customer(id=customer_id, reference=reference, email=email, is_verified=True)
        merchant_id, at = self._merchant_id(), services.clock.now()
        with services.database.read() as reader:
            found = list_named_ids(reader, MerchantScope(merchant_id), customer.name)
        if not found:
            raise UnknownCustomer("no customer is named so")
        return sum(
            services.database.run(partial(end_access, scope=Scope(merchant_id, each), actor=actor, at=at))
            for each in found
        )

    def list_events(self, object_id: str, *, after: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Return the events of one object (`pay_…`, `inv_…`, `cus_…`), oldest first, in the API's shape (docs/events.md).

        `after` is the id of the last event of the page before. Events are kept for `PORTAL_EVENTS_DAYS`.
        """
        with self._services_in_use.database.read() as reader:
            merchant = find_merchant(reader, self._slug)
            if merchant is None:
                raise NotFound
            return [event.shape for event in list_events(reader, merchant.id, object_id, after=after, limit=limit)]

    def _build_identity(self, app: Flask) -> HostIdentity | None:
        for name, function in (("identify", self._identify), ("create", self._create)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} is a function, not {type(function).__name__}")
        if self._identify is None:
            return None
        return HostIdentity(app, self._url_prefix, self._identify, self._create)

    def _merchant_id(self) -> str:
        """Return the id of the merchant. Raises UnknownCustomer while there is none, or none that serves pages: it has no customers."""
        with self._services_in_use.database.read() as reader:
            merchant = find_merchant(reader, self._slug)
        if merchant is None or merchant.status != "active":
            raise UnknownCustomer(f"there is no merchant {self._slug}; `flask portal merchant create` makes one")
        return merchant.id

    def _below_prefix(self, path: object) -> str:
        """Return where to go after signing in, below the prefix, which a path of `url_for` has in front."""
        text = path if isinstance(path, str) else "/"
        for start in (_root_of_host() + self._url_prefix, self._url_prefix):
            if text == start or text.startswith((f"{start}/", f"{start}?")):
                return text[len(start) :] or "/"
        return text

    @property
    def _actor(self) -> Actor:
        return Actor(ActorType.HOST, self._slug)

    def _settings_of(self, config: Mapping[str, Any], instance: Path) -> Settings:
        """Return the settings of the host's config, then the environment; the default SQLite file is in the instance folder."""
        own = {name: value for name, value in config.items() if name.startswith(PREFIX)}
        for unknown in Settings.list_unknown({**os.environ, **own}):
            _log.warning("setting.unknown: %s", unknown)
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
        # Payments are recorded in threads of their own, outside any request.
        runtime.services.database.application_context = app.app_context
        runtime.live_themes.register(app)
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


@lru_cache(maxsize=4)
def _shared_renderer(themes_dir: tuple[Path, ...]) -> Renderer:
    """Return the renderer of these themes: portals in one process share it, and each template is compiled once."""
    return Renderer(load_themes(themes_dir))


def _root_of_host() -> str:
    """Return the path at which the host itself is mounted, in a request; "" outside of one, and for a host at its server's root."""
    if not has_request_context():
        return ""
    # A receiver of a signal runs within a request of ours, whose own root is below the prefix.
    return str(request.environ.get(_HOST_ROOT, request.root_path)).rstrip("/")


def _mount(host: Flask, prefix: str, portal: WSGIApplication) -> None:
    """Put the portal inside the host's ProxyFix, whichever was installed first: both must see the same client."""
    holder: Any = host
    name = "wsgi_app"
    while isinstance(getattr(holder, name), ProxyFix):
        holder, name = getattr(holder, name), "app"

    def enter(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_HOST_ROOT] = environ.get("SCRIPT_NAME", "").removesuffix(prefix)
        return portal(environ, start_response)

    setattr(holder, name, DispatcherMiddleware(getattr(holder, name), {prefix: enter}))


def _commands(host: Host) -> click.Group:
    """`flask portal …`: the commands of `portal`, with the host's settings and application context."""

    class Commands(LazyGroup):
        def invoke(self, ctx: click.Context) -> object:
            ctx.obj = host
            return super().invoke(ctx)

    return Commands("portal", lazy_commands=COMMANDS, help="The customer portal in this application.")
