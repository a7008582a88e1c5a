"""The pages of signing in and out: requesting a message, entering its code, signing out."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_services, local, now, redirect_to
from portal.customer_pages.cookies import clear_session_cookie, sent_browser_token, session_token
from portal.sign_in import operations, page_builders
from portal.sign_in.forms import AddressForm, CodeForm, echoed, typed_code
from portal.sign_in.operations import CodeAttempt, SignInResult
from portal.sign_in.pages import AddressPage
from portal.sign_in.queries import EndedSession, find_last_challenge, inspect_session
from portal.sign_in.rules.challenges import CodeFault, checked_target
from portal.sign_in.views import links as link_views
from portal.sign_in.views.responses import (
    UNPROCESSABLE,
    choose_account,
    current_visitor,
    redirect_signed_in,
    resend_message,
)
from portal.web.policies import public
from portal.web.render import render_page
from portal.web.runtime import request_number

TOO_MANY = 429


def add_routes(blueprint: Blueprint) -> None:
    """Add the routes of signing in and out."""
    blueprint.add_url_rule("/sign-in", "sign_in", sign_in)
    blueprint.add_url_rule("/sign-in", "sign_in_request", request_message, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code", "code", code)
    blueprint.add_url_rule("/sign-in/code", "code_entry", enter_code, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code/fresh", "fresh_code", request_fresh_code, methods=["POST"])
    blueprint.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])
    link_views.add_routes(blueprint)


@public
def sign_in() -> Response:
    """Show the form for the mail address."""
    target = checked_target(request.args.get("next"))
    if g.signed_in is not None:
        return redirect_to(target)
    return render_page("sign_in/address.html", AddressPage(page_builders.build_target(target), notice=_notice()))


@public
def request_message() -> Response:
    """Request a message; the response is the same whatever the address."""
    form = AddressForm(formdata=request.form)
    target = checked_target(request.form.get("next") or request.args.get("next"))
    if not form.validate():
        page = AddressPage(page_builders.build_target(target), echoed(form.address), form.fault or "malformed")
        return render_page("sign_in/address.html", page, UNPROCESSABLE)
    services, visitor = current_services(), current_visitor()
    services.database.run(
        lambda session: operations.request_sign_in(
            session,
            services.settings,
            g.merchant.id,
            visitor,
            address=form.address,
            target=target,
            locale=g.shell.locale,
            at=now(),
        )
    )
    return redirect_to("/sign-in/code")


@public
def request_fresh_code() -> Response:
    """Send a new message for this browser's last challenge."""
    services, visitor = current_services(), current_visitor()
    with services.database.read() as reader:
        challenge = find_last_challenge(reader, g.merchant.id, visitor.browser)
    if challenge is None:
        return redirect_to("/sign-in")
    return resend_message(challenge)


@public
def code() -> Response:
    """Show the form for the code, in the browser that requested it."""
    services, browser = current_services(), sent_browser_token()
    with services.database.read() as reader:
        challenge = find_last_challenge(reader, g.merchant.id, browser) if browser else None
    if g.signed_in is not None and (challenge is None or challenge.used_at is not None):
        return redirect_to(challenge.target if challenge else "/")
    page = page_builders.build_code_page(
        challenge,
        minutes=services.settings.sign_in_minutes,
        at=local(now()),
        is_resent=request.args.get("sent") == "again",
    )
    return render_page("sign_in/code.html", page)


@public
def enter_code() -> Response:
    """Sign in by the code."""
    services, visitor = current_services(), current_visitor()
    minutes = services.settings.sign_in_minutes
    form = CodeForm(formdata=request.form)
    typed = typed_code(form)
    if isinstance(typed.read, CodeFault):
        with services.database.read() as reader:
            challenge = find_last_challenge(reader, g.merchant.id, visitor.browser)
        page = page_builders.build_faulty_code_page(challenge, typed, typed.read, minutes=minutes)
        return render_page("sign_in/code.html", page, UNPROCESSABLE)
    read = typed.read
    attempt: CodeAttempt = services.database.run(
        lambda session: operations.enter_code(
            session, services.settings, g.merchant.id, visitor, code=read, account=form.account.data, at=now()
        )
    )
    if attempt.new_session is not None:
        return redirect_signed_in(attempt.new_session)
    if attempt.result is SignInResult.CHOOSE_ACCOUNT:
        return choose_account("/sign-in/code", attempt.accounts, code=typed.shown)
    if attempt.result is SignInResult.NO_CHALLENGE:
        with services.database.read() as reader:
            attempt = replace(attempt, challenge=find_last_challenge(reader, g.merchant.id, visitor.browser))
    page = page_builders.build_answered_code_page(attempt, typed, minutes=minutes, at=local(now()))
    response = render_page(
        "sign_in/code.html", page, TOO_MANY if attempt.result is SignInResult.LOCKED else UNPROCESSABLE
    )
    if attempt.until is not None:
        response.headers["Retry-After"] = str(max(1, int((attempt.until - now()).total_seconds())))
    return response


@public
def sign_out() -> Response:
    """End this browser's session, and delete the cookie of one that has ended already."""
    services, token = current_services(), session_token()
    if token:
        services.database.run(
            lambda session: operations.end_session(session, g.merchant.id, token, request_id=request_number(), at=now())
        )
    response = redirect_to("/sign-in")
    clear_session_cookie(response)
    # Never cookies: other merchants and the host application share the origin.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _notice() -> str | None:
    """Return why the form is shown: "no_account" for a user of the host application who has none here, "idle" for a session that
    ended, "needed" where a page requires signing in."""
    if g.get("is_without_account"):
        return "no_account"
    token = session_token()
    if token:
        with current_services().database.read() as reader:
            ended = inspect_session(reader, g.merchant.id, token, now())
        if isinstance(ended, EndedSession) and ended.reason == "idle":
            return "idle"
    return "needed" if request.args.get("next") else None
