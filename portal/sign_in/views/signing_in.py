"""The pages of signing in and out: requesting a message, entering its code, signing out."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_services, local, now, redirect_to
from portal.customer_pages.cookies import clear_session_cookie, sent_browser_token, session_token, set_address_cookie
from portal.sign_in import operations, page_builders
from portal.sign_in.forms import AddressForm, CodeForm, echoed, typed_code
from portal.sign_in.operations import CodeAttempt, SignInResult
from portal.sign_in.pages import AddressPage, CodePage
from portal.sign_in.queries import ChallengeRow, EndedSession, inspect_session, list_requested_challenges
from portal.sign_in.rules.challenges import CodeFault, checked_target
from portal.sign_in.views import links as link_views
from portal.sign_in.views import mailed_links as mailed_link_views
from portal.sign_in.views import passkeys as passkey_views
from portal.sign_in.views.responses import (
    UNPROCESSABLE,
    address_shown,
    choose_account,
    current_visitor,
    redirect_signed_in,
    request_again,
)
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import public
from portal.web.render import render_page
from portal.web.runtime import request_number

TOO_MANY = 429
_SIGNED_OUT = "signed_out"


def add_routes(blueprint: Blueprint) -> None:
    """Add the routes of signing in and out."""
    blueprint.add_url_rule("/sign-in", "sign_in", sign_in)
    blueprint.add_url_rule("/sign-in", "sign_in_request", request_message, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code", "code", code)
    blueprint.add_url_rule("/sign-in/code", "code_entry", enter_code, methods=["POST"])
    blueprint.add_url_rule("/sign-in/code/fresh", "fresh_code", request_fresh_code, methods=["POST"])
    blueprint.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])
    link_views.add_routes(blueprint)
    mailed_link_views.add_routes(blueprint)
    passkey_views.add_routes(blueprint)


@public
def sign_in() -> Response:
    """Show the form for the mail address."""
    target = checked_target(request.args.get("next"))
    if g.signed_in is not None and not g.signed_in.is_by_notice:
        return redirect_to(target)
    page = AddressPage(page_builders.build_target(target), notice=_notice(), passkey=passkey_views.sign_in_options())
    return render_page("sign_in/address.html", page)


def _refuse_card_number_as_address() -> Response:
    page = AddressPage(
        page_builders.build_target(_posted_target()), fault="card_number", passkey=passkey_views.sign_in_options()
    )
    return render_page("sign_in/address.html", page, UNPROCESSABLE)


@public
@card_number_shown_by(_refuse_card_number_as_address, fields=("email",))
def request_message() -> Response:
    """Request a message; the response is the same whatever the address."""
    form = AddressForm(formdata=request.form)
    target = _posted_target()
    if not form.validate():
        page = AddressPage(
            page_builders.build_target(target), echoed(form.address), form.fault or "malformed",
            passkey=passkey_views.sign_in_options(),
        )  # fmt: skip
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
    response = redirect_to("/sign-in/code")
    set_address_cookie(response, form.address)
    return response


@public
def request_fresh_code() -> Response:
    """Send a new message for this browser's last challenge."""
    challenge = _last_challenge()
    if challenge is None:
        return redirect_to("/sign-in")
    return request_again(challenge)


@public
def code() -> Response:
    """Show the form for the code, in the browser that requested it."""
    challenge = _last_challenge()
    if g.signed_in is not None and (challenge is None or challenge.used_at is not None):
        return redirect_to(challenge.target if challenge else "/")
    page = _empty_code_page(challenge)
    sent = request.args.get("sent")
    return render_page("sign_in/code.html", replace(page, state=page_builders.sent_state(page, sent)))


def _refuse_card_number_as_code() -> Response:
    page = replace(_empty_code_page(_last_challenge()), state="card_number")
    return render_page("sign_in/code.html", page, UNPROCESSABLE)


@public
@card_number_shown_by(_refuse_card_number_as_code, fields=("code",))
def enter_code() -> Response:
    """Sign in by the code."""
    services, visitor = current_services(), current_visitor()
    form = CodeForm(formdata=request.form)
    typed = typed_code(form)
    if isinstance(typed.read, CodeFault):
        page = page_builders.add_fault(_empty_code_page(_last_challenge()), typed, typed.read)
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
    page = page_builders.add_attempt(_empty_code_page(attempt.challenge), attempt, typed, at=local(now()))
    response = render_page(
        "sign_in/code.html", page, TOO_MANY if attempt.result is SignInResult.LOCKED else UNPROCESSABLE
    )
    if attempt.result is SignInResult.LOCKED and attempt.until is not None:
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
    response = redirect_to(f"/sign-in?{_SIGNED_OUT}=1")
    clear_session_cookie(response)
    # Never cookies: other merchants and the host application share the origin.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _posted_target() -> str:
    return checked_target(request.form.get("next") or request.args.get("next"))


def _last_challenge() -> ChallengeRow | None:
    """Return the challenge that this browser requested last; None when it requested none."""
    with current_services().database.read() as reader:
        requested = list_requested_challenges(reader, g.merchant.id, sent_browser_token())
    return requested[0] if requested else None


def _empty_code_page(challenge: ChallengeRow | None) -> CodePage:
    if challenge is None:
        return CodePage(None)
    return page_builders.build_code_page(
        challenge,
        address=address_shown(challenge),
        minutes=current_services().settings.sign_in_minutes,
        at=local(now()),
    )


def _notice() -> str | None:
    """Return why the form is shown: "link_ended" for a pay link or the link of a notice that is not valid any more, or never was, "no_account" for a user of the host application who has none here, "idle" for a session that
    ended, "signed_out" after signing out."""
    if request.args.get("link") == "ended":
        return "link_ended"
    if g.get("is_without_account"):
        return "no_account"
    token = session_token()
    if token:
        with current_services().database.read() as reader:
            ended = inspect_session(reader, g.merchant.id, token, now())
        if isinstance(ended, EndedSession) and ended.reason == "idle":
            return "idle"
    return "signed_out" if _SIGNED_OUT in request.args else None
