"""What a payer sees: the hosted page, the 3-D Secure page, error pages and the start page; HTML without a script."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.amounts import format_amount
from portal.sandbox_gateway.charges import confirm_charge, find_challenged_charge, refuse_charge
from portal.sandbox_gateway.errors import NotCancelable, NotFound
from portal.sandbox_gateway.fields import origin_of
from portal.sandbox_gateway.gateway import drop_connection, running_gateway
from portal.sandbox_gateway.hosted_pages import (
    PageClosed,
    Payment,
    cancel_page,
    charge_of_page,
    get_page,
    pay_page,
    status_of_page,
)
from portal.sandbox_gateway.instruments import (
    Faulty,
    Instrument,
    read_bank_account,
    read_card,
    read_expiry,
    read_mobile_money,
)
from portal.sandbox_gateway.outcomes import SANDBOX_CARDS
from portal.sandbox_gateway.words import LOCALES, best_locale, field_fault, words_of

blueprint = Blueprint("pages", __name__)

KEPT_FIELDS = ("channel", "expiry", "holder", "phone", "account_number", "bank_name")
"""What a refused form shows again; never the card's number or its security code."""

_ERRORS = {403: "forbidden", 404: "not_found", 405: "not_found", 500: "broken"}


@dataclass(frozen=True, slots=True)
class Bill:
    """What the payer is asked for, as the pages show it."""

    payee: str
    amount: str
    description: str
    reference: str


@blueprint.before_request
def refuse_other_sites() -> None:
    """A form of another site may not press our buttons; no cookie is involved, the address alone lets one pay."""
    if request.method != "POST":
        return
    site = request.headers.get("Sec-Fetch-Site")
    own = request.headers.get("Origin", request.host_url.rstrip("/")) == request.host_url.rstrip("/")
    if site not in ("same-origin", "none") and (site is not None or not own):
        abort(403)


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
        return _closed_page(page, status)
    return _form_page(page, {}, {}, 200)


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
        instrument = _read_instrument(page, now)
    except Faulty as faulty:
        return _form_page(page, {name: request.form.get(name, "") for name in KEPT_FIELDS}, faulty.faults, 422)
    try:
        with gateway.database.write() as connection:
            payment = pay_page(connection, get_page(connection, page_id), instrument, now)
    except PageClosed as closed:
        return _closed_page(page, str(closed))
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
        token = connection.execute("SELECT brand, last4 FROM tokens WHERE id = ?", (charge["token"],)).fetchone()
    if charge["status"] != "requires_action":
        return _onward(charge, page)
    locale = _locale_of(charge["locale"])
    response = make_response(
        render_template(
            "challenge.html",
            locale=locale,
            words=words_of(locale),
            bill=_bill(charge, page, locale),
            charge=charge["id"],
            method=f"{token['brand'].capitalize()} •••• {token['last4']}",
        )
    )
    return _leading_to(response, charge["return_url"])


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


def page_policy(form_targets: Sequence[str] = ("'self'",)) -> str:
    """The content security policy of a page whose forms lead to these origins."""
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {' '.join(form_targets)}; base-uri 'none'; frame-ancestors 'none'"
    )


def error_page(status: int) -> tuple[Response, int]:
    """The page of an error, in the reader's language."""
    locale = _locale_of(None)
    words, kind = words_of(locale), _ERRORS.get(status, "refused")
    html = render_template(
        "message.html", locale=locale, words=words, title=words[f"{kind}_title"], text=words[f"{kind}_text"]
    )
    return make_response(html), status


def _read_instrument(page: sqlite3.Row, now: int) -> Instrument:
    form = request.form
    channels = page["channels"].split(",")
    channel = form.get("channel", channels[0] if len(channels) == 1 else "")
    if channel not in channels:
        raise Faulty({"channel": "channel_unknown"})
    if channel == "card":
        expiry = read_expiry(form.get("expiry", ""))
        return read_card(form.get("number", ""), expiry, form.get("holder", ""), now, cvc=form.get("cvc", ""))
    if channel == "mobile_money":
        return read_mobile_money(form.get("phone", ""))
    return read_bank_account(form.get("account_number", ""), form.get("bank_name", ""))


def _answer_payment(payment: Payment, page: sqlite3.Row) -> AnyResponse:
    answer = payment.behaviour.answer
    if answer in ("drop_before", "drop_after"):
        drop_connection()
    if answer == "slow":
        running_gateway().wait(payment.behaviour.delay_seconds)
    if answer in ("error_before", "error_after") or payment.charge is None:
        return make_response(_broken_page(page), 500)
    return _onward(payment.charge, page)


def _onward(charge: sqlite3.Row, page: sqlite3.Row | None) -> AnyResponse:
    """To the 3-D Secure page, back to the merchant, or (a charge that names no return) what became of it."""
    if charge["status"] == "requires_action":
        return redirect(f"/challenge/{charge['id']}", 303)
    return_url = charge["return_url"] if page is None else page["return_url"]
    if return_url is not None:
        return redirect(return_url, 303)
    locale = _locale_of(charge["locale"])
    words = words_of(locale)
    html = render_template(
        "message.html",
        locale=locale,
        words=words,
        title=words["settled_title"],
        text=words[f"settled_{charge['status']}"],
    )
    return make_response(html)


def _form_page(page: sqlite3.Row, values: dict[str, str], faults: dict[str, str], status: int) -> AnyResponse:
    locale = best_locale(page["locale"])
    channels = page["channels"].split(",")
    words = words_of(locale)
    count = "faults_one" if len(faults) == 1 else "faults_many"
    html = render_template(
        "pay.html",
        locale=locale,
        words=words,
        page=page["id"],
        bill=_bill(page, page, locale),
        save=bool(page["save"]),
        channels=channels,
        channel=values.get("channel") if values.get("channel") in channels else channels[0],
        values=values,
        faults={name: field_fault(code, locale) for name, code in faults.items()},
        summary=words[count].format(count=len(faults)) if faults else "",
    )
    return _leading_to(make_response(html, status), page["return_url"], page["cancel_url"])


def _closed_page(page: sqlite3.Row, status: str) -> AnyResponse:
    locale = best_locale(page["locale"])
    words = words_of(locale)
    html = render_template(
        "message.html",
        locale=locale,
        words=words,
        title=words[f"{status}_title"],
        text=words[f"{status}_text"].format(payee=page["payee"]),
        back_url=page["cancel_url"],
        back=words["back_to"].format(payee=page["payee"]),
    )
    return make_response(html, 410)


def _broken_page(page: sqlite3.Row) -> str:
    locale = best_locale(page["locale"])
    words = words_of(locale)
    return render_template(
        "message.html",
        locale=locale,
        words=words,
        title=words["broken_title"],
        text=words["broken_text"],
        back_url=page["return_url"],
        back=words["back_to"].format(payee=page["payee"]),
    )


def _bill(order: sqlite3.Row, page: sqlite3.Row | None, locale: str) -> Bill:
    payee = "" if page is None else page["payee"]
    amount = format_amount(order["amount"], order["currency"], locale)
    return Bill(payee, amount, order["description"], order["reference"])


def _leading_to(response: Response, *addresses: str | None) -> Response:
    """Chromium holds the redirect after a form to `form-action` too, so the page names where it leads."""
    targets = ["'self'", *sorted({origin_of(address) for address in addresses if address is not None})]
    response.headers["Content-Security-Policy"] = page_policy(targets)
    return response


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


def _locale_of(locale: str | None) -> str:
    if locale is not None:
        return best_locale(locale)
    return request.accept_languages.best_match(LOCALES) or LOCALES[0]
