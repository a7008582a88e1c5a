"""The 3-D Secure pages, which stand in for the payer's bank: one for a charge, one for a setup."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.amount_format import format_amount
from portal.sandbox_gateway.charges import confirm_charge, find_charge, refuse_charge
from portal.sandbox_gateway.errors import NotFound
from portal.sandbox_gateway.hosted_pages import OrderSummary
from portal.sandbox_gateway.instance import current_gateway
from portal.sandbox_gateway.page_forms import reject_cross_site_posts
from portal.sandbox_gateway.page_rendering import reader_locale, render_challenge, render_settled_charge
from portal.sandbox_gateway.payment_pages import PAYMENT_PAGES
from portal.sandbox_gateway.setups import SETUPS
from portal.sandbox_gateway.texts import TEXTS, best_locale
from portal.sandbox_gateway.tokens import get_token

blueprint = Blueprint("challenge_views", __name__)
blueprint.before_request(reject_cross_site_posts)


@blueprint.get("/challenge/<charge_id>")
def show_charge_challenge(charge_id: str) -> AnyResponse:
    with current_gateway().database.read() as connection:
        charge = _get_charge(connection, charge_id)
        page = PAYMENT_PAGES.find_by_charge(connection, charge)
        token = get_token(connection, charge["token"])
    if charge["status"] != "requires_action":
        return _leave_charge(charge, page)
    locale = reader_locale(charge["locale"])
    payee = "" if page is None else page["payee"]
    summary = OrderSummary(payee, format_amount(charge["amount"], charge["currency"], locale), charge["description"])
    return render_challenge(TEXTS[locale], locale, summary, token, charge["return_url"])


@blueprint.post("/challenge/<charge_id>")
def answer_charge_challenge(charge_id: str) -> AnyResponse:
    gateway = current_gateway()
    complete = confirm_charge if _is_confirmed() else refuse_charge
    with gateway.database.write() as connection:
        _get_charge(connection, charge_id)
        complete(connection, charge_id, gateway.clock.now())
        charge = _get_charge(connection, charge_id)
        page = PAYMENT_PAGES.find_by_charge(connection, charge)
    return _leave_charge(charge, page)


@blueprint.get("/setup/<setup_id>/challenge")
def show_setup_challenge(setup_id: str) -> AnyResponse:
    gateway = current_gateway()
    with gateway.database.read() as connection:
        setup = _get_setup(connection, setup_id)
        if not SETUPS.requires_action(setup, gateway.clock.now()):
            return redirect(SETUPS.page_path(setup), 303)
        token = get_token(connection, setup["token"])
    locale = best_locale(setup["locale"])
    return render_challenge(SETUPS.texts(locale), locale, SETUPS.summary(setup, locale), token, setup["return_url"])


@blueprint.post("/setup/<setup_id>/challenge")
def answer_setup_challenge(setup_id: str) -> AnyResponse:
    gateway = current_gateway()
    now = gateway.clock.now()
    complete = SETUPS.confirm if _is_confirmed() else SETUPS.refuse
    with gateway.database.write() as connection:
        complete(connection, _get_setup(connection, setup_id), now)
        setup = SETUPS.get(connection, setup_id)
        next_url = SETUPS.next_url(connection, setup, now)
    return redirect(next_url or SETUPS.page_path(setup), 303)


def _is_confirmed() -> bool:
    """Which of the two buttons was pressed; 400 for neither."""
    answer = request.form.get("answer")
    if answer not in ("confirm", "refuse"):
        abort(400)
    return answer == "confirm"


def _leave_charge(charge: sqlite3.Row, page: sqlite3.Row | None) -> AnyResponse:
    """Redirect to the merchant; a charge without a return URL gets a page with its status."""
    return_url = charge["return_url"] if page is None else page["return_url"]
    if return_url is not None:
        return redirect(return_url, 303)
    return render_settled_charge(charge["status"], reader_locale(charge["locale"]))


def _get_charge(connection: sqlite3.Connection, charge_id: str) -> sqlite3.Row:
    charge = find_charge(connection, charge_id)
    if charge is None:
        abort(404)
    return charge


def _get_setup(connection: sqlite3.Connection, setup_id: str) -> sqlite3.Row:
    try:
        return SETUPS.get(connection, setup_id)
    except NotFound:
        abort(404)
