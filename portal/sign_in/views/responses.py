"""Responses that several pages of signing in share, and their visitor; no routes here."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response, g, request

from portal.customer_pages.context import current_services, now, reading, redirect_to
from portal.customer_pages.cookies import (
    browser_token,
    known_browser_token,
    session_token,
    set_address_cookie,
    set_known_browser_cookie,
    set_session_cookie,
    typed_address,
)
from portal.customers.queries.accounts import Account
from portal.invoices.queries.invoice_list import list_owed
from portal.sign_in import operations, page_builders
from portal.sign_in.operations import NewSession, RequestedMail, Visitor
from portal.sign_in.pages import AccountOwed
from portal.sign_in.queries import ChallengeRow
from portal.sign_in.rules.challenges import mask_address
from portal.tenancy import MerchantScope
from portal.web.render import render_page
from portal.web.runtime import request_number

UNPROCESSABLE = 422


def current_visitor() -> Visitor:
    """Return the visitor of the current request: browser, network address as reported by trusted proxies, and session if it sent one."""
    return Visitor(
        browser=browser_token(),
        network=request.remote_addr or "",
        user_agent=request.user_agent.string,
        session_token=session_token(),
        request_id=request_number(),
        known_browser=known_browser_token(),
    )


def redirect_signed_in(new_session: NewSession) -> Response:
    """Set the cookies of the new session and of a known browser, and redirect to the session's target."""
    response = redirect_to(new_session.target)
    set_session_cookie(response, new_session.token, new_session.expires_at - now())
    if new_session.known_browser is not None:
        set_known_browser_cookie(response, new_session.known_browser)
    if typed_address():
        set_address_cookie(response, "")
    return response


def request_again(challenge: ChallengeRow) -> Response:
    """Request a message for the address and target of `challenge` in this browser, and redirect to the form for its code."""
    services, visitor = current_services(), current_visitor()
    requested: RequestedMail = services.database.run(
        lambda session: operations.request_again(
            session, services.settings, g.merchant.id, visitor, challenge, at=now()
        )
    )
    return redirect_to(f"/sign-in/code?sent={'again' if requested.is_sent else 'before'}")


def address_shown(challenge: ChallengeRow) -> str:
    """Return the address of a challenge as this browser may see it: in full where it was typed here, else masked."""
    typed = typed_address()
    if typed and challenge.is_requested_here and mask_address(typed) == challenge.masked_address:
        return typed
    return challenge.masked_address


def choose_account(action: str, accounts: tuple[Account, ...], *, code: str = "") -> Response:
    """Return the page that lets one of several customers with the verified address be chosen; `action` is below the merchant's root."""
    page = page_builders.build_choose_account_page(action, accounts, read_owed(accounts), code=code)
    return render_page("sign_in/choose_account.html", page, UNPROCESSABLE)


def read_owed(accounts: Iterable[Account]) -> dict[str, list[AccountOwed]]:
    """Return what each account has to pay, by its id; one statement, however many there are."""
    owed: dict[str, list[AccountOwed]] = {}
    with reading() as reader:
        for row in list_owed(reader, MerchantScope(g.merchant.id), [account.id for account in accounts]):
            owed.setdefault(row.customer_id, []).append(AccountOwed(row.invoice_count, row.amount, row.currency))
    return owed
