"""What every request of the API goes through: whose key it shows, its answer once a key, and the mischief asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from portal.sandbox_gateway.accounts import account_of_authorization
from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.errors import IdempotencyKeyRequired, InvalidRequest
from portal.sandbox_gateway.gateway import drop_connection, running_gateway
from portal.sandbox_gateway.idempotency import Answer, find_answer, json_answer, record_answer, request_fingerprint

BROKEN = {
    "error": {"code": "api_error", "message": "Something broke here. Ask by reference whether it was carried out."}
}


def identify_account() -> None:
    g.account = account_of_authorization(request.headers.get("Authorization", ""))


def idempotency_key() -> str:
    """Raises IdempotencyKeyRequired."""
    key = request.headers.get("Idempotency-Key", "")
    if not key.strip() or len(key) > 255 or not key.isprintable():
        raise IdempotencyKeyRequired("Send an Idempotency-Key of 1 to 255 characters.")
    return key


def answer_once(body: dict[str, Any], work: Callable[[sqlite3.Connection, int], Answer]) -> Response:
    """Do the work of a key once: what it wrote and its answer are committed together, and before anything is sent."""
    key = idempotency_key()
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


def answer_as(behaviour: Behaviour, make: Callable[[], dict[str, Any]]) -> Answer:
    """201 with what was made, or what the behaviour wants instead: before anything is made, or afterwards."""
    if behaviour.answer == "error_before":
        return json_answer(500, BROKEN)
    if behaviour.answer == "drop_before":
        return Answer(500, "", drops=True, kept=False)
    made = json_answer(201, make())
    if behaviour.answer == "error_after":
        return json_answer(500, BROKEN)
    waits = behaviour.delay_seconds if behaviour.answer == "slow" else 0
    return Answer(made.status, made.body, drops=behaviour.answer == "drop_after", waits_seconds=waits)


def asked_reference() -> str:
    """The reference in the query. Raises InvalidRequest."""
    reference = request.args.get("reference", "")
    if not reference:
        raise InvalidRequest("reference", "a reference is needed")
    return reference
