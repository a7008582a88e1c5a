"""Idempotency keys: the first response to a key, an error 500 included, is replayed until the key expires."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.clock import HOUR, system_now
from portal.sandbox_gateway.errors import IdempotencyInFlight, IdempotencyMismatch

KEY_LIFETIME = 24 * HOUR


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """Status and body; `drops_connection` closes the connection instead of sending them, `delay_seconds` sends them late.

    One that is not `stored` does not use its key, as if the connection had failed before the request was read.
    """

    status: int
    body: str
    replayed: bool = False
    drops_connection: bool = False
    delay_seconds: int = 0
    stored: bool = True


def json_response(status: int, body: dict[str, Any]) -> ApiResponse:
    return ApiResponse(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def find_stored_response(
    connection: sqlite3.Connection, account: str, *, key: str, request: str, now: int
) -> ApiResponse | None:
    """Return the response stored for this key, to be replayed.

    Raises IdempotencyMismatch for a different request, IdempotencyInFlight while the first is still being processed.
    """
    row = connection.execute("SELECT * FROM idempotency_keys WHERE account = ? AND key = ?", (account, key)).fetchone()
    if row is None:
        return None
    if now - row["created_at"] >= KEY_LIFETIME:
        connection.execute("DELETE FROM idempotency_keys WHERE account = ? AND key = ?", (account, key))
        return None
    if row["request"] != request:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if system_now() < row["in_flight_until"]:
        raise IdempotencyInFlight("The first request with this idempotency key is still being answered.")
    return ApiResponse(row["status"], row["body"], replayed=True)


def record_response(
    connection: sqlite3.Connection, account: str, *, key: str, request: str, response: ApiResponse, now: int
) -> None:
    connection.execute(
        "INSERT INTO idempotency_keys (account, key, request, status, body, created_at, in_flight_until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account, key, request, response.status, response.body, now, system_now() + response.delay_seconds * 1_000),
    )


def request_fingerprint(route: str, body: dict[str, Any]) -> str:
    """Return a hash that is equal for equal requests; the order of fields does not matter."""
    text = route + "\n" + json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
