"""The API of the gateway, `/v1`, for tokens, charges and refunds: reads requests, answers JSON; the rules are in what it calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from portal.sandbox_gateway import fields
from portal.sandbox_gateway.api_requests import (
    answer_as,
    answer_once,
    asked_reference,
    idempotency_key,
    identify_account,
)
from portal.sandbox_gateway.behaviours import take_behaviour, take_behaviour_of
from portal.sandbox_gateway.charges import (
    ChargeFilter,
    Order,
    cancel_charge,
    charge_shape,
    create_charge,
    get_charge,
    list_charges,
)
from portal.sandbox_gateway.clock import parse_instant
from portal.sandbox_gateway.errors import InvalidRequest, UnusableMethod
from portal.sandbox_gateway.gateway import running_gateway
from portal.sandbox_gateway.idempotency import Answer
from portal.sandbox_gateway.instruments import (
    CHANNELS,
    Faulty,
    Instrument,
    read_bank_account,
    read_card,
    read_mobile_money,
    read_prompted_phone,
)
from portal.sandbox_gateway.refunds import RefundOrder, create_refund, list_refunds, refund_shape
from portal.sandbox_gateway.texts import field_fault
from portal.sandbox_gateway.tokens import (
    create_reusable_token,
    create_single_use_token,
    detach_token,
    get_reusable_token,
    get_token,
    outcome_of_token,
    token_shape,
)
from portal.sandbox_gateway.webhooks import record_endpoint

blueprint = Blueprint("api", __name__, url_prefix="/v1")
blueprint.before_request(identify_account)


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
        row = get_token(connection, create_reusable_token(connection, g.account, instrument, now))
    return jsonify(token_shape(row)), 201


@blueprint.post("/tokens/<token>/detach")
def post_token_detach(token: str) -> Response:
    gateway = running_gateway()
    with gateway.database.write() as connection:
        return jsonify(token_shape(detach_token(connection, g.account, token, gateway.clock.now())))


@blueprint.post("/charges")
def post_charge() -> Response:
    """Charge a `token`, or ask the telephone of `mobile_money` and keep it when `save` is true."""
    body = fields.json_body()
    order = read_order(body)
    find_token = _asked_token(body) if body.get("mobile_money") is None else _asked_telephone(body)

    def charge(connection: sqlite3.Connection, now: int) -> Answer:
        token = find_token(connection, now)
        behaviour = take_behaviour(connection, g.account, order.reference)
        if behaviour.answer == "normal" and outcome_of_token(token, now).answers_500:
            behaviour = replace(behaviour, answer="error_after")
        return answer_as(
            behaviour, lambda: charge_shape(connection, create_charge(connection, order, token, behaviour, now))
        )

    return answer_once(body, charge)


@blueprint.get("/charges")
def get_charges() -> Response:
    wanted = ChargeFilter(
        request.args.get("reference"),
        _asked_instant("created_after"),
        _asked_instant("created_before"),
        request.args.get("after"),
    )
    with running_gateway().database.read() as connection:
        rows, cursor = list_charges(connection, g.account, wanted)
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


@blueprint.post("/refunds")
def post_refund() -> Response:
    body = fields.json_body()
    order = RefundOrder(
        g.account, fields.text(body, "reference", 200), fields.text(body, "charge", 100), fields.amount(body)
    )

    def refund(connection: sqlite3.Connection, now: int) -> Answer:
        behaviour = take_behaviour_of(connection, order.account, order.reference)
        return answer_as(behaviour, lambda: refund_shape(create_refund(connection, order, behaviour, now)))

    return answer_once(body, refund)


@blueprint.get("/refunds")
def get_refunds() -> Response:
    with running_gateway().database.read() as connection:
        return jsonify(items=[refund_shape(row) for row in list_refunds(connection, g.account, asked_reference())])


@blueprint.post("/webhook_endpoints")
def post_webhook_endpoint() -> tuple[Response, int]:
    body = fields.json_body()
    url = fields.web_address(body, "url")
    secret = fields.text(body, "secret", 200)
    with running_gateway().database.write() as connection:
        record_endpoint(connection, g.account, url, secret)
    return jsonify(url=url), 201


def read_order(body: dict[str, Any]) -> Order:
    """What a charge and a page are asked for alike."""
    return_url = fields.web_address(body, "return_url") if body.get("return_url") is not None else None
    return Order(
        g.account,
        fields.text(body, "reference", 200),
        idempotency_key(),
        fields.amount(body),
        fields.currency(body),
        fields.text(body, "description", 500, ""),
        return_url,
    )


def _asked_token(body: dict[str, Any]) -> Callable[[sqlite3.Connection, int], sqlite3.Row]:
    token = fields.text(body, "token", 100)
    return lambda connection, _now: get_reusable_token(connection, g.account, token)


def _asked_telephone(body: dict[str, Any]) -> Callable[[sqlite3.Connection, int], sqlite3.Row]:
    """Raises UnusableMethod for a channel or a number that nobody can be asked at."""
    asked = body["mobile_money"]
    if not isinstance(asked, dict) or body.get("token") is not None:
        raise InvalidRequest("mobile_money", "an object with phone and channel is needed, and no token beside it")
    phone, channel = fields.text(asked, "phone", 40), fields.text(asked, "channel", 40)
    keep = create_reusable_token if fields.flag(body, "save") else create_single_use_token
    try:
        instrument = read_prompted_phone(phone, channel)
    except Faulty as faulty:
        name, code = next(iter(faulty.faults.items()))
        raise UnusableMethod(f"{name}: {field_fault(code, 'en')}") from faulty
    return lambda connection, now: get_token(connection, keep(connection, g.account, instrument, now))


def _asked_instant(name: str) -> int | None:
    text = request.args.get(name)
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise InvalidRequest(name, "an instant such as 2026-01-31T12:00:00Z is needed") from error


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
