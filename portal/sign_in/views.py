"""The pages of signing in and out: what a request says, turned into operations and pages."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request

from portal import signals
from portal.database import Reader
from portal.errors import NotFound
from portal.invoices.queries import get_invoice
from portal.sign_in import operations, page_builders, tokens
from portal.sign_in.forms import AddressForm, CodeForm, echoed, typed_code
from portal.sign_in.operations import CodeAnswer, Entered, LinkAnswer, Outcome, Visitor
from portal.sign_in.pages import AddressPage, LinkExpiredPage, Target
from portal.sign_in.queries import (
    Account,
    AskedFor,
    EndedSession,
    find_challenge,
    find_last_challenge,
    find_portal_session,
    inspect_session,
    list_proven_accounts,
)
from portal.sign_in.rules import ChallengeState, CodeFault, checked_target
from portal.tenancy import Scope
from portal.web.context import current_services, local, now, redirect_to
from portal.web.cookies import (
    browser_token,
    clear_session_cookie,
    sent_browser_token,
    session_token,
    set_session_cookie,
)
from portal.web.policies import public
from portal.web.rendering import render_page

UNPROCESSABLE = 422
GONE = 410
NOT_FOUND = 404
TOO_MANY = 429


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of signing in. A link's parts are taken as they come: a damaged one gets a page that helps."""
    blueprint.add_url_rule("/sign-in", "sign_in", sign_in)
    blueprint.add_url_rule("/sign-in", "sign_in_request", request_message, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code", "code", code)
    blueprint.add_url_rule("/sign-in/code", "code_entry", enter_code, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code/fresh", "fresh_code", request_fresh_code, methods=["POST"])
    for damaged in ("/sign-in/link", "/sign-in/link/", "/sign-in/link/<token>/<path:rest>"):
        blueprint.add_url_rule(damaged, "damaged_link", damaged_link)
    blueprint.add_url_rule("/sign-in/link/<token>", "link", link)
    blueprint.add_url_rule("/sign-in/link/<token>", "link_entry", enter_link, methods=["POST"])
    blueprint.add_url_rule("/sign-in/link/<token>/fresh", "fresh_link", request_fresh_link, methods=["POST"])
    blueprint.add_url_rule("/sign-in/session/<token>", "portal_session", portal_session)
    blueprint.add_url_rule("/sign-in/session/<token>", "portal_session_entry", enter_portal_session, methods=["POST"])
    blueprint.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])


# --- asking for a message ---


@public
def sign_in() -> Response:
    """The form for the mail address."""
    target = checked_target(request.args.get("next"))
    if g.signed_in is not None:
        return redirect_to(target)
    return render_page("sign_in/address.html", AddressPage(page_builders.build_target(target), notice=_notice()))


@public
def request_message() -> Response:
    """Ask for a message; the answer is the same whatever the address."""
    form = AddressForm(formdata=request.form)
    target = checked_target(request.form.get("next") or request.args.get("next"))
    if not form.validate():
        page = AddressPage(page_builders.build_target(target), echoed(form.address), form.fault or "malformed")
        return render_page("sign_in/address.html", page, UNPROCESSABLE)
    services, visitor = current_services(), _visitor()
    services.database.run(
        lambda session: operations.request_sign_in(
            session, services.settings, g.merchant.id, visitor,
            address=form.address, target=target, locale=g.shell.locale, at=now(),
        )
    )
    return redirect_to("/sign-in/code")


@public
def request_fresh_code() -> Response:
    """Ask again for what this browser asked for last."""
    services, visitor = current_services(), _visitor()
    with services.database.read() as reader:
        asked = find_last_challenge(reader, g.merchant.id, visitor.browser)
    if asked is None:
        return redirect_to("/sign-in")
    return _ask_again(asked)


@public
def request_fresh_link(token: str) -> Response:
    """Ask for a fresh link like the one in the address, for this browser, at the same target."""
    services = current_services()
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _refuse_damaged()
    with services.database.read() as reader:
        asked = find_challenge(reader, g.merchant.id, challenge_id)
    return redirect_to("/sign-in") if asked is None else _ask_again(asked)


