"""The control API and the ledger: simulated failures, the clock, and a list of all charges; without authentication."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.sandbox_gateway.authentication import find_account_id
from portal.sandbox_gateway.behaviours import (
    ANSWER_MODES,
    MAX_DELAY_SECONDS,
    WEBHOOK_MODES,
    Behaviour,
    clear_behaviours,
    queue_behaviour,
)
from portal.sandbox_gateway.charges import approve_late, list_ledger, serialize_charge
from portal.sandbox_gateway.clock import format_instant
from portal.sandbox_gateway.errors import InvalidRequest
from portal.sandbox_gateway.fields import choice, integer, json_body, optional_text, text
from portal.sandbox_gateway.instance import current_gateway
from portal.sandbox_gateway.refunds import fail_refund, serialize_refund

blueprint = Blueprint("control", __name__)


@blueprint.get("/ledger")
def ledger() -> Response:
    with current_gateway().database.read() as connection:
        return jsonify(list_ledger(connection, find_account_id(request.args.get("account"))))


@blueprint.post("/control/behaviour")
def add_behaviour() -> tuple[Response, int]:
    body = json_body()
    behaviour = Behaviour(
        choice(body, "answer", ANSWER_MODES, "normal"),
        integer(body, "delay_seconds", 0, MAX_DELAY_SECONDS, 0),
        choice(body, "webhooks", WEBHOOK_MODES, "normal"),
    )
    count = integer(body, "count", 1, 10_000, 1)
    reference = optional_text(body, "reference", 200)
    account = find_account_id(optional_text(body, "account", 200))
    with current_gateway().database.write() as connection:
        queue_behaviour(connection, account, reference, count, behaviour)
    return jsonify(queued=count), 201


@blueprint.delete("/control/behaviour")
def remove_behaviours() -> tuple[str, int]:
    with current_gateway().database.write() as connection:
        clear_behaviours(connection)
    return "", 204


@blueprint.post("/control/approvals")
def approve() -> tuple[Response, int]:
    """Let the payer approve now, even if the charge was cancelled or has failed: money that arrives late."""
    reference, account = _read_reference_and_account()
    gateway = current_gateway()
    with gateway.database.write() as connection:
        charge = approve_late(connection, account, reference, gateway.clock.now())
        return jsonify(serialize_charge(connection, charge)), 201


@blueprint.post("/control/refund_failures")
def return_refund() -> tuple[Response, int]:
    """Let the bank return a refund, whether or not it has succeeded."""
    reference, account = _read_reference_and_account()
    gateway = current_gateway()
    with gateway.database.write() as connection:
        return jsonify(serialize_refund(fail_refund(connection, account, reference, gateway.clock.now()))), 201


@blueprint.get("/control/clock")
def show_clock() -> Response:
    clock = current_gateway().clock
    return jsonify(now=format_instant(clock.now()), offset_seconds=clock.offset_seconds)


@blueprint.post("/control/clock")
def move_clock() -> Response:
    gateway = current_gateway()
    body = json_body()
    seconds = body.get("offset_seconds")
    if type(seconds) is not int:
        raise InvalidRequest("offset_seconds", "a whole number of seconds is needed")
    try:
        gateway.clock.move_to_offset(seconds)
    except ValueError as error:
        raise InvalidRequest("offset_seconds", str(error)) from error
    gateway.complete_due()
    return show_clock()


def _read_reference_and_account() -> tuple[str, str | None]:
    """Return the merchant's reference, and the account where the request names one."""
    body = json_body()
    return text(body, "reference", 200), find_account_id(optional_text(body, "account", 200))
