"""The page of notices, copies to other addresses, and the links of mails that stop or agree without signing in."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, is_blank, normalise_email
from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    run_signed_in,
)
from portal.customers.queries.customers import find_customer
from portal.errors import NotFound
from portal.notices.errors import CopyRefused
from portal.notices.operations import (
    add_copy,
    agree_to_copies,
    choose_notices,
    decline_copies,
    end_copy,
    find_invitation,
    find_stopping,
    stop_notices,
)
from portal.notices.page_builders import build_notices_page, build_unsubscribe_page
from portal.notices.pages import InvitationPage, NewCopyPage, UnsubscribePage
from portal.notices.queries import find_copy, list_copies, read_choices
from portal.notices.rules import read_stop_token
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.sign_in.rules.challenges import is_address
from portal.sign_in.views.confirming import code_page, needs_code
from portal.tenancy import MerchantScope
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import mailed_link, public, signed_in
from portal.web.render import render_page
from portal.web.runtime import request_number

PATH = "/notices"
NEW_COPY = f"{PATH}/copies/new"
_ACTS = frozenset({"saved", "asked", "ended"})
_UNPROCESSABLE, _GONE = 422, 410
_MAX_ECHOED = 300
_ONE_CLICK = "One-Click"


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of notices."""
    blueprint.add_url_rule(PATH, "notices", show)
    blueprint.add_url_rule(PATH, "save_notices", save, methods=["POST"])
    blueprint.add_url_rule(NEW_COPY, "new_copy", new_copy)
    blueprint.add_url_rule(f"{PATH}/copies", "add_copy", add, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/copies/<copy_id>/removal", "end_copy", end, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/copies/<token>", "invitation", invitation)
    blueprint.add_url_rule(f"{PATH}/copies/<token>", "answer_invitation", answer, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/unsubscribe/<token>", "unsubscribe", unsubscribe)
    blueprint.add_url_rule(f"{PATH}/unsubscribe/<token>", "stop_notices", stop, methods=["POST"])


@signed_in(to=Right.MANAGE)
def show() -> Response:
    """Which mails the customer gets, and who gets copies."""
    with reading() as reader:
        chosen, copies = read_choices(reader, current_scope()), list_copies(reader, current_scope())
    done = request.args.get("done", "")
    page = build_notices_page(
        g.merchant.settings.notices, chosen, copies,
        email=g.signed_in.email, day_of=g.merchant.day_of, done=done if done in _ACTS else "",
    )  # fmt: skip
    return render_page("notices/list.html", page)


@signed_in(to=Right.MANAGE)
def save() -> Response:
    """Store the switches: those that the page shows, which a form sends when they are on."""
    page = build_notices_page(g.merchant.settings.notices, {}, [], email=None, day_of=g.merchant.day_of)
    chosen = {switch.kind: switch.kind in request.form for switch in page.switches}
    current_services().database.run(
        lambda session: choose_notices(session, current_scope(), chosen, actor=current_actor(), at=now())
    )
    return redirect_to(f"{PATH}?done=saved")


@signed_in(to=Right.MANAGE)
def new_copy() -> Response:
    """The form of another address; a fresh code comes first."""
    return redirect_to(code_page(NEW_COPY)) if needs_code() else render_page("notices/copy.html", NewCopyPage())


def _refuse_card_number() -> Response:
    return _new_copy_page("card_number")


@signed_in(to=Right.MANAGE)
@card_number_shown_by(_refuse_card_number, fields=("email",))
def add() -> Response:
    """Ask another address whether it wants copies."""
    if needs_code():
        return redirect_to(code_page(NEW_COPY))
    typed = request.form.get("email", "").strip()
    address, fault = _read_address(typed)
    if fault:
        return _new_copy_page(fault, typed[:_MAX_ECHOED])
    services = current_services()
    try:
        run_signed_in(
            lambda session: add_copy(
                session, services.settings, current_scope(), address, actor=current_actor(), at=now()
            )
        )
    except CopyRefused as refused:
        return _new_copy_page(refused.fault, typed[:_MAX_ECHOED])
    return redirect_to(f"{PATH}?done=asked")


@signed_in(to=Right.MANAGE)
def end(copy_id: str) -> Response:
    """End the copies to an address. Raises NotFound for one that is not the customer's, or has ended."""
    if not is_id("cpy", copy_id) or not current_services().database.run(
        lambda session: end_copy(session, current_scope(), copy_id, actor=current_actor(), at=now())
    ):
        raise NotFound
    return redirect_to(f"{PATH}?done=ended")


@public
def invitation(token: str) -> Response:
    """What whoever holds the address would get, and from whom; a button agrees."""
    return _invitation_page(token)


@public
def answer(token: str) -> Response:
    """Agree to the copies, or decline them."""
    services = current_services()
    is_declined = request.form.get("act") == "decline"
    decide = decline_copies if is_declined else agree_to_copies
    is_done = services.database.run(lambda session: decide(session, services.settings, g.merchant.id, token, at=now()))
    if not is_done:
        return _invitation_page(token)
    return redirect_to(f"{PATH}/copies/{token}{'?declined' if is_declined else ''}")


@mailed_link
def unsubscribe(token: str) -> Response:
    """What the link stops, and the button that does it; a scanner that opens it stops nothing."""
    return _unsubscribe_page(token)


@mailed_link
def stop(token: str) -> Response:
    """Stop it, without cookie, token of a form or origin. A mail program gets the page, since RFC 8058 forbids to redirect it."""
    services = current_services()

    def act(session: Session) -> bool:
        stopping = find_stopping(session, services.settings, g.merchant.id, read_stop_token(token))
        if stopping is not None:
            is_all = request.form.get("all") == "yes"
            stop_notices(session, stopping, is_all=is_all, request_id=request_number(), at=now())
        return stopping is not None

    is_done = services.database.run(act)
    if not is_done or request.form.get("List-Unsubscribe") == _ONE_CLICK:
        return _unsubscribe_page(token)
    return redirect_to(f"{PATH}/unsubscribe/{token}")


def _read_address(typed: str) -> tuple[str, str]:
    """Return the address as it is stored, and what is wrong with it."""
    if is_blank(typed):
        return "", "missing"
    try:
        return (normalise_email(typed), "") if is_address(typed) else ("", "malformed")
    except ContactRefused:
        return "", "malformed"


def _new_copy_page(fault: str, typed: str = "") -> Response:
    return render_page("notices/copy.html", NewCopyPage(typed, fault), _UNPROCESSABLE)


def _invitation_page(token: str) -> Response:
    services = current_services()
    with services.database.unit_of_work() as session:
        copy = find_invitation(session, services.settings, g.merchant.id, token, at=now())
        customer = find_customer(session, MerchantScope(g.merchant.id), copy.customer_id) if copy is not None else None
        if copy is None or customer is None:
            if "declined" in request.args:
                return render_page("notices/invitation.html", InvitationPage("declined", token))
            return render_page("notices/invitation.html", InvitationPage("gone", token), _GONE)
        page = InvitationPage("ask" if copy.agreed_at is None else "agreed", token, copy.address, customer.email or "")
    return render_page("notices/invitation.html", page)


def _unsubscribe_page(token: str) -> Response:
    services = current_services()
    with services.database.unit_of_work() as session:
        stopping = find_stopping(session, services.settings, g.merchant.id, read_stop_token(token))
        if stopping is None:
            return render_page("notices/unsubscribe.html", UnsubscribePage("gone", token), _GONE)
        copy = find_copy(session, MerchantScope(g.merchant.id), stopping.copy_id) if stopping.copy_id else None
        page = build_unsubscribe_page(
            token, stopping, g.merchant.settings.notices, read_choices(session, stopping.scope),
            is_copy_live=copy is not None and copy.ended_at is None,
        )  # fmt: skip
    return render_page("notices/unsubscribe.html", page)
