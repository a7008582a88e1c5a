"""Responses that several pages of signing in give, and who their visitor is; no routes here."""

from __future__ import annotations

from flask import Response, g, request

from portal.customer_pages.context import current_services, now, redirect_to
from portal.customer_pages.cookies import browser_token, session_token, set_session_cookie
from portal.customers.queries.accounts import Account
from portal.sign_in import operations, page_builders
from portal.sign_in.operations import Entered, Visitor
from portal.sign_in.queries import AskedFor
from portal.web.render import render_page
from portal.web.runtime import request_number

UNPROCESSABLE = 422


def visitor() -> Visitor:
    """Who asks: this browser, its network address as the trusted proxies tell it, and its session if it sent one."""
    return Visitor(
        browser_token(), request.remote_addr or "", request.user_agent.string, session_token(), request_number()
    )


def let_in(entered: Entered) -> Response:
    """Set the new session's cookie and go on to the target."""
    response = redirect_to(entered.target)
    set_session_cookie(response, entered.token, entered.expires_at - now())
    return response


def ask_again(asked: AskedFor) -> Response:
    """Ask for a fresh message like `asked`, and go to the form for its code."""
    services, visiting = current_services(), visitor()
    services.database.run(
        lambda session: operations.ask_again(session, services.settings, g.merchant.id, visiting, asked, at=now())
    )
    return redirect_to("/sign-in/code?sent=again")


def choose_account(action: str, accounts: tuple[Account, ...], *, code: str = "") -> Response:
    """Ask which of several customers with the proven mailbox is meant; `action` is below the merchant's root."""
    page = page_builders.build_choose_account_page(action, accounts, code=code)
    return render_page("sign_in/choose_account.html", page, UNPROCESSABLE)
