"""Webhooks out: events as rows written with what they tell, and the thread that sends them, signed, until they arrive."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

from portal.sandbox_gateway.clock import iso_instant, real_now
from portal.sandbox_gateway.storage import Database, new_id

logger = logging.getLogger(__name__)

RETRY_PAUSES = (1_000, 5_000, 25_000, 125_000, 600_000)
"""Milliseconds before each of the five further attempts."""

LATE_SECONDS = 5
OUT_OF_ORDER_PAUSE = 1_000
ANSWER_TIMEOUT_SECONDS = 10
LONGEST_NAP_SECONDS = 0.5


def record_endpoint(connection: sqlite3.Connection, account: str, url: str, secret: str) -> None:
    """Send the account's events here from now on, those still waiting included."""
    connection.execute(
        "INSERT INTO webhook_endpoints (account, url, secret) VALUES (?, ?, ?)"
        " ON CONFLICT (account) DO UPDATE SET url = excluded.url, secret = excluded.secret",
        (account, url, secret),
    )


def record_event(
    connection: sqlite3.Connection,
    account: str,
    event_type: str,
    data: dict[str, Any],
    now: int,
    mode: str = "normal",
    delay_seconds: int = 0,
) -> None:
    """Queue an event about `data` for its account's endpoint, in the caller's transaction, the way `mode` asks.

    Out of order: what is told of a pending charge is held until its end has been told; a charge that ended at once
    is told as pending afterwards.
    """
    known = connection.execute("SELECT 1 FROM webhook_endpoints WHERE account = ?", (account,)).fetchone()
    if mode == "never" or known is None:
        return
    at = real_now()
    if mode == "late":
        at += (delay_seconds or LATE_SECONDS) * 1_000
    subject = str(data["id"])
    held = mode == "out_of_order" and event_type == "charge.pending"
    _queue(connection, account, subject, event_type, data, now, at=None if held else at)
    if mode == "twice":
        connection.execute(
            "INSERT INTO deliveries (account, subject, event, body, next_attempt_at)"
            " SELECT account, subject, event, body, next_attempt_at FROM deliveries ORDER BY id DESC LIMIT 1"
        )
    if mode == "out_of_order" and not held and event_type.startswith("charge."):
        released = connection.execute(
            "UPDATE deliveries SET held = 0, next_attempt_at = ? WHERE held = 1 AND subject = ?",
            (at + OUT_OF_ORDER_PAUSE, subject),
        ).rowcount
        if not released:
            earlier = {**data, "status": "pending", "completed_at": None, "failure_code": None, "failure_message": None}
            _queue(connection, account, subject, "charge.pending", earlier, now, at=at + OUT_OF_ORDER_PAUSE)


def build_signature(secret: str, at: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex>` over the seconds, a point and the raw body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Sender:
    """The background thread: lets what is due end by itself and sends what waits, one after the other."""

    def __init__(self, database: Database, settle_due: Callable[[], None]) -> None:
        self._database = database
        self._settle_due = settle_due
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the delivery in hand, for two seconds at most; what is left is sent after the next start."""
        self._stopping.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # No proxy stands between two processes of one machine.
            while not self._stopping.is_set():
                try:
                    self._settle_due()
                    sent = self.send_next(session)
                except sqlite3.OperationalError:
                    logger.exception("webhooks.stalled")
                    sent = False
                if not sent:
                    self._stopping.wait(self._nap_seconds())

    def send_next(self, session: requests.Session) -> bool:
        """Try the delivery that has waited longest; False when none is due."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT d.id, d.event, d.body, d.attempts, e.url, e.secret FROM deliveries d"
                " JOIN webhook_endpoints e ON e.account = d.account"
                " WHERE d.next_attempt_at <= ? ORDER BY d.next_attempt_at, d.id LIMIT 1",
                (real_now(),),
            ).fetchone()
        if row is None:
            return False
        arrived = _send(session, row["url"], row["secret"], row["body"].encode())
        with self._database.write() as connection:
            _record_attempt(connection, row["id"], row["attempts"] + 1, arrived)
        logger.info(
            "webhook.delivered" if arrived else "webhook.refused",
            extra={"event_id": row["event"], "attempt": row["attempts"] + 1},
        )
        return True

    def _nap_seconds(self) -> float:
        with self._database.read() as connection:
            (due,) = connection.execute("SELECT min(next_attempt_at) FROM deliveries").fetchone()
        if due is None:
            return LONGEST_NAP_SECONDS
        return min(LONGEST_NAP_SECONDS, max(0.02, (int(due) - real_now()) / 1_000))


def _queue(
    connection: sqlite3.Connection,
    account: str,
    subject: str,
    event_type: str,
    data: dict[str, Any],
    now: int,
    at: int | None,
) -> None:
    event = new_id("evt")
    body = {"id": event, "type": event_type, "created_at": iso_instant(now), "data": data}
    connection.execute(
        "INSERT INTO deliveries (account, subject, event, body, next_attempt_at, held) VALUES (?, ?, ?, ?, ?, ?)",
        (account, subject, event, json.dumps(body, ensure_ascii=False), at, at is None),
    )


def _send(session: requests.Session, url: str, secret: str, body: bytes) -> bool:
    headers = {
        "Content-Type": "application/json",
        "Sandbox-Signature": build_signature(secret, int(time.time()), body),
        "User-Agent": "Sandbox-Pay/1",
    }
    try:
        response = session.post(
            url, data=body, headers=headers, timeout=ANSWER_TIMEOUT_SECONDS, allow_redirects=False, stream=True
        )
        response.close()
    except requests.RequestException:
        return False
    return 200 <= response.status_code < 300


def _record_attempt(connection: sqlite3.Connection, delivery: int, attempts: int, arrived: bool) -> None:
    now = real_now()
    next_attempt_at = None
    if not arrived and attempts <= len(RETRY_PAUSES):
        next_attempt_at = now + RETRY_PAUSES[attempts - 1]
    connection.execute(
        "UPDATE deliveries SET attempts = ?, next_attempt_at = ?, delivered_at = ? WHERE id = ?",
        (attempts, next_attempt_at, now if arrived else None, delivery),
    )
