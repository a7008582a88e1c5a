"""Passkeys: one is added on the security page after a fresh code, and signs in on the page of signing in."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    run_signed_in,
)
from portal.customer_pages.cookies import browser_token
from portal.errors import NotFound
from portal.people.rules import Right
from portal.sign_in import page_builders
from portal.sign_in.operations.passkeys import (
    PasskeyAnswer,
    TooManyPasskeys,
    add_passkey,
    enter_passkey,
    remove_passkey,
)
from portal.sign_in.pages import AddressPage, NewPasskeyPage
from portal.sign_in.queries.passkeys import list_passkeys
from portal.sign_in.rules import passkeys
from portal.sign_in.rules.challenges import OF_HOST, checked_target
from portal.sign_in.rules.passkeys import PasskeyRefused, RelyingParty
from portal.sign_in.views.confirming import code_page, needs_code
from portal.sign_in.views.responses import UNPROCESSABLE, current_visitor, redirect_signed_in
from portal.web.policies import public, signed_in
from portal.web.render import render_page

NEW = "/security/passkeys/new"
_TOO_MANY = 429


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of passkeys."""
    blueprint.add_url_rule(NEW, "new_passkey", new)
    blueprint.add_url_rule(NEW, "add_passkey", add, methods=["POST"])
    blueprint.add_url_rule("/security/passkeys/<passkey_id>/removal", "remove_passkey", remove, methods=["POST"])
    blueprint.add_url_rule("/sign-in/passkey", "passkey_entry", enter, methods=["POST"])


def can_add() -> bool:
    """Return whether whoever is signed in may add a passkey here: beside its mail, and where browsers have passkeys."""
    return bool(g.signed_in.own_email) and g.signed_in.kind not in OF_HOST and _party() is not None


def sign_in_options() -> str:
    """Return the options with which this browser signs in by a passkey, "" where it could not."""
    party = _party()
    if party is None:
        return ""
    keys = current_services().settings.keys
    challenge = passkeys.new_challenge(keys, g.merchant.id, "sign-in", browser_token(), at=now())
    return passkeys.request_options(challenge, party)


@signed_in(to=Right.READ)
def new() -> Response:
    """The page on which the browser makes a passkey; a fresh code comes first."""
    if not can_add():
        raise NotFound
    return redirect_to(code_page(NEW)) if needs_code() else _new_page()


@signed_in(to=Right.READ)
def add() -> Response:
    """Keep the passkey that the browser has made."""
    party = _party()
    if party is None or not can_add():
        raise NotFound
    if needs_code():
        return redirect_to(code_page(NEW))
    services, answer = current_services(), PasskeyAnswer(request.form.get("answer", ""), party)
    try:
        run_signed_in(
            lambda session: add_passkey(
                session, services.settings, current_scope(), g.signed_in.person_id, answer, session_id=g.signed_in.session_id,
                user_agent=request.user_agent.string, actor=current_actor(), at=now(),
            )
        )  # fmt: skip
    except PasskeyRefused as refusal:
        return _new_page(refusal.reason, status=UNPROCESSABLE)
    except TooManyPasskeys as refusal:
        return _new_page("too_many", status=refusal.status)
    return redirect_to("/security?done=passkey_added")


@signed_in(to=Right.READ)
def remove(passkey_id: str) -> Response:
    """Remove one of the customer's passkeys; a fresh code comes first."""
    with reading() as reader:
        if passkey_id not in {passkey.id for passkey in list_passkeys(reader, current_scope(), g.signed_in.person_id)}:
            raise NotFound
    if needs_code():
        return redirect_to(code_page("/security"))
    is_removed = current_services().database.run(
        lambda session: remove_passkey(
            session, current_scope(), g.signed_in.person_id, passkey_id, actor=current_actor(), at=now()
        )
    )
    if not is_removed:
        raise NotFound
    return redirect_to("/security?done=passkey_removed")


@public
def enter() -> Response:
    """Sign in by a passkey."""
    party = _party()
    if party is None:
        raise NotFound
    services, visitor = current_services(), current_visitor()
    target = checked_target(request.form.get("next"))
    answer = PasskeyAnswer(request.form.get("answer", ""), party)
    attempt = services.database.run(
        lambda session: enter_passkey(
            session, services.settings, g.merchant.id, visitor, answer, target=target, at=now()
        )
    )
    if attempt.new_session is not None:
        return redirect_signed_in(attempt.new_session)
    page = AddressPage(page_builders.build_target(target), notice=f"passkey_{attempt.fault}", passkey=sign_in_options())
    response = render_page("sign_in/address.html", page, UNPROCESSABLE if attempt.until is None else _TOO_MANY)
    if attempt.until is not None:
        response.headers["Retry-After"] = str(max(1, int((attempt.until - now()).total_seconds())))
    return response


def _party() -> RelyingParty | None:
    return passkeys.relying_party(request.scheme, request.host)


def _new_page(fault: str | None = None, *, status: int = 200) -> Response:
    party, services, scope = _party(), current_services(), current_scope()
    assert party is not None, "the caller has looked"
    with reading() as reader:
        kept = [passkey.credential_id for passkey in list_passkeys(reader, scope, g.signed_in.person_id)]
    challenge = passkeys.new_challenge(
        services.settings.keys, scope.merchant_id, "add", g.signed_in.session_id, at=now()
    )
    options = passkeys.creation_options(
        challenge,
        party,
        payee=g.merchant.name,
        holder=g.signed_in.person_id or scope.customer_id,
        name=f"{g.signed_in.own_email} ({g.merchant.name})",
        kept=kept,
    )
    return render_page("sign_in/new_passkey.html", NewPasskeyPage(options, fault), status)
