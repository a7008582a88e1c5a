"""What a payer sees who keeps a way to pay: the setup's page and its 3-D Secure page; HTML without a script."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.errors import NotCancelable, NotFound
from portal.sandbox_gateway.gateway import running_gateway
from portal.sandbox_gateway.hosted_pages import PageClosed
from portal.sandbox_gateway.instruments import Faulty
from portal.sandbox_gateway.page_parts import (
    Bill,
    FormPage,
    broken_page,
    closed_page,
    leading_to,
    misbehave,
    read_typed_instrument,
    refuse_other_sites,
)
from portal.sandbox_gateway.setups import (
    cancel_setup,
    confirm_setup,
    get_setup,
    is_challenged,
    keep_instrument,
    refuse_setup,
    status_of_setup,
)
from portal.sandbox_gateway.texts import best_locale, setup_words_of
from portal.sandbox_gateway.tokens import get_token

blueprint = Blueprint("setup_pages", __name__)
blueprint.before_request(refuse_other_sites)


@blueprint.get("/setup/<setup_id>")
def show_setup(setup_id: str) -> AnyResponse:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        setup = _get_setup(connection, setup_id)
    return _closed_or_onward(setup, gateway.clock.now()) or _form_of(setup).show()


@blueprint.post("/setup/<setup_id>")
def keep(setup_id: str) -> AnyResponse:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.read() as connection:
        setup = _get_setup(connection, setup_id)
    try:
        instrument = read_typed_instrument(setup, now)
        with gateway.database.write() as connection:
            keeping = keep_instrument(connection, get_setup(connection, setup_id), instrument, now)
    except Faulty as faulty:
        return _closed_or_onward(setup, now) or _form_of(setup).show_faults(faulty.faults)
    except PageClosed as closed:
        return closed_page(setup, str(closed), _words_of(setup))
    if misbehave(keeping.behaviour):
        return broken_page(setup, _words_of(setup))
    return redirect(_next_address(keeping.setup, now), 303)


@blueprint.post("/setup/<setup_id>/cancel")
def cancel(setup_id: str) -> AnyResponse:
    gateway = running_gateway()
    try:
        with gateway.database.write() as connection:
            setup = cancel_setup(connection, _get_setup(connection, setup_id), gateway.clock.now())
    except NotCancelable:
        return redirect(f"/setup/{setup_id}", 303)
    return redirect(setup["cancel_url"], 303)


@blueprint.get("/setup/<setup_id>/challenge")
def show_challenge(setup_id: str) -> AnyResponse:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.read() as connection:
        setup = _get_setup(connection, setup_id)
        token = get_token(connection, setup["token"]) if is_challenged(setup, now) else None
    if token is None:
        return redirect(f"/setup/{setup_id}", 303)
    html = render_template(
        "challenge.html",
        locale=best_locale(setup["locale"]),
        words=_words_of(setup),
        bill=Bill(setup["payee"]),
        action=f"/setup/{setup_id}/challenge",
        token=token,
    )
    return leading_to(make_response(html), setup["return_url"])


@blueprint.post("/setup/<setup_id>/challenge")
def answer_challenge(setup_id: str) -> AnyResponse:
    gateway = running_gateway()
    answers = {"confirm": confirm_setup, "refuse": refuse_setup}
    answer = answers.get(request.form.get("answer", ""))
    if answer is None:
        abort(400)
    with gateway.database.write() as connection:
        answer(connection, _get_setup(connection, setup_id), gateway.clock.now())
        setup = get_setup(connection, setup_id)
    return redirect(_next_address(setup, gateway.clock.now()), 303)


def _closed_or_onward(setup: sqlite3.Row, now: int) -> AnyResponse | None:
    """The answer of a setup whose form has nothing to ask any more."""
    status = status_of_setup(setup, now)
    if status in ("canceled", "expired"):
        return closed_page(setup, status, _words_of(setup))
    if status == "open" and not is_challenged(setup, now):
        return None
    return redirect(_next_address(setup, now), 303)


def _next_address(setup: sqlite3.Row, now: int) -> str:
    """The 3-D Secure page, or back to the merchant; to its own page when it was closed meanwhile."""
    if is_challenged(setup, now):
        return f"/setup/{setup['id']}/challenge"
    if status_of_setup(setup, now) in ("succeeded", "failed"):
        return str(setup["return_url"])
    return f"/setup/{setup['id']}"


def _form_of(setup: sqlite3.Row) -> FormPage:
    return FormPage(setup, f"/setup/{setup['id']}", Bill(setup["payee"]), _words_of(setup), save_note=True)


def _words_of(setup: sqlite3.Row) -> dict[str, str]:
    return setup_words_of(best_locale(setup["locale"]))


def _get_setup(connection: sqlite3.Connection, setup_id: str) -> sqlite3.Row:
    try:
        return get_setup(connection, setup_id)
    except NotFound:
        abort(404)
