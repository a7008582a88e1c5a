"""The API of the gateway, `/v1`: reads requests, answers JSON; the rules are in the modules it calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from portal.sandbox_gateway import fields
from portal.sandbox_gateway.accounts import account_of_authorization
from portal.sandbox_gateway.behaviours import take_behaviour
from portal.sandbox_gateway.charges import Order, cancel_charge, charge_shape, create_charge, get_charge, list_charges
from portal.sandbox_gateway.clock import parse_instant
from portal.sandbox_gateway.errors import IdempotencyKeyRequired, InvalidRequest
from portal.sandbox_gateway.gateway import drop_connection, running_gateway
from portal.sandbox_gateway.hosted_pages import (
    PageOrder,
    cancel_page,
    create_page,
    get_page_of_account,
    list_pages,
    page_shape,
)
from portal.sandbox_gateway.idempotency import Answer, find_answer, json_answer, record_answer, request_fingerprint
from portal.sandbox_gateway.instruments import (
    CHANNELS,
    Faulty,
    Instrument,
    read_bank_account,
    read_card,
    read_mobile_money,
)
from portal.sandbox_gateway.refunds import create_refund, list_refunds, refund_shape
from portal.sandbox_gateway.tokens import create_reusable_token, get_reusable_token, outcome_of_token, token_shape
from portal.sandbox_gateway.webhooks import record_endpoint
from portal.sandbox_gateway.words import LOCALES, field_fault

blueprint = Blueprint("api", __name__, url_prefix="/v1")

BROKEN = {
    "error": {"code": "api_error", "message": "Something broke here. Ask by reference whether it was carried out."}
}


@blueprint.before_request
def identify_account() -> None:
    g.account = account_of_authorization(request.headers.get("Authorization", ""))


@blueprint.post("/tokens")
def post_token() -> tuple[Response, int]:
    body, gateway = fields.json_body(), running_gateway()
    now = gateway.clock.now()
    try:
        instrument = _read_instrument(body, now)
    except Faulty as faulty:
        name, code = next(iter(faulty.faults.items()))
        raise InvalidRequest(name, field_fault(code, "en")) from faulty
    with gateway.database.write() as connection:
        token = create_reusable_token(connection, g.account, instrument, now)
        row = get_reusable_token(connection, g.account, token)
    return jsonify(token_shape(row)), 201


@blueprint.post("/charges")
def post_charge() -> Response:
    body = fields.json_body()
    order = _read_order(body)
    token_id = fields.text(body, "token", 100)

    def charge(connection: sqlite3.Connection, now: int) -> Answer:
        token = get_reusable_token(connection, g.account, token_id)
        behaviour = take_behaviour(connection, g.account, order.reference)
        if behaviour.answer == "error_before":
            return json_answer(500, BROKEN)
        if behaviour.answer == "drop_before":
            return Answer(500, "", drops=True, kept=False)
        row = create_charge(connection, order, token, behaviour, now)
        if behaviour.answer == "error_after" or outcome_of_token(token, now).answers_500:
            return json_answer(500, BROKEN)
        waits = behaviour.delay_seconds if behaviour.answer == "slow" else 0
        made = json_answer(201, charge_shape(connection, row))
        return Answer(made.status, made.body, drops=behaviour.answer == "drop_after", waits_seconds=waits)

    return _answer_once(body, charge)


@blueprint.get("/charges")
def get_charges() -> Response:
    created_after = request.args.get("created_after")
    try:
        since = None if created_after is None else parse_instant(created_after)
    except ValueError as error:
        raise InvalidRequest("created_after", "an instant such as 2026-01-31T12:00:00Z is needed") from error
    with running_gateway().database.read() as connection:
        rows, cursor = list_charges(
            connection, g.account, request.args.get("reference"), since, request.args.get("after")
        )
        return jsonify(items=[charge_shape(connection, row) for row in rows], next=cursor)


@blueprint.get("/charges/<charge>")
def get_one_charge(charge: str) -> Response:
    with running_gateway().database.read() as connection:
        return jsonify(charge_shape(connection, get_charge(connection, charge, g.account)))


@blueprint.post("/charges/<charge>/cancel")
def post_charge_cancel(charge: str) -> Response:
    gateway = running_gateway()
    with gateway.database.write() as connection:
        row = cancel_charge(connection, charge, g.account, gateway.clock.now())
        return jsonify(charge_shape(connection, row))


@blueprint.post("/pages")
def post_page() -> Response:
    body = fields.json_body()
    page_order = PageOrder(
        _read_order(body),
        fields.text(body, "payee", 120),
        fields.web_address(body, "return_url"),
        fields.web_address(body, "cancel_url"),
        fields.text(body, "locale", 35, LOCALES[0]),
        fields.choices(body, "channels", CHANNELS),
        fields.flag(body, "save"),
    )

    def open_page(connection: sqlite3.Connection, now: int) -> Answer:
        page = create_page(connection, page_order, now)
        return json_answer(201, page_shape(connection, page, now))

    return _answer_once(body, open_page)


@blueprint.get("/pages")
def get_pages() -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        rows = list_pages(connection, g.account, _asked_reference())
        return jsonify(items=[page_shape(connection, row, gateway.clock.now()) for row in rows])


@blueprint.get("/pages/<page>")
def get_one_page(page: str) -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        row = get_page_of_account(connection, page, g.account)
        return jsonify(page_shape(connection, row, gateway.clock.now()))


@blueprint.post("/pages/<page>/cancel")
def post_page_cancel(page: str) -> Response:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.write() as connection:
        row = cancel_page(connection, get_page_of_account(connection, page, g.account), now)
        return jsonify(page_shape(connection, row, now))


@blueprint.post("/refunds")
def post_refund() -> Response:
    body = fields.json_body()
    reference = fields.text(body, "reference", 200)
    charge = fields.text(body, "charge", 100)
    amount = fields.amount(body)
    account = g.account

    def refund(connection: sqlite3.Connection, now: int) -> Answer:
        return json_answer(201, refund_shape(create_refund(connection, account, reference, charge, amount, now)))

    return _answer_once(body, refund)


@blueprint.get("/refunds")
def get_refunds() -> Response:
    with running_gateway().database.read() as connection:
        return jsonify(items=[refund_shape(row) for row in list_refunds(connection, g.account, _asked_reference())])


@blueprint.post("/webhook_endpoints")
def post_webhook_endpoint() -> tuple[Response, int]:
    body = fields.json_body()
    url = fields.web_address(body, "url")
    secret = fields.text(body, "secret", 200)
    with running_gateway().database.write() as connection:
        record_endpoint(connection, g.account, url, secret)
    return jsonify(url=url), 201


def _answer_once(body: dict[str, Any], work: Callable[[sqlite3.Connection, int], Answer]) -> Response:
    """Do the work of a key once: what it wrote and its answer are committed together, and before anything is sent."""
    key = request.headers.get("Idempotency-Key", "")
    if not key.strip() or len(key) > 255 or not key.isprintable():
        raise IdempotencyKeyRequired("Send an Idempotency-Key of 1 to 255 characters.")
    gateway = running_gateway()
    now = gateway.clock.now()
    asked = request_fingerprint(f"{request.method} {request.path}", body)
    with gateway.database.write() as connection:
        answer = find_answer(connection, g.account, key, asked, now)
        if answer is None:
            answer = work(connection, now)
            if answer.kept:
                record_answer(connection, g.account, key, asked, answer, now)
    if answer.waits_seconds:
        gateway.wait(answer.waits_seconds)
    if answer.drops:
        drop_connection()
    response = Response(answer.body, answer.status, content_type="application/json")
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _read_order(body: dict[str, Any]) -> Order:
    return_url = fields.web_address(body, "return_url") if body.get("return_url") is not None else None
    return Order(
        g.account,
        fields.text(body, "reference", 200),
        request.headers.get("Idempotency-Key", ""),
        fields.amount(body),
        fields.currency(body),
        fields.text(body, "description", 500, ""),
        return_url,
    )


def _read_instrument(body: dict[str, Any], now: int) -> Instrument:
    channel = fields.choice(body, "type", (*CHANNELS, ""), "")
    holder = fields.text(body, "holder", 120, "")
    if channel == "card":
        expiry = (fields.integer(body, "exp_month", 1, 12), fields.integer(body, "exp_year", 2000, 2099))
        return read_card(fields.text(body, "number", 40), expiry, holder, now)
    if channel == "mobile_money":
        return read_mobile_money(fields.text(body, "phone", 40), fields.text(body, "operator", 20, "").lower())
    if channel == "bank_account":
        return read_bank_account(
            fields.text(body, "account_number", 60), fields.text(body, "bank_name", 120, ""), holder
        )
    raise InvalidRequest("type", "one of " + ", ".join(CHANNELS))


def _asked_reference() -> str:
    reference = request.args.get("reference", "")
    if not reference:
        raise InvalidRequest("reference", "a reference is needed")
    return reference
