"""Who is signed in, for Flask-Login: our own manager, which reads our own cookie and never a Flask session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Request, g
from flask.sessions import SessionInterface
from flask_login import LoginManager, UserMixin

from portal.sign_in.queries import find_session
from portal.web.context import current_services, now
from portal.web.cookies import session_token

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
    manager.request_loader(load_visitor)
    manager.init_app(app, add_context_processor=False)


def load_visitor(_request: Request) -> Visitor | None:
    """The visitor of the request's session cookie at the request's merchant, or None; one statement."""
    token = session_token()
    if not token:
        return None
    with current_services().database.read() as reader:
        signed_in = find_session(reader, g.merchant.id, token, now())
    return Visitor(signed_in) if signed_in is not None else None
