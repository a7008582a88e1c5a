"""The page of an account's persons: who may do what; invited, given another role, removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, is_blank, normalise_email, normalise_name
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
from portal.people.errors import InvitationRefused
from portal.people.operations import change_role
from portal.people.page_builders import build_entries
from portal.people.pages import AccountInvitationPage, PeoplePage
from portal.people.queries import StoredPerson, find_person, list_declined, list_people
from portal.people.rules import DECLINED_SHOWN_FOR, INVITATION_FOR, MAX_NAME, Right, Role, is_open
from portal.sign_in.operations.people import decline_invitation, invite_again, invite_person, remove_person
from portal.sign_in.rules.challenges import is_address
from portal.sign_in.rules.tokens import person_of
from portal.sign_in.views.confirming import code_page, needs_code
from portal.tenancy import MerchantScope, Scope
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import public, signed_in
from portal.web.render import render_page
from portal.web.runtime import request_number

PATH = "/people"
_UNPROCESSABLE, _GONE = 422, 410
_MAX_ECHOED = 300
_ACTS = frozenset({"invited", "again", "changed", "removed", "withdrawn"})


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the account's persons."""
    one, invitation_path = f"{PATH}/<person_id>", f"{PATH}/invitations/<token>"
    blueprint.add_url_rule(invitation_path, "person_invitation", invitation)
    blueprint.add_url_rule(invitation_path, "decline_invitation", decline, methods=["POST"])
    blueprint.add_url_rule(PATH, "people", people)
    blueprint.add_url_rule(PATH, "invite_person", invite, methods=["POST"])
    blueprint.add_url_rule(f"{one}/role", "change_role", change, methods=["POST"])
    blueprint.add_url_rule(f"{one}/invitation", "invite_again", again, methods=["POST"])
    blueprint.add_url_rule(f"{one}/removal", "remove_person", remove, methods=["POST"])


@signed_in(to=Right.MANAGE)
def people() -> Response:
    """Who may do what; the forms are there once a fresh code was entered."""
    done = request.args.get("done", "")
    return _page(done=done if done in _ACTS else "")


def _refuse_card_number() -> Response:
    return _page("card_number", status=_UNPROCESSABLE)


@signed_in(to=Right.MANAGE)
@card_number_shown_by(_refuse_card_number, fields=("email", "name"))
def invite() -> Response:
    """Send an invitation to an address."""
    if needs_code():
        return redirect_to(code_page(PATH))
    typed, typed_name = request.form.get("email", "").strip(), request.form.get("name", "")
    role = request.form.get("role", "")
    address, fault = _read_address(typed)
    name = _read_name(typed_name)
    if not fault and name is None:
        fault = "name"
    if not fault and role not in set(Role):
        fault = "role"
    if not fault:
        services = current_services()
        try:
            run_signed_in(
                lambda session: invite_person(
                    session, services.settings, current_scope(), address, Role(role), name=name or None,
                    actor=current_actor(), at=now(),
                )
            )  # fmt: skip
        except InvitationRefused as refused:
            fault = refused.fault
    if fault:
        return _page(
            fault, typed=typed[:_MAX_ECHOED], typed_name=_echoed(typed_name), typed_role=role, status=_UNPROCESSABLE
        )
    return redirect_to(f"{PATH}?done=invited")


@signed_in(to=Right.MANAGE)
def change(person_id: str) -> Response:
    """Give a person another role."""
    role = request.form.get("role", "")

    def act(session: Session) -> None:
        if role not in set(Role):
            raise NotFound
        change_role(session, current_scope(), person_id, Role(role), actor=current_actor(), at=now())

    return _act(person_id, act, "changed")


@signed_in(to=Right.MANAGE)
def again(person_id: str) -> Response:
    """Send an invitation again."""
    settings = current_services().settings
    return _act(
        person_id,
        lambda session: invite_again(session, settings, current_scope(), person_id, actor=current_actor(), at=now()),
        "again",
    )


@signed_in(to=Right.MANAGE)
def remove(person_id: str) -> Response:
    """Remove a person, which signs it out at once, or withdraw an invitation."""
    person = _find(person_id)
    return _act(
        person_id,
        lambda session: remove_person(session, current_scope(), person_id, actor=current_actor(), at=now()),
        "removed" if person.joined_at else "withdrawn",
    )


