"""Responses that several pages of signing in share, and their visitor; no routes here."""

from __future__ import annotations

from flask import Response, g, request

from portal.customer_pages.context import current_services, now, redirect_to
from portal.customer_pages.cookies import browser_token, session_token, set_session_cookie
from portal.customers.queries.accounts import Account
from portal.sign_in import operations, page_builders
from portal.sign_in.operations import NewSession, Visitor
from portal.sign_in.queries import ChallengeRow
from portal.web.render import render_page
from portal.web.runtime import request_number

UNPROCESSABLE = 422


def current_visitor() -> Visitor:
    """Return the visitor of the current request: browser, network address as reported by trusted proxies, and session if it sent one."""
    return Visitor(
        browser_token(), request.remote_addr or "", request.user_agent.string, session_token(), request_number()
    )


def redirect_signed_in(new_session: NewSession) -> Response:
    """Set the new session's cookie and redirect to its target."""
    response = redirect_to(new_session.target)
    set_session_cookie(response, new_session.token, new_session.expires_at - now())
    return response


def resend_message(challenge: ChallengeRow) -> Response:
    """Send a new message for the address and target of `challenge`, and redirect to the form for its code."""
    services, visitor = current_services(), current_visitor()
    services.database.run(
        lambda session: operations.resend_message(
            session, services.settings, g.merchant.id, visitor, challenge, at=now()
        )
    )
    return redirect_to("/sign-in/code?sent=again")


def choose_account(action: str, accounts: tuple[Account, ...], *, code: str = "") -> Response:
    """Return the page that lets one of several customers with the verified address be chosen; `action` is below the merchant's root."""
    page = page_builders.build_choose_account_page(action, accounts, code=code)
    return render_page("sign_in/choose_account.html", page, UNPROCESSABLE)
