"""Idempotency keys: the first answer to a key is the answer, a stored 500 included, until the key is forgotten."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.clock import HOUR, real_now
from portal.sandbox_gateway.errors import IdempotencyInFlight, IdempotencyMismatch

FORGOTTEN_AFTER = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body as sent; `drops` closes the connection instead, `waits_seconds` sends it late.

    One that is not `kept` leaves its key free, as a connection does that breaks before the request is read.
    """

    status: int
    body: str
    replayed: bool = False
    drops: bool = False
    waits_seconds: int = 0
    kept: bool = True


def json_answer(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def find_answer(connection: sqlite3.Connection, account: str, key: str, request: str, now: int) -> Answer | None:
    """The stored answer of this key. Raises IdempotencyMismatch for another request, IdempotencyInFlight meanwhile."""
    row = connection.execute("SELECT * FROM idempotency_keys WHERE account = ? AND key = ?", (account, key)).fetchone()
    if row is None:
        return None
    if now - row["created_at"] >= FORGOTTEN_AFTER:
        connection.execute("DELETE FROM idempotency_keys WHERE account = ? AND key = ?", (account, key))
        return None
    if row["request"] != request:
        raise IdempotencyMismatch("This idempotency key was used with another request.")
    if real_now() < row["in_flight_until"]:
        raise IdempotencyInFlight("The first request with this idempotency key is still being answered.")
    return Answer(row["status"], row["body"], replayed=True)


def record_answer(
    connection: sqlite3.Connection, account: str, key: str, request: str, answer: Answer, now: int
) -> None:
    connection.execute(
        "INSERT INTO idempotency_keys (account, key, request, status, body, created_at, in_flight_until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account, key, request, answer.status, answer.body, now, real_now() + answer.waits_seconds * 1_000),
    )


def request_fingerprint(route: str, body: dict[str, Any]) -> str:
    """Equal for requests that ask the same: the order of fields does not matter."""
    text = route + "\n" + json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
