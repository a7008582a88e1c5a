"""The page of the account's security: sessions, which the customer can end, and what happened."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    local,
    now,
    reading,
    redirect_to,
)
from portal.customer_pages.cookies import clear_session_cookie
from portal.errors import NotFound
from portal.events.queries import find_people_behind, list_customer_events
from portal.people.queries import name_people
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.security.page_builders import SHOWN, Reader, build_security_page, is_done_by_gateway
from portal.sign_in.operations.sessions import revoke_own_session, revoke_own_sessions
from portal.sign_in.queries import list_sessions
from portal.sign_in.queries.passkeys import list_passkeys
from portal.sign_in.rules.passkeys import host_name
from portal.sign_in.views.passkeys import can_add
from portal.web.policies import signed_in
from portal.web.render import render_page

_PAGE = 20
_DONE = frozenset({"ended", "ended_others", "passkey_added", "passkey_removed"})


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the account's security."""
    blueprint.add_url_rule("/security", "security", security)
    blueprint.add_url_rule("/security/sessions/<session_id>/end", "end_session", end, methods=["POST"])
    blueprint.add_url_rule("/security/sessions/end-others", "end_other_sessions", end_others, methods=["POST"])


@signed_in(to=Right.READ)
def security() -> Response:
    """Where the customer is signed in, and what happened; `before` is the event before which a further page begins."""
    before = request.args.get("before", "")
    scope = current_scope()
    with reading() as reader:
        sessions = list_sessions(reader, scope, g.signed_in.person_id, now())
        passkeys = list_passkeys(reader, scope, g.signed_in.person_id)
        events = list_customer_events(
            reader, scope, SHOWN, before=before if is_id("evt", before) else "", limit=_PAGE + 1
        )
        behind = find_people_behind(
            reader, scope, {event.object_id or "" for event in events if is_done_by_gateway(event)}
        )
        people = {*behind.values(), *(event.actor_person for event in events if event.actor_person is not None)}
        names = name_people(reader, scope, people)
    done = request.args.get("done", "")
    signed_in = g.signed_in
    page = build_security_page(
        sessions,
        events[:_PAGE],
        passkeys,
        this=g.signed_in.session_id,
        network=request.remote_addr or "",
        host=host_name(request.host),
        can_add_passkey=can_add(),
        local=local,
        reading_as=Reader(
            signed_in.person_id,
            names,
            behind,
            own_name=signed_in.name or signed_in.company_name or signed_in.email or "",
            may_manage=signed_in.may(Right.MANAGE),
        ),
        done=done if done in _DONE else "",
        older_url=f"?before={events[_PAGE - 1].id}" if len(events) > _PAGE else None,
    )
    return render_page("security.html", page)


@signed_in(to=Right.READ)
def end(session_id: str) -> Response:
    """Sign one browser of the reader out: this one, as signing out does, or another."""
    has_ended = current_services().database.run(
        lambda session: revoke_own_session(
            session, current_scope(), g.signed_in.person_id, session_id, actor=current_actor(), at=now()
        )
    )
    if not has_ended:
        raise NotFound
    if session_id == g.signed_in.session_id:
        response = redirect_to("/sign-in?signed_out")
        clear_session_cookie(response)
        return response
    return redirect_to("/security?done=ended")


@signed_in(to=Right.READ)
def end_others() -> Response:
    """Sign the reader out everywhere but in this browser."""
    keep = g.signed_in.session_id
    current_services().database.run(
        lambda session: revoke_own_sessions(
            session, current_scope(), g.signed_in.person_id, actor=current_actor(), at=now(), keep=keep
        )
    )
    return redirect_to("/security?done=ended_others")
