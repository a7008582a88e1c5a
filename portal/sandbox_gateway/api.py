"""The API `/v1` for tokens, charges, refunds and webhook endpoints: parses requests and serializes responses; the rules are elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from portal.sandbox_gateway import fields
from portal.sandbox_gateway.api_requests import (
    idempotency_key,
    identify_account,
    read_reference_parameter,
    respond_once,
    respond_with_behaviour,
)
from portal.sandbox_gateway.behaviours import take_behaviour_of_charge, take_behaviour_of_reference
from portal.sandbox_gateway.charges import (
    ChargeFilter,
    ChargeParameters,
    cancel_charge,
    create_charge,
    get_charge,
    list_charges,
    serialize_charge,
)
from portal.sandbox_gateway.clock import parse_instant
from portal.sandbox_gateway.errors import InvalidRequest, UnusableMethod
from portal.sandbox_gateway.idempotency import ApiResponse
from portal.sandbox_gateway.instance import current_gateway
from portal.sandbox_gateway.instruments import (
    CHANNELS,
    Instrument,
    InvalidInstrument,
    read_bank_account,
    read_card,
    read_mobile_money,
    read_prompted_phone,
)
from portal.sandbox_gateway.refunds import RefundParameters, create_refund, list_refunds, serialize_refund
from portal.sandbox_gateway.texts import field_error
from portal.sandbox_gateway.tokens import (
    create_reusable_token,
    create_single_use_token,
    detach_token,
    get_reusable_token,
    get_token,
    outcome_of_token,
    serialize_token,
)
from portal.sandbox_gateway.webhooks import record_endpoint

blueprint = Blueprint("api", __name__, url_prefix="/v1")
blueprint.before_request(identify_account)


@blueprint.post("/tokens")
def post_token() -> tuple[Response, int]:
    body, gateway = fields.json_body(), current_gateway()
    now = gateway.clock.now()
    try:
        instrument = _read_instrument(body, now)
    except InvalidInstrument as invalid:
        name, code = next(iter(invalid.errors.items()))
        raise InvalidRequest(name, field_error(code, "en")) from invalid
    with gateway.database.write() as connection:
        row = get_token(connection, create_reusable_token(connection, g.account, instrument, now))
    return jsonify(serialize_token(row)), 201


@blueprint.post("/tokens/<token>/detach")
def post_token_detach(token: str) -> Response:
    gateway = current_gateway()
    with gateway.database.write() as connection:
        return jsonify(serialize_token(detach_token(connection, g.account, token, gateway.clock.now())))


@blueprint.post("/charges")
def post_charge() -> Response:
    """Charge a `token`, or prompt the phone in `mobile_money`, which is saved as a token when `save` is true."""
    body = fields.json_body()
    parameters = read_charge_parameters(body)
    get_or_create_token = _token_reader(body) if body.get("mobile_money") is None else _phone_reader(body)

    def charge(connection: sqlite3.Connection, now: int) -> ApiResponse:
        token = get_or_create_token(connection, now)
        behaviour = take_behaviour_of_charge(connection, g.account, parameters.reference)
        if behaviour.answer == "normal" and outcome_of_token(token, now).answers_500:
            behaviour = replace(behaviour, answer="error_after")
        return respond_with_behaviour(
            behaviour,
            lambda: serialize_charge(connection, create_charge(connection, parameters, token, behaviour, now)),
        )

    return respond_once(body, charge)


@blueprint.get("/charges")
def get_charges() -> Response:
    filters = ChargeFilter(
        request.args.get("reference"),
        _read_instant_parameter("created_after"),
        _read_instant_parameter("created_before"),
        request.args.get("after"),
    )
    with current_gateway().database.read() as connection:
        rows, cursor = list_charges(connection, g.account, filters)
        return jsonify(items=[serialize_charge(connection, row) for row in rows], next=cursor)


@blueprint.get("/charges/<charge>")
def get_one_charge(charge: str) -> Response:
    with current_gateway().database.read() as connection:
        return jsonify(serialize_charge(connection, get_charge(connection, charge, g.account)))


@blueprint.post("/charges/<charge>/cancel")
def post_charge_cancel(charge: str) -> Response:
    gateway = current_gateway()
    with gateway.database.write() as connection:
        row = cancel_charge(connection, charge, g.account, gateway.clock.now())
        return jsonify(serialize_charge(connection, row))


@blueprint.post("/refunds")
def post_refund() -> Response:
    body = fields.json_body()
    parameters = RefundParameters(
        account=g.account,
        reference=fields.text(body, "reference", 200),
        charge=fields.text(body, "charge", 100),
        amount=fields.amount(body),
    )

    def refund(connection: sqlite3.Connection, now: int) -> ApiResponse:
        behaviour = take_behaviour_of_reference(connection, parameters.account, parameters.reference)
        return respond_with_behaviour(
            behaviour, lambda: serialize_refund(create_refund(connection, parameters, behaviour, now))
        )

    return respond_once(body, refund)


@blueprint.get("/refunds")
def get_refunds() -> Response:
    with current_gateway().database.read() as connection:
        return jsonify(
            items=[serialize_refund(row) for row in list_refunds(connection, g.account, read_reference_parameter())]
        )


@blueprint.post("/webhook_endpoints")
def post_webhook_endpoint() -> tuple[Response, int]:
    body = fields.json_body()
    url = fields.url(body, "url")
    secret = fields.text(body, "secret", 200)
    with current_gateway().database.write() as connection:
        record_endpoint(connection, g.account, url=url, secret=secret)
    return jsonify(url=url), 201


def read_charge_parameters(body: dict[str, Any]) -> ChargeParameters:
    """Read the parameters that a charge and a page for paying have in common."""
    return_url = fields.url(body, "return_url") if body.get("return_url") is not None else None
    return ChargeParameters(
        account=g.account,
        reference=fields.text(body, "reference", 200),
        idempotency_key=idempotency_key(),
        amount=fields.charged_amount(body),
        currency=fields.currency(body),
        description=fields.text(body, "description", 500, ""),
        return_url=return_url,
    )


def _token_reader(body: dict[str, Any]) -> Callable[[sqlite3.Connection, int], sqlite3.Row]:
    token = fields.text(body, "token", 100)
    return lambda connection, _now: get_reusable_token(connection, g.account, token)


def _phone_reader(body: dict[str, Any]) -> Callable[[sqlite3.Connection, int], sqlite3.Row]:
    """Raises UnusableMethod for an unknown channel, or a phone that it cannot prompt."""
    prompt = body["mobile_money"]
    if not isinstance(prompt, dict) or body.get("token") is not None:
        raise InvalidRequest("mobile_money", "an object with phone and channel is needed, and no token beside it")
    phone, channel = fields.text(prompt, "phone", 40), fields.text(prompt, "channel", 40)
    create_token = create_reusable_token if fields.flag(body, "save") else create_single_use_token
    try:
        instrument = read_prompted_phone(phone, channel)
    except InvalidInstrument as invalid:
        name, code = next(iter(invalid.errors.items()))
        raise UnusableMethod(f"{name}: {field_error(code, 'en')}") from invalid
    return lambda connection, now: get_token(connection, create_token(connection, g.account, instrument, now))


def _read_instant_parameter(name: str) -> int | None:
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
            account_number=fields.text(body, "account_number", 60),
            bank_name=fields.text(body, "bank_name", 120, ""),
            holder=holder,
        )
    raise InvalidRequest("type", "one of " + ", ".join(CHANNELS))
