"""The pages of URLs with a token: the mailed link, and a session from the API. A GET never uses the token."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_services, now, redirect_to
from portal.customer_pages.cookies import sent_browser_token
from portal.customers.queries.accounts import Account
from portal.database import Reader
from portal.invoices.queries.invoices import find_invoice
from portal.sign_in import operations, page_builders
from portal.sign_in.operations import LinkAttempt, SignInResult
from portal.sign_in.pages import LinkExpiredPage, Target
from portal.sign_in.queries import ChallengeRow, find_challenge, find_portal_session
from portal.sign_in.queries.mailboxes import list_verified_accounts
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import ChallengeState
from portal.sign_in.views.responses import (
    address_shown,
    choose_account,
    current_visitor,
    redirect_signed_in,
    request_again,
)
from portal.tenancy import Scope
from portal.web.policies import public
from portal.web.render import render_page
from portal.web.request_checks import is_from_another_site
from portal.web.runtime import current_runtime

GONE = 410
NOT_FOUND = 404


def add_routes(blueprint: Blueprint) -> None:
    """Add the routes of links, damaged ones included: those show a page that helps."""
    for damaged in ("/sign-in/link", "/sign-in/link/", "/sign-in/link/<token>/<path:rest>"):
        blueprint.add_url_rule(damaged, "damaged_link", damaged_link)
    # A mail program may have taken the full stop or slash behind an address for a part of it.
    for ending in ("", "/"):
        blueprint.add_url_rule(f"/sign-in/link/<token>{ending}", "link", link)
        blueprint.add_url_rule(f"/sign-in/link/<token>{ending}", "link_entry", use_link, methods=["POST"])
        blueprint.add_url_rule(f"/sign-in/session/<token>{ending}", "portal_session", portal_session)
        blueprint.add_url_rule(
            f"/sign-in/session/<token>{ending}", "portal_session_entry", use_portal_session, methods=["POST"]
        )
    blueprint.add_url_rule("/sign-in/link/<token>/fresh", "fresh_link", request_fresh_link, methods=["POST"])


@public
def link(token: str) -> Response:
    """Show who signs in where. The link stays unused, whoever opens it and however often.

    In the browser that requested it the page posts itself, where nothing says that its reader may want something else.
    """
    services, token = current_services(), _cleaned(token)
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _damaged()
    with services.database.read() as reader:
        challenge = find_challenge(reader, g.merchant.id, challenge_id, sent_browser_token())
        accounts = list_verified_accounts(reader, services.settings.keys, g.merchant.id, challenge, now())
        if challenge is None or challenge.state(now()) is not ChallengeState.OPEN or not accounts:
            return _expired(challenge, token)
        target = page_builders.build_target(challenge.target)
        target = replace(target, name=_invoice_number(reader, accounts, target))
    page = page_builders.build_link_page(
        token,
        accounts,
        target,
        address=address_shown(challenge),
        signed_in=g.signed_in,
        user_agent=request.user_agent.string,
        may_post_itself=challenge.is_requested_here and not is_from_another_site(current_runtime(), request),
    )
    return render_page("sign_in/link.html", page)


@public
def damaged_link(token: str = "", rest: str = "") -> Response:
    """Show the page for a link that a mail program cut or broke in two."""
    return _damaged()


@public
def use_link(token: str) -> Response:
    """Sign in by the link, after a click on its page."""
    services, visitor, token = current_services(), current_visitor(), _cleaned(token)
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _refuse_damaged()
    attempt: LinkAttempt = services.database.run(
        lambda session: operations.use_link(
            session,
            services.settings,
            g.merchant.id,
            visitor,
            challenge_id=challenge_id,
            account=request.form.get("account"),
            at=now(),
        )
    )
    if attempt.new_session is not None:
        return redirect_signed_in(attempt.new_session)
    if attempt.result is SignInResult.CHOOSE_ACCOUNT:
        return choose_account(f"/sign-in/link/{token}", attempt.accounts)
    return _expired(attempt.challenge, token, is_used=attempt.result is SignInResult.USED)


@public
def request_fresh_link(token: str) -> Response:
    """Send a new link with the same target, for this browser."""
    services = current_services()
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _refuse_damaged()
    with services.database.read() as reader:
        challenge = find_challenge(reader, g.merchant.id, challenge_id, sent_browser_token())
    return redirect_to("/sign-in") if challenge is None else request_again(challenge)


@public
def portal_session(token: str) -> Response:
    """Show the page whose form signs in; a GET does not use the session."""
    services, token = current_services(), _cleaned(token)
    with services.database.read() as reader:
        minted = find_portal_session(reader, g.merchant.id, token)
    if minted is None:
        return _damaged()
    if minted.used_at is not None or now() >= minted.expires_at:
        return _ended_portal_session(minted.target, is_used=minted.used_at is not None)
    return render_page("sign_in/session.html", page_builders.build_session_page(token, minted, signed_in=g.signed_in))


@public
def use_portal_session(token: str) -> Response:
    """Sign in by a session from the API, once."""
    services, visitor, token = current_services(), current_visitor(), _cleaned(token)
    new_session = services.database.run(
        lambda session: operations.use_portal_session(
            session, services.settings, g.merchant.id, visitor, token, at=now()
        )
    )
    if new_session is not None:
        return redirect_signed_in(new_session)
    with services.database.read() as reader:
        minted = find_portal_session(reader, g.merchant.id, token)
    return _damaged() if minted is None else _ended_portal_session(minted.target, is_used=minted.used_at is not None)


def _cleaned(token: str) -> str:
    """Return a token without the full stops that ended the sentence or line it stood in."""
    return token.rstrip(".")


def _expired(challenge: ChallengeRow | None, token: str, *, is_used: bool = False) -> Response:
    minutes, at = current_services().settings.sign_in_minutes, now()
    address = address_shown(challenge) if challenge is not None else ""
    page = page_builders.build_link_expired_page(
        challenge, token, address=address, minutes=minutes, at=at, is_used=is_used
    )
    return render_page("sign_in/link_expired.html", page, GONE)


def _damaged() -> Response:
    minutes = current_services().settings.sign_in_minutes
    return render_page("sign_in/link_expired.html", LinkExpiredPage("damaged", minutes=minutes), NOT_FOUND)


def _refuse_damaged() -> Response:
    services, visitor = current_services(), current_visitor()
    services.database.run(
        lambda session: operations.refuse_link(session, services.settings, g.merchant.id, visitor, at=now())
    )
    return _damaged()


def _ended_portal_session(target: str, *, is_used: bool) -> Response:
    minutes = current_services().settings.portal_session_url_minutes
    page = LinkExpiredPage("used" if is_used else "expired", page_builders.build_target(target), minutes=minutes)
    return render_page("sign_in/link_expired.html", page, GONE)


def _invoice_number(reader: Reader, accounts: list[Account], target: Target) -> str:
    """Return the number of the invoice that the link leads to, if it belongs to the only account: the reader has the mail."""
    if target.kind != "invoice" or len(accounts) != 1:
        return ""
    scope = Scope(g.merchant.id, accounts[0].id)
    invoice = find_invoice(reader, scope, target.path.rpartition("/")[2].partition("?")[0])
    return invoice.number if invoice is not None else ""
