"""What a payer sees who pays: the hosted page, the 3-D Secure page of a charge, and the start page; HTML without a script."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.amounts import format_amount
from portal.sandbox_gateway.charges import confirm_charge, find_challenged_charge, refuse_charge
from portal.sandbox_gateway.errors import NotCancelable, NotFound
from portal.sandbox_gateway.gateway import running_gateway
from portal.sandbox_gateway.hosted_pages import (
    PageClosed,
    Payment,
    cancel_page,
    charge_of_page,
    get_page,
    pay_page,
    status_of_page,
)
from portal.sandbox_gateway.instruments import Faulty
from portal.sandbox_gateway.outcomes import SANDBOX_CARDS
from portal.sandbox_gateway.page_parts import (
    Bill,
    FormPage,
    broken_page,
    closed_page,
    leading_to,
    locale_of,
    misbehave,
    read_typed_instrument,
    refuse_other_sites,
)
from portal.sandbox_gateway.texts import best_locale, words_of
from portal.sandbox_gateway.tokens import get_token

blueprint = Blueprint("pages", __name__)
blueprint.before_request(refuse_other_sites)


@blueprint.get("/")
def start_page() -> str:
    return render_template("start.html", locale="en", words=words_of("en"), cards=SANDBOX_CARDS)


@blueprint.get("/favicon.ico")
def favicon() -> AnyResponse:
    return redirect("/static/favicon.svg", 301)


@blueprint.get("/pay/<page_id>")
def show_page(page_id: str) -> AnyResponse:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        page = _get_page(connection, page_id)
        charge = charge_of_page(connection, page)
    status = status_of_page(page, gateway.clock.now())
    if charge is not None:
        return _onward(charge, page)
    if status != "open":
        return closed_page(page, status, words_of(best_locale(page["locale"])))
    return _form_of(page).show()


@blueprint.post("/pay/<page_id>")
def pay(page_id: str) -> AnyResponse:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.read() as connection:
        page = _get_page(connection, page_id)
        charge = charge_of_page(connection, page)
    if charge is not None:
        return _onward(charge, page)
    try:
        instrument = read_typed_instrument(page, now)
    except Faulty as faulty:
        status = status_of_page(page, now)
        if status != "open":
            return closed_page(page, status, words_of(best_locale(page["locale"])))
        return _form_of(page).show_faults(faulty.faults)
    try:
        with gateway.database.write() as connection:
            payment = pay_page(connection, get_page(connection, page_id), instrument, now)
    except PageClosed as closed:
        return closed_page(page, str(closed), words_of(best_locale(page["locale"])))
    return _answer_payment(payment, page)


@blueprint.post("/pay/<page_id>/cancel")
def cancel(page_id: str) -> AnyResponse:
    gateway = running_gateway()
    try:
        with gateway.database.write() as connection:
            page = cancel_page(connection, _get_page(connection, page_id), gateway.clock.now())
    except NotCancelable:
        return redirect(f"/pay/{page_id}", 303)
    return redirect(page["cancel_url"], 303)


@blueprint.get("/challenge/<charge_id>")
def show_challenge(charge_id: str) -> AnyResponse:
    with running_gateway().database.read() as connection:
        charge = _get_challenged_charge(connection, charge_id)
        page = _find_page_of_charge(connection, charge)
        token = get_token(connection, charge["token"])
    if charge["status"] != "requires_action":
        return _onward(charge, page)
    locale = locale_of(charge["locale"])
    html = render_template(
        "challenge.html",
        locale=locale,
        words=words_of(locale),
        bill=_bill(charge, "" if page is None else page["payee"], locale),
        action=f"/challenge/{charge_id}",
        token=token,
    )
    return leading_to(make_response(html), charge["return_url"])


@blueprint.post("/challenge/<charge_id>")
def answer_challenge(charge_id: str) -> AnyResponse:
    gateway = running_gateway()
    answers = {"confirm": confirm_charge, "refuse": refuse_charge}
    answer = answers.get(request.form.get("answer", ""))
    if answer is None:
        abort(400)
    with gateway.database.write() as connection:
        _get_challenged_charge(connection, charge_id)
        answer(connection, charge_id, gateway.clock.now())
        charge = _get_challenged_charge(connection, charge_id)
        page = _find_page_of_charge(connection, charge)
    return _onward(charge, page)


def _answer_payment(payment: Payment, page: sqlite3.Row) -> AnyResponse:
    if misbehave(payment.behaviour) or payment.charge is None:
        return broken_page(page, words_of(best_locale(page["locale"])))
    return _onward(payment.charge, page)


def _onward(charge: sqlite3.Row, page: sqlite3.Row | None) -> AnyResponse:
    """To the 3-D Secure page, back to the merchant, or (a charge that names no return) what became of it."""
    if charge["status"] == "requires_action":
        return redirect(f"/challenge/{charge['id']}", 303)
    return_url = charge["return_url"] if page is None else page["return_url"]
    if return_url is not None:
        return redirect(return_url, 303)
    locale = locale_of(charge["locale"])
    words = words_of(locale)
    html = render_template(
        "message.html",
        locale=locale,
        words=words,
        title=words["settled_title"],
        text=words[f"settled_{charge['status']}"],
    )
    return make_response(html)


def _form_of(page: sqlite3.Row) -> FormPage:
    locale = best_locale(page["locale"])
    return FormPage(
        page, f"/pay/{page['id']}", _bill(page, page["payee"], locale), words_of(locale), save_note=bool(page["save"])
    )


def _bill(order: sqlite3.Row, payee: str, locale: str) -> Bill:
    return Bill(payee, format_amount(order["amount"], order["currency"], locale), order["description"])


def _get_page(connection: sqlite3.Connection, page_id: str) -> sqlite3.Row:
    try:
        return get_page(connection, page_id)
    except NotFound:
        abort(404)


def _get_challenged_charge(connection: sqlite3.Connection, charge_id: str) -> sqlite3.Row:
    charge = find_challenged_charge(connection, charge_id)
    if charge is None:
        abort(404)
    return charge


def _find_page_of_charge(connection: sqlite3.Connection, charge: sqlite3.Row) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM pages WHERE account = ? AND reference = ? AND charge = ?",
        (charge["account"], charge["reference"], charge["id"]),
    ).fetchone()
    return row