# --- the code ---


@public
def code() -> Response:
    """The form for the code, in the browser that asked."""
    services, browser = current_services(), sent_browser_token()
    with services.database.read() as reader:
        asked = find_last_challenge(reader, g.merchant.id, browser) if browser else None
    if g.signed_in is not None and (asked is None or asked.used_at is not None):
        return redirect_to(asked.target if asked else "/")
    page = page_builders.build_code_page(
        asked, minutes=services.settings.sign_in_minutes, at=local(now()), is_fresh=request.args.get("sent") == "again"
    )
    return render_page("sign_in/code.html", page)


@public
def enter_code() -> Response:
    """Sign in by the code."""
    services, visitor = current_services(), _visitor()
    minutes = services.settings.sign_in_minutes
    form = CodeForm(formdata=request.form)
    typed = typed_code(form)
    if isinstance(typed.read, CodeFault):
        with services.database.read() as reader:
            asked = find_last_challenge(reader, g.merchant.id, visitor.browser)
        page = page_builders.build_faulty_code_page(asked, typed, typed.read, minutes=minutes)
        return render_page("sign_in/code.html", page, UNPROCESSABLE)
    read = typed.read
    answer: CodeAnswer = services.database.run(
        lambda session: operations.enter_code(
            session, services.settings, g.merchant.id, visitor, code=read, account=form.account.data, at=now()
        )
    )
    if answer.entered is not None:
        return _let_in(answer.entered)
    if answer.outcome is Outcome.CHOOSE:
        return _choose("/sign-in/code", answer.accounts, code=typed.shown)
    page = page_builders.build_answered_code_page(answer, typed, minutes=minutes, at=local(now()))
    response = render_page("sign_in/code.html", page, TOO_MANY if answer.outcome is Outcome.LOCKED else UNPROCESSABLE)
    if answer.until is not None:
        response.headers["Retry-After"] = str(max(1, int((answer.until - now()).total_seconds())))
    return response


# --- the link ---


@public
def link(token: str) -> Response:
    """Say who signs in where; nothing is used up, whoever opens it and however often."""
    services = current_services()
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _damaged()
    with services.database.read() as reader:
        asked = find_challenge(reader, g.merchant.id, challenge_id)
        accounts = list_proven_accounts(reader, g.merchant.id, asked.customer_id if asked else None)
        if asked is None or asked.state(now()) is not ChallengeState.OPEN or not accounts:
            return _expired(asked, token)
        target = page_builders.build_target(asked.target)
        target = replace(target, name=_invoice_number(reader, accounts, target))
    page = page_builders.build_link_page(
        token, asked, accounts, target, signed_in=g.signed_in, user_agent=request.user_agent.string
    )
    return render_page("sign_in/link.html", page)


@public
def damaged_link(token: str = "", rest: str = "") -> Response:
    """An address that some mail program cut or broke in two."""
    return _damaged()


@public
def enter_link(token: str) -> Response:
    """Sign in by the link: the click that the page asked for."""
    services, visitor = current_services(), _visitor()
    challenge_id = tokens.challenge_of(services.settings.keys, g.merchant.id, token)
    if challenge_id is None:
        return _refuse_damaged()
    answer: LinkAnswer = services.database.run(
        lambda session: operations.enter_link(
            session, services.settings, g.merchant.id, visitor,
            challenge_id=challenge_id, account=request.form.get("account"), at=now(),
        )
    )
    if answer.entered is not None:
        return _let_in(answer.entered)
    if answer.outcome is Outcome.CHOOSE:
        return _choose(f"/sign-in/link/{token}", answer.accounts)
    return _expired(answer.asked, token, is_used=answer.outcome is Outcome.USED)


# --- sessions from the API, and the end of any ---


@public
def portal_session(token: str) -> Response:
    """A page whose form enters; opening it uses nothing up."""
    services = current_services()
    with services.database.read() as reader:
        minted = find_portal_session(reader, g.merchant.id, token)
    if minted is None:
        return _damaged()
    if minted.used_at is not None or now() >= minted.expires_at:
        return _ended_portal_session(minted.target, is_used=minted.used_at is not None)
    return render_page("sign_in/session.html", page_builders.build_session_page(token, minted, signed_in=g.signed_in))


