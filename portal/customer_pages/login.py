"""Who is signed in, for Flask-Login: our own manager, which reads our own cookie and never a Flask session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Request, g
from flask.sessions import SessionInterface
from flask_login import LoginManager, UserMixin
from sqlalchemy.exc import DBAPIError

from portal.customer_pages.context import now, reading
from portal.customer_pages.cookies import session_token
from portal.sign_in.queries import find_session
from portal.web.runtime import current_g

if TYPE_CHECKING:
    from portal.sign_in.queries import SignedIn


class PortalUser(UserMixin):  # type: ignore[misc]  # Flask-Login has no types.
    """A signed-in customer as Flask-Login knows one; what pages need is in `signed_in`."""

    def __init__(self, signed_in: SignedIn) -> None:
        self.signed_in = signed_in

    def get_id(self) -> str:
        return self.signed_in.session_id


class NoSession(SessionInterface):
    """Flask's session is never read and never written: the host application's cookie may have the same name."""

    def open_session(self, app: Flask, request: Request) -> None:
        return None


def register_login(app: Flask) -> None:
    """Register our login manager, which reads neither a Flask session nor a remember cookie."""
    # A host application's remember cookie must not be read either: no browser sends a name with a space.
    app.config.update(REMEMBER_COOKIE_NAME="portal remembers nothing", SESSION_PROTECTION=None)
    manager = LoginManager()
    manager.session_protection = None
    manager.request_loader(lambda _request: find_user())
    # Not init_app: all that it adds is the handling of remember cookies after each request.
    app.login_manager = manager  # type: ignore[attr-defined]


def find_user() -> PortalUser | None:
    """Return the user of the request's session cookie at the request's merchant, or None; one statement a request.

    It is Flask-Login's `current_user` too; the guard calls it directly, since the proxy costs as much as half of the
    statement.
    """
    here = current_g()
    if "portal_user" not in here:
        here.portal_user = _load_user()
    user: PortalUser | None = here.portal_user
    return user


def _load_user() -> PortalUser | None:
    token = session_token()
    if not token:
        return None
    try:
        signed_in = _find_session(token)
    except DBAPIError as fault:
        if not fault.connection_invalidated:
            raise
        # The server was restarted, or a firewall forgot an idle connection. This is a request's first statement, so that
        # one retry here, with a new connection, spares nearly every page the error.
        signed_in = _find_session(token)
    return PortalUser(signed_in) if signed_in is not None else None


def _find_session(token: str) -> SignedIn | None:
    with reading() as reader:
        return find_session(reader, g.merchant.id, token, now())
