"""A fresh code before what a stolen session must not do: requested and entered on a page of its own, which leads back."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from portal.customer_pages.context import current_actor, current_scope, current_services, now, redirect_to
from portal.people.rules import Right
from portal.sign_in.operations.confirmations import (
    EnteredCode,
    enter_confirmation,
    mark_confirmed,
    request_confirmation,
)
from portal.sign_in.operations.email_changes import resume_email
from portal.sign_in.page_builders import build_confirm_page
from portal.sign_in.queries import find_confirmation
from portal.sign_in.rules.challenges import FRESH_FOR, checked_target
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import signed_in
from portal.web.render import render_page

PATH = "/security/confirm"
EMAIL = "/details/email"
_UNPROCESSABLE = 422


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of fresh codes."""
    blueprint.add_url_rule(PATH, "fresh_code_form", confirm)
    blueprint.add_url_rule(PATH, "fresh_code_entry", enter, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/code", "fresh_code_request", send, methods=["POST"])


def needs_code() -> bool:
    """Return whether a fresh code is to be entered first; who has no mail address cannot be asked for one."""
    return bool(g.signed_in.own_email) and not g.signed_in.is_fresh(now())


def code_held_until() -> datetime | None:
    """Return when the last fresh code of this session stopped to hold, or will; None where none was entered."""
    entered_at: datetime | None = g.signed_in.confirmed_at
    return entered_at + FRESH_FOR if entered_at is not None else None


def ask_for_code(target: str) -> Response:
    """Mail a code and lead to its form, from which `target` follows. Raises TooManyMessages."""
    _request()
    return redirect_to(code_page(target))


def code_page(target: str) -> str:
    """Return the path of the page on which the code is entered, which leads to `target`."""
    return f"{PATH}?next={target}"


@signed_in(to=Right.READ)
def confirm() -> Response:
    """The form of the code, or where none is under way the button that has one mailed; `next` is where it leads."""
    target = checked_target(request.args.get("next"))
    return redirect_to(target) if not needs_code() else _page(target)


def _refuse_card_number() -> Response:
    return _page(_target(), EnteredCode("short"), status=_UNPROCESSABLE)


@signed_in(to=Right.READ)
@card_number_shown_by(_refuse_card_number, fields=("code",))
def enter() -> Response:
    """Judge the code; the right one leads on."""
    services, scope, session_id = current_services(), current_scope(), g.signed_in.session_id

    def judge(session: Session) -> EnteredCode:
        entered = enter_confirmation(
            session, services.settings, scope, "identity", request.form.get("code", ""), at=now(), session_id=session_id
        )
        if entered.answer == "proved":
            mark_confirmed(session, scope, session_id, at=now())
            if _target() == EMAIL and g.signed_in.may(Right.MANAGE):
                resume_email(
                    session, services.settings, scope, session_id=session_id, locale=g.shell.locale, actor=current_actor(), at=now()
                )  # fmt: skip
        return entered

    entered = services.database.run(judge)
    if entered.answer != "proved":
        return _page(_target(), entered, status=_UNPROCESSABLE)
    return redirect_to(_target())


@signed_in(to=Right.READ)
def send() -> Response:
    """Mail a code, in place of the one before."""
    return ask_for_code(_target())


def _request() -> None:
    services = current_services()
    services.database.run(
        lambda session: request_confirmation(
            session, services.settings, current_scope(), "identity", locale=g.shell.locale, at=now(),
            session_id=g.signed_in.session_id, person_id=g.signed_in.person_id,
        )
    )  # fmt: skip


def _target() -> str:
    return checked_target(request.form.get("next"))


def _page(target: str, entered: EnteredCode | None = None, *, status: int = 200) -> Response:
    services = current_services()
    with services.database.read() as reader:
        row = find_confirmation(reader, current_scope(), "identity", session_id=g.signed_in.session_id)
    page = build_confirm_page(
        row,
        entered,
        target=target,
        address=g.signed_in.own_email or "",
        minutes=services.settings.sign_in_minutes,
        at=now(),
    )
    return render_page("security_confirm.html", page, status)
