"""Changing the mail address: written, proved by a code sent to it, cancelled; and undone from the address before."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, is_blank, normalise_email
from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    redirect_to,
    run_signed_in,
)
from portal.customers.queries.customers import get_customer
from portal.customers.rules.profiles import is_same_mailbox
from portal.events.rules import customer_actor
from portal.notices.operations import end_copies_since
from portal.people.rules import Right
from portal.privacy.operations.erasing import withdraw_erasure_since
from portal.sign_in.operations.confirmations import EnteredCode
from portal.sign_in.operations.email_changes import (
    find_change,
    forget_email,
    is_undone,
    prove_email,
    request_undo,
    undo_email,
    undone_since,
    want_email,
    want_email_later,
)
from portal.sign_in.page_builders import build_confirm_page
from portal.sign_in.pages import EmailPage, UndoEmailPage
from portal.sign_in.queries import find_confirmation
from portal.sign_in.rules.challenges import is_address, mask_address
from portal.sign_in.rules.tokens import change_of
from portal.sign_in.views.confirming import EMAIL as PATH
from portal.sign_in.views.confirming import ask_for_code, code_page, needs_code
from portal.tenancy import MerchantScope, Scope
from portal.web.card_numbers import card_number_shown_by, pasted_fields
from portal.web.policies import public, signed_in
from portal.web.render import render_page
from portal.web.runtime import request_number

_UNPROCESSABLE, _GONE = 422, 410
_MAX_ECHOED = 300


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of changing the mail address."""
    blueprint.add_url_rule(PATH, "email", email)
    blueprint.add_url_rule(PATH, "want_email", want, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/code", "prove_email", prove, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/again", "email_again", again, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/cancel", "forget_email", forget, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/undo/<token>", "email_undo", undo)
    blueprint.add_url_rule(f"{PATH}/undo/<token>", "undo_email", enter_undo, methods=["POST"])


@signed_in(to=Right.MANAGE)
def email() -> Response:
    """The form of a new address, or of the code that was sent to it."""
    return _page()


def _refuse_card_number() -> Response:
    return _page(fault="card_number") if "email" in pasted_fields() else _page(entered=EnteredCode("short"))


@signed_in(to=Right.MANAGE)
@card_number_shown_by(_refuse_card_number, fields=("email",))
def want() -> Response:
    """Note the new address; it is mailed a code, once the customer entered one that went to the address of now."""
    typed = request.form.get("email", "").strip()
    fault = _fault(typed)
    if fault:
        return _page(typed=typed[:_MAX_ECHOED], fault=fault)
    address = normalise_email(typed)
    services, scope = current_services(), current_scope()
    if needs_code():
        services.database.run(
            lambda session: want_email_later(
                session, services.settings, scope, address, session_id=g.signed_in.session_id, locale=g.shell.locale,
                actor=current_actor(), at=now(),
            )
        )  # fmt: skip
        return redirect_to(code_page(PATH))
    _send(address)
    return redirect_to(PATH)


@signed_in(to=Right.MANAGE)
@card_number_shown_by(_refuse_card_number, fields=("code",))
def prove() -> Response:
    """Judge the code from the new address: with the right one it is the customer's."""
    services = current_services()
    entered = run_signed_in(
        lambda session: prove_email(
            session, services.settings, current_scope(), request.form.get("code", ""), session_id=g.signed_in.session_id,
            actor=current_actor(), at=now(),
        )
    )  # fmt: skip
    return redirect_to("/details?done=email") if entered.answer == "proved" else _page(entered=entered)


@signed_in(to=Right.MANAGE)
def again() -> Response:
    """Mail the new address another code."""
    pending = _pending()
    if pending is None:
        return redirect_to(PATH)
    if needs_code():
        return ask_for_code(PATH)
    _send(pending)
    return redirect_to(PATH)


@signed_in(to=Right.MANAGE)
def forget() -> Response:
    """Cancel the change that is pending."""
    current_services().database.run(
        lambda session: forget_email(session, current_scope(), actor=current_actor(), at=now())
    )
    return redirect_to("/details")


@public
def undo(token: str) -> Response:
    """What was changed, for whoever has the address before; a code goes there first."""
    return _undo_page(token)


def _refuse_card_number_at_undo(token: str) -> Response:
    response = _undo_page(token, EnteredCode("short"))
    response.status_code = _UNPROCESSABLE  # Also where there is nothing to undo: what was sent is at fault.
    return response


