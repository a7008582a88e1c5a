"""Host applications with a login, a session, CSRF protection, languages, templates and error pages of their own, and the portal in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask_login
from flask import Flask, Response, redirect, render_template, request, session
from flask_babel import Babel, gettext
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_wtf.csrf import CSRFProtect, generate_csrf
from jinja2 import DictLoader
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import Portal
from portal.services import Services
from tests.conftest import SECRET_KEY
from tests.support.accounts import Account
from tests.support.page_client import SAME_ORIGIN, PageClient

LAYOUT = "<!doctype html><title>The shop</title><p>{{ word }}, {{ current_user.get_id() or 'nobody' }}"
HTTPS = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}


class ShopUser(UserMixin):  # type: ignore[misc]  # Flask-Login brings no types.
    """A user of the shop, by a number; to the portal nobody, unless the shop names one of its customers."""

    def __init__(self, user_id: str) -> None:
        self.id = user_id


@dataclass
class Shop:
    """A host application with the portal of `acme` under /billing."""

    app: Flask
    portal: Portal
    account: Account

    def client(self) -> PageClient:
        return PageClient(self.app.test_client())

    def sign_in(self) -> PageClient:
        """A browser that the shop has signed in and sent on to the portal."""
        client = self.client()
        self.log_in(client)
        page = client.get(self.portal.sign_in_url(self.account.scope.customer_id, next="/payments"))
        client.submit(page)
        return client

    def log_in(self, client: PageClient, user: str = "1") -> PageClient:
        """Log a user in to the shop, in this browser; return it."""
        client.client.post("/login", headers=SAME_ORIGIN, data={"csrf_token": _token(client), "user": user})
        return client

    def log_out(self, client: PageClient) -> PageClient:
        """Log out of the shop, in this browser; return it."""
        client.client.post("/logout", headers=SAME_ORIGIN, data={"csrf_token": _token(client)})
        return client


def build_host(proxy: str = "", **proxy_options: int) -> Flask:
    """A shop as one writes it with Flask's usual extensions; `proxy` "before" puts ProxyFix there before the portal is mounted."""
    app = Flask("shop", static_folder=None)
    app.config.update(SECRET_KEY="the shop's own", WTF_CSRF_SSL_STRICT=False, BABEL_DEFAULT_LOCALE="de", TESTING=True)
    names = ("overview.html", "payments/list.html", "layouts/base.html", "errors/not_found.html")
    app.jinja_loader = DictLoader(dict.fromkeys(names, LAYOUT))
    Babel(app, locale_selector=lambda: "de")
    CSRFProtect(app)
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda user_id: ShopUser(user_id) if user_id.isdigit() else None)
    if proxy == "before":
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, **{"x_for": 1, "x_proto": 1, "x_host": 1, **proxy_options}
        )
    _add_routes(app)
    return app


def _add_routes(app: Flask) -> None:
    @app.get("/")
    def home() -> str:
        return render_template("overview.html", word=gettext("Payments"))

    @app.get("/token")
    def token() -> str:
        return str(generate_csrf())

    @app.post("/login")
    def login() -> str:
        session["basket"] = "three apples"
        login_user(ShopUser(request.form.get("user", "1")), remember=True)
        return "in"

    @app.post("/logout")
    def logout() -> WerkzeugResponse:
        logout_user()
        return redirect("/")

    @app.get("/account")
    @login_required  # type: ignore[untyped-decorator]  # Flask-Login brings no types.
    def account() -> str:
        return f"{flask_login.current_user.get_id()} {session['basket']}"

    @app.errorhandler(404)
    def missing(_fault: Exception) -> tuple[str, int]:
        return "the shop has no such page", 404

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Shop"] = "yes"
        return response


def mount(app: Flask, services: Services, *, proxy: str = "", **options: Any) -> Portal:
    """Mount the portal of `acme`, on the test's database; `options` are those of `Portal`."""
    app.config.update(
        PORTAL_SECRET_KEY=SECRET_KEY,
        PORTAL_DATABASE_URL=services.database.url.render_as_string(hide_password=False),
        PORTAL_BASE_URL="http://127.0.0.1:5000",
    )
    portal = Portal(app, **{"url_prefix": "/billing", "merchant": "acme", **options})
    if proxy == "after":
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    return portal


def dispose(portal: Portal) -> None:
    """Close the connections of a mounted portal."""
    assert portal._services is not None
    portal._services.database.dispose()


OpenShop = Callable[..., Shop]


def _token(client: PageClient) -> str:
    return client.client.get("/token").text
