"""Control and ledger: the toy's strings to pull, and the truth of what was charged; open to everybody who reaches it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.sandbox_gateway.accounts import account_of_filter
from portal.sandbox_gateway.behaviours import (
    ANSWERS,
    LONGEST_DELAY_SECONDS,
    WEBHOOKS,
    Behaviour,
    clear_behaviours,
    queue_behaviour,
)
from portal.sandbox_gateway.charges import approve_late, charge_shape, list_ledger
from portal.sandbox_gateway.clock import iso_instant
from portal.sandbox_gateway.errors import InvalidRequest
from portal.sandbox_gateway.fields import choice, integer, json_body, optional_text, text
from portal.sandbox_gateway.gateway import running_gateway
from portal.sandbox_gateway.refunds import fail_refund, refund_shape

blueprint = Blueprint("control", __name__)


@blueprint.get("/ledger")
def ledger() -> Response:
    with running_gateway().database.read() as connection:
        return jsonify(list_ledger(connection, account_of_filter(request.args.get("account"))))


@blueprint.post("/control/behaviour")
def add_behaviour() -> tuple[Response, int]:
    body = json_body()
    behaviour = Behaviour(
        choice(body, "answer", ANSWERS, "normal"),
        integer(body, "delay_seconds", 0, LONGEST_DELAY_SECONDS, 0),
        choice(body, "webhooks", WEBHOOKS, "normal"),
    )
    count = integer(body, "count", 1, 10_000, 1)
    reference = optional_text(body, "reference", 200)
    account = account_of_filter(optional_text(body, "account", 200))
    with running_gateway().database.write() as connection:
        queue_behaviour(connection, account, reference, count, behaviour)
    return jsonify(queued=count), 201


@blueprint.delete("/control/behaviour")
def remove_behaviours() -> tuple[str, int]:
    with running_gateway().database.write() as connection:
        clear_behaviours(connection)
    return "", 204


@blueprint.post("/control/approvals")
def approve() -> tuple[Response, int]:
    """The payer says yes now, whatever had become of the charge: money that comes after it was given up."""
    reference, account = _named()
    gateway = running_gateway()
    with gateway.database.write() as connection:
        charge = approve_late(connection, account, reference, gateway.clock.now())
        return jsonify(charge_shape(connection, charge)), 201


@blueprint.post("/control/refund_failures")
def send_refund_back() -> tuple[Response, int]:
    """The bank sends a refund back, whether or not it had arrived."""
    reference, account = _named()
    gateway = running_gateway()
    with gateway.database.write() as connection:
        return jsonify(refund_shape(fail_refund(connection, account, reference, gateway.clock.now()))), 201


@blueprint.get("/control/clock")
def show_clock() -> Response:
    clock = running_gateway().clock
    return jsonify(now=iso_instant(clock.now()), offset_seconds=clock.offset_seconds)


@blueprint.post("/control/clock")
def move_clock() -> Response:
    gateway = running_gateway()
    body = json_body()
    seconds = body.get("offset_seconds")
    if type(seconds) is not int:
        raise InvalidRequest("offset_seconds", "a whole number of seconds is needed")
    try:
        gateway.clock.move_to_offset(seconds)
    except ValueError as error:
        raise InvalidRequest("offset_seconds", str(error)) from error
    gateway.settle_due()
    return show_clock()


def _named() -> tuple[str, str | None]:
    """The merchant's reference, and the account when it is named."""
    body = json_body()
    return text(body, "reference", 200), account_of_filter(optional_text(body, "account", 200))
