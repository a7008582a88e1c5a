"""What all requests of the API share: authentication, idempotent responses, and simulated errors and delays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from portal.sandbox_gateway.authentication import authenticate
from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.errors import IdempotencyKeyRequired, InvalidRequest
from portal.sandbox_gateway.idempotency import (
    ApiResponse,
    find_stored_response,
    json_response,
    record_response,
    request_fingerprint,
)
from portal.sandbox_gateway.instance import current_gateway, drop_connection

API_ERROR = {
    "error": {"code": "api_error", "message": "Something broke here. Ask by reference whether it was carried out."}
}


def identify_account() -> None:
    g.account = authenticate(request.headers.get("Authorization", ""))


def idempotency_key() -> str:
    """Return the key of the request. Raises IdempotencyKeyRequired."""
    key = request.headers.get("Idempotency-Key", "")
    if not key.strip() or len(key) > 255 or not key.isprintable():
        raise IdempotencyKeyRequired("Send an Idempotency-Key of 1 to 255 characters.")
    return key


def respond_once(body: dict[str, Any], operation: Callable[[sqlite3.Connection, int], ApiResponse]) -> Response:
    """Run the operation once for each idempotency key.

    What it wrote and its response are committed together, before anything is sent; a retry gets the stored response.
    """
    key = idempotency_key()
    gateway = current_gateway()
    now = gateway.clock.now()
    fingerprint = request_fingerprint(f"{request.method} {request.path}", body)
    with gateway.database.write() as connection:
        response = find_stored_response(connection, g.account, key=key, request=fingerprint, now=now)
        if response is None:
            response = operation(connection, now)
            if response.stored:
                record_response(connection, g.account, key=key, request=fingerprint, response=response, now=now)
    if response.delay_seconds:
        gateway.wait(response.delay_seconds)
    if response.drops_connection:
        drop_connection()
    http_response = Response(response.body, response.status, content_type="application/json")
    if response.replayed:
        http_response.headers["Idempotent-Replayed"] = "true"
    return http_response


def respond_with_behaviour(behaviour: Behaviour, create: Callable[[], dict[str, Any]]) -> ApiResponse:
    """Return 201 with the created object, or the failure that is simulated, before or after the object is created."""
    if behaviour.answer == "error_before":
        return json_response(500, API_ERROR)
    if behaviour.answer == "drop_before":
        return ApiResponse(500, "", drops_connection=True, stored=False)
    created = json_response(201, create())
    if behaviour.answer == "error_after":
        return json_response(500, API_ERROR)
    delay_seconds = behaviour.delay_seconds if behaviour.answer == "slow" else 0
    drops_connection = behaviour.answer == "drop_after"
    return ApiResponse(created.status, created.body, drops_connection=drops_connection, delay_seconds=delay_seconds)


def read_reference_parameter() -> str:
    """Return the `reference` of the query string. Raises InvalidRequest when it is missing."""
    reference = request.args.get("reference", "")
    if not reference:
        raise InvalidRequest("reference", "a reference is needed")
    return reference
