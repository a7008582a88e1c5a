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


class Visitor(UserMixin):  # type: ignore[misc]  # Flask-Login brings no types.
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
    """Give the application a login manager of ours, which reads neither a session nor a remember cookie."""
    # A host application's remember cookie must not be looked at either: no browser sends a name with a space.
    app.config.update(REMEMBER_COOKIE_NAME="portal remembers nothing", SESSION_PROTECTION=None)
    manager = LoginManager()
    manager.session_protection = None
    manager.request_loader(lambda _request: find_user())
    # Not init_app: all that it adds is the handling of remember cookies after each request.
    app.login_manager = manager  # type: ignore[attr-defined]


def find_user() -> Visitor | None:
    """The visitor of the request's session cookie at the request's merchant, or None; one statement a request.

    What the guard asks, and what Flask-Login's `current_user` is; the guard asks here, since the way over the proxy costs
    as much as half of the statement.
    """
    here = current_g()
    if "visitor" not in here:
        here.visitor = _load_user()
    visitor: Visitor | None = here.visitor
    return visitor


def _load_user() -> Visitor | None:
    token = session_token()
    if not token:
        return None
    try:
        signed_in = _find_session(token)
    except DBAPIError as fault:
        if not fault.connection_invalidated:
            raise
        # The server was restarted, or a firewall forgot an idle connection. This is a request's first statement, so that
        # one more try here, with a new connection, keeps nearly every page from telling of it.
        signed_in = _find_session(token)
    return Visitor(signed_in) if signed_in is not None else None


def _find_session(token: str) -> SignedIn | None:
    with reading() as reader:
        return find_session(reader, g.merchant.id, token, now())