@public
@card_number_shown_by(_refuse_card_number_at_undo, fields=("code",))
def enter_undo(token: str) -> Response:
    """Mail the code, or judge it: with the right one the address before is the customer's again."""
    services = current_services()
    change_id = change_of(services.settings.keys, g.merchant.id, token)
    if change_id is None:
        return _undo_page(token)
    if request.form.get("act") == "send":
        services.database.run(
            lambda session: request_undo(
                session, services.settings, g.merchant.id, change_id, locale=g.shell.locale, at=now()
            )
        )
        return redirect_to(f"{PATH}/undo/{token}")
    entered = services.database.run(lambda session: _undo(session, change_id, request.form.get("code", "")))
    return redirect_to(f"{PATH}/undo/{token}") if entered.answer == "proved" else _undo_page(token, entered)


def _undo(session: Session, change_id: str, typed: str) -> EnteredCode:
    """Judge the code; with the right one the sessions end, and so do copies of mails and an erasure that were asked for since the change."""
    services, at = current_services(), now()
    change = find_change(session, g.merchant.id, change_id, at=at)
    entered = undo_email(
        session, services.settings, g.merchant.id, change_id, typed, request_id=request_number(), at=at
    )
    if change is not None and entered.answer == "proved":
        scope = Scope(g.merchant.id, change.customer_id)
        actor = customer_actor(change.customer_id, request_id=request_number())
        end_copies_since(session, scope, undone_since(change), actor=actor, at=at)
        withdraw_erasure_since(session, scope, change.changed_at, actor=actor, at=at)
    return entered


def _fault(typed: str) -> str:
    if is_blank(typed):
        return "missing"
    try:
        is_sound = is_address(typed) and bool(normalise_email(typed))
    except ContactRefused:
        is_sound = False
    if not is_sound:
        return "malformed"
    return "same" if is_same_mailbox(typed, g.signed_in.email or "") else ""


def _send(address: str) -> None:
    services = current_services()
    services.database.run(
        lambda session: want_email(
            session, services.settings, current_scope(), address, session_id=g.signed_in.session_id, locale=g.shell.locale,
            actor=current_actor(), at=now(),
        )
    )  # fmt: skip


def _pending() -> str | None:
    with current_services().database.read() as reader:
        return get_customer(reader, MerchantScope(g.merchant.id), g.signed_in.customer_id).email_pending


def _page(*, typed: str = "", fault: str = "", entered: EnteredCode | None = None) -> Response:
    services, scope = current_services(), current_scope()
    with services.database.read() as reader:
        pending = get_customer(reader, MerchantScope(g.merchant.id), scope.customer_id).email_pending
        row = find_confirmation(reader, scope, "new_address", session_id=g.signed_in.session_id) if pending else None
    minutes = services.settings.sign_in_minutes
    code = build_confirm_page(row, entered, target=PATH, address=pending or "", minutes=minutes, at=now())
    state = "form" if pending is None or fault else "code"
    page = EmailPage(
        state,
        g.signed_in.email or "",
        pending or "",
        minutes,
        typed=typed,
        fault=fault,
        code=code if state == "code" else None,
    )
    return render_page("customers/email.html", page, _UNPROCESSABLE if fault or entered else 200)


def _undo_page(token: str, entered: EnteredCode | None = None) -> Response:
    services = current_services()
    change_id = change_of(services.settings.keys, g.merchant.id, token)
    with services.database.unit_of_work() as session:
        change = find_change(session, g.merchant.id, change_id, at=now()) if change_id else None
        if change is None or change_id is None:
            if change_id and entered is None and is_undone(session, g.merchant.id, change_id):
                return render_page("customers/email_undo.html", UndoEmailPage("done", token))
            return render_page("customers/email_undo.html", UndoEmailPage("gone", ""), _GONE)
        old, new = mask_address(change.old_email), mask_address(change.new_email)
        row = find_confirmation(
            session.connection(), Scope(g.merchant.id, change.customer_id), "undo", change_id=change_id
        )
    code = build_confirm_page(row, entered, target="", address=old, minutes=services.settings.sign_in_minutes, at=now())
    state = "ask" if code.state == "ask" else "code"
    page = UndoEmailPage(state, token, old, new, code=code if state == "code" else None)
    return render_page("customers/email_undo.html", page, _UNPROCESSABLE if entered else 200)