@public
def enter_portal_session(token: str) -> Response:
    """Enter a session from the API, once."""
    services, visitor = current_services(), _visitor()
    entered = services.database.run(
        lambda session: operations.enter_portal_session(
            session, services.settings, g.merchant.id, visitor, token, at=now()
        )
    )
    if entered is not None:
        return _let_in(entered)
    with services.database.read() as reader:
        minted = find_portal_session(reader, g.merchant.id, token)
    return _damaged() if minted is None else _ended_portal_session(minted.target, is_used=minted.used_at is not None)


@public
def sign_out() -> Response:
    """End this browser's session; also for one that has run out, whose cookie goes."""
    services, token = current_services(), session_token()
    if token:
        services.database.run(lambda session: operations.end_session(session, g.merchant.id, token, at=now()))
    if g.signed_in is not None:
        signals.send(signals.signed_out, g.merchant.id, customer_id=g.signed_in.customer_id)
    response = redirect_to("/sign-in")
    clear_session_cookie(response)
    # Never cookies: other merchants and the host application share the origin.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


# --- what several of them do ---


def _visitor() -> Visitor:
    return Visitor(browser_token(), request.remote_addr or "", request.user_agent.string, session_token())


def _let_in(entered: Entered) -> Response:
    signals.send(signals.signed_in, g.merchant.id, customer_id=entered.customer_id)
    response = redirect_to(entered.target)
    set_session_cookie(response, entered.token, entered.expires_at - now())
    return response


def _ask_again(asked: AskedFor) -> Response:
    services, visitor = current_services(), _visitor()
    services.database.run(
        lambda session: operations.ask_again(session, services.settings, g.merchant.id, visitor, asked, at=now())
    )
    return redirect_to("/sign-in/code?sent=again")


def _choose(action: str, accounts: tuple[Account, ...], *, code: str = "") -> Response:
    page = page_builders.build_choose_account_page(action, accounts, code=code)
    return render_page("sign_in/choose_account.html", page, UNPROCESSABLE)


def _expired(asked: AskedFor | None, token: str, *, is_used: bool = False) -> Response:
    minutes, at = current_services().settings.sign_in_minutes, now()
    page = page_builders.build_link_expired_page(asked, token, minutes=minutes, at=at, is_used=is_used)
    return render_page("sign_in/link_expired.html", page, GONE)


def _damaged() -> Response:
    minutes = current_services().settings.sign_in_minutes
    return render_page("sign_in/link_expired.html", LinkExpiredPage("damaged", minutes=minutes), NOT_FOUND)


def _refuse_damaged() -> Response:
    services, visitor = current_services(), _visitor()
    services.database.run(
        lambda session: operations.refuse_link(session, services.settings, g.merchant.id, visitor, at=now())
    )
    return _damaged()


def _ended_portal_session(target: str, *, is_used: bool) -> Response:
    minutes = current_services().settings.portal_session_url_minutes
    page = LinkExpiredPage("used" if is_used else "expired", page_builders.build_target(target), minutes=minutes)
    return render_page("sign_in/link_expired.html", page, GONE)


def _notice() -> str | None:
    """Why the form is shown: the place that was wanted, or the session that has run out."""
    token = session_token()
    if token:
        with current_services().database.read() as reader:
            ended = inspect_session(reader, g.merchant.id, token, now())
        if isinstance(ended, EndedSession) and ended.reason == "idle":
            return "idle"
    return "needed" if request.args.get("next") else None


def _invoice_number(reader: Reader, accounts: list[Account], target: Target) -> str:
    """The number of the invoice that the link leads to, where it is the one account's own: whoever reads this has the mail."""
    if target.kind != "invoice" or len(accounts) != 1:
        return ""
    try:
        invoice = get_invoice(reader, Scope(g.merchant.id, accounts[0].id), target.path.rpartition("/")[2].partition("?")[0])
    except NotFound:
        return ""
    return invoice.record.number