@public
def invitation(token: str) -> Response:
    """Who invites to which account, with a button that signs in and one that declines; opening it changes nothing."""
    return _invitation_page(token)


@public
def decline(token: str) -> Response:
    """Decline the invitation, without signing in: whoever has the link got the mail, and it does nothing else."""
    person, services = _invited(token), current_services()
    if person is None:
        return _invitation_page(token)
    scope = Scope(g.merchant.id, person.customer_id)
    with suppress(NotFound):  # It was answered or withdrawn at this moment, which the page says.
        services.database.run(
            lambda session: decline_invitation(session, scope, person.id, request_id=request_number(), at=now())
        )
    return redirect_to(f"{PATH}/invitations/{token}")


def _invited(token: str) -> StoredPerson | None:
    """Return the person of the link of an invitation, also one who answered it; None for any other text."""
    person_id = person_of(current_services().settings.keys, g.merchant.id, token)
    if person_id is None:
        return None
    with reading() as reader:
        return find_person(reader, MerchantScope(g.merchant.id), person_id)


def _invitation_page(token: str) -> Response:
    person, at = _invited(token), now()
    if person is not None and person.declined_at is not None:
        return render_page("people_invitation.html", AccountInvitationPage("declined", token))
    if (
        person is None
        or person.removed_at
        or not is_open(joined_at=person.joined_at, invited_at=person.invited_at, at=at)
    ):
        return render_page("people_invitation.html", AccountInvitationPage("gone", token), _GONE)
    if person.joined_at is not None:
        return redirect_to("/sign-in")
    with reading() as reader:
        scope = MerchantScope(g.merchant.id)
        customer = find_customer(reader, scope, person.customer_id)
        inviter = find_person(reader, scope, person.invited_by) if person.invited_by else None
    if customer is None or customer.blocked:
        return render_page("people_invitation.html", AccountInvitationPage("gone", token), _GONE)
    who = (inviter.email if inviter is not None else customer.email) or ""
    page = AccountInvitationPage("ask", token, who, person.role, person.email)
    return render_page("people_invitation.html", page)


def _act(person_id: str, act: Callable[[Session], None], done: str) -> Response:
    """Do something with a person of the account, but not with the reader itself; a fresh code comes first."""
    if _find(person_id).id == g.signed_in.person_id:
        raise NotFound
    if needs_code():
        return redirect_to(code_page(PATH))
    run_signed_in(act)
    return redirect_to(f"{PATH}?done={done}")


def _find(person_id: str) -> StoredPerson:
    """Return a living person of the account. Raises NotFound."""
    with reading() as reader:
        person = find_person(reader, current_scope(), person_id)
    if person is None or person.removed_at is not None:
        raise NotFound
    return person


def _read_address(typed: str) -> tuple[str, str]:
    """Return the address as it is stored, and what is wrong with it."""
    if is_blank(typed):
        return "", "missing"
    try:
        return (normalise_email(typed), "") if is_address(typed) else ("", "malformed")
    except ContactRefused:
        return "", "malformed"


def _read_name(typed: str) -> str | None:
    """Return a name as it is stored, "" where none was given; None for one that is too long or that is never stored."""
    try:
        name = normalise_name(typed[:_MAX_ECHOED])
    except ContactRefused:
        return None
    return name if len(name) <= MAX_NAME else None


def _echoed(typed: str) -> str:
    return "".join(letter for letter in typed[:_MAX_ECHOED] if letter.isprintable())


def _page(
    fault: str = "",
    *,
    done: str = "",
    typed: str = "",
    typed_name: str = "",
    typed_role: str = Role.VIEWER,
    status: int = 200,
) -> Response:
    with reading() as reader:
        stored = list_people(reader, current_scope())
        declined = list_declined(reader, current_scope(), now() - DECLINED_SHOWN_FOR)
    signed_in = g.signed_in
    entries = build_entries(
        stored,
        declined,
        own_name=signed_in.name or signed_in.company_name or "",
        own_address=signed_in.email or "",
        reader=signed_in.person_id,
        day_of=g.merchant.day_of,
        at=now(),
    )
    page = PeoplePage(
        entries, not needs_code(), INVITATION_FOR.days, done=done, fault=fault, typed=typed, typed_name=typed_name, typed_role=typed_role
    )  # fmt: skip
    return render_page("people.html", page, status)
