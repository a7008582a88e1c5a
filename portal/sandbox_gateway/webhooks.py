"""Outgoing webhooks: events are queued in the transaction that causes them, and sent by a thread, signed and retried."""

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

from portal.sandbox_gateway.clock import format_instant, system_now
from portal.sandbox_gateway.storage import SandboxDatabase, new_id

logger = logging.getLogger(__name__)

RETRY_DELAYS_MILLISECONDS = (1_000, 5_000, 25_000, 125_000, 600_000)
"""Before each of the five retries."""

LATE_DELAY_SECONDS = 5
OUT_OF_ORDER_DELAY_MILLISECONDS = 1_000
REQUEST_TIMEOUT_SECONDS = 10
MAX_PAUSE_SECONDS = 0.5


def record_endpoint(connection: sqlite3.Connection, account: str, *, url: str, secret: str) -> None:
    """Set the URL and secret for the account's events, including those that are still queued."""
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
    """Queue an event about `data` for its account's endpoint, in the caller's transaction, as `mode` says.

    Out of order: the event of a pending charge is held until the event of its completion has been sent; for a charge
    that completed at once, an event with the status pending follows.
    """
    endpoint = connection.execute("SELECT 1 FROM webhook_endpoints WHERE account = ?", (account,)).fetchone()
    if mode == "never" or endpoint is None:
        return
    at = system_now()
    if mode == "late":
        at += (delay_seconds or LATE_DELAY_SECONDS) * 1_000
    subject = str(data["id"])
    held = mode == "out_of_order" and event_type == "charge.pending"
    _queue(connection, account, subject=subject, event_type=event_type, data=data, now=now, at=None if held else at)
    if mode == "twice":
        connection.execute(
            "INSERT INTO deliveries (account, subject, event, body, next_attempt_at)"
            " SELECT account, subject, event, body, next_attempt_at FROM deliveries ORDER BY id DESC LIMIT 1"
        )
    if mode == "out_of_order" and not held and event_type.startswith("charge."):
        released = connection.execute(
            "UPDATE deliveries SET held = 0, next_attempt_at = ? WHERE held = 1 AND subject = ?",
            (at + OUT_OF_ORDER_DELAY_MILLISECONDS, subject),
        ).rowcount
        if not released:
            earlier = {**data, "status": "pending", "completed_at": None, "failure_code": None, "failure_message": None}
            _queue(
                connection,
                account,
                subject=subject,
                event_type="charge.pending",
                data=earlier,
                now=now,
                at=at + OUT_OF_ORDER_DELAY_MILLISECONDS,
            )


def build_signature(secret: str, at: int, body: bytes) -> str:
    """Return `t=<unix seconds>,v1=<hex>`: an HMAC over the seconds, a full stop and the raw body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class WebhookSender:
    """The background thread: completes what is due, and sends queued events one after the other."""

    def __init__(self, database: SandboxDatabase, complete_due: Callable[[], None]) -> None:
        self._database = database
        self._complete_due = complete_due
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the current delivery, for two seconds at most; the rest is sent after the next start."""
        self._stopping.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # Both processes run on one machine: no proxies.
            while not self._stopping.is_set():
                try:
                    self._complete_due()
                    sent = self.send_next(session)
                except sqlite3.OperationalError:
                    logger.exception("webhooks.stalled")
                    sent = False
                if not sent:
                    self._stopping.wait(self._pause_seconds())

    def send_next(self, session: requests.Session) -> bool:
        """Try the delivery that has been due longest. Return False when none is due."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT d.id, d.event, d.body, d.attempts, e.url, e.secret FROM deliveries d"
                " JOIN webhook_endpoints e ON e.account = d.account"
                " WHERE d.next_attempt_at <= ? ORDER BY d.next_attempt_at, d.id LIMIT 1",
                (system_now(),),
            ).fetchone()
        if row is None:
            return False
        delivered = _send(session, row["url"], row["secret"], row["body"].encode())
        with self._database.write() as connection:
            _record_attempt(connection, row["id"], row["attempts"] + 1, delivered)
        logger.info(
            "webhook.delivered" if delivered else "webhook.refused",
            extra={"event_id": row["event"], "attempt": row["attempts"] + 1},
        )
        return True

    def _pause_seconds(self) -> float:
        with self._database.read() as connection:
            (due,) = connection.execute("SELECT min(next_attempt_at) FROM deliveries").fetchone()
        if due is None:
            return MAX_PAUSE_SECONDS
        return min(MAX_PAUSE_SECONDS, max(0.02, (int(due) - system_now()) / 1_000))


def _queue(
    connection: sqlite3.Connection,
    account: str,
    *,
    subject: str,
    event_type: str,
    data: dict[str, Any],
    now: int,
    at: int | None,
) -> None:
    event = new_id("evt")
    body = {"id": event, "type": event_type, "created_at": format_instant(now), "data": data}
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
            url, data=body, headers=headers, timeout=REQUEST_TIMEOUT_SECONDS, allow_redirects=False, stream=True
        )
        response.close()
    except requests.RequestException:
        return False
    return 200 <= response.status_code < 300


def _record_attempt(connection: sqlite3.Connection, delivery: int, attempts: int, delivered: bool) -> None:
    now = system_now()
    next_attempt_at = None
    if not delivered and attempts <= len(RETRY_DELAYS_MILLISECONDS):
        next_attempt_at = now + RETRY_DELAYS_MILLISECONDS[attempts - 1]
    connection.execute(
        "UPDATE deliveries SET attempts = ?, next_attempt_at = ?, delivered_at = ? WHERE id = ?",
        (attempts, next_attempt_at, now if delivered else None, delivery),
    )
