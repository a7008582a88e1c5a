"""Refunds: one for each reference, never more than was charged; the only writer of refund rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.charges import get_charge
from portal.sandbox_gateway.clock import format_instant
from portal.sandbox_gateway.errors import AmountTooLarge, DuplicateReference, NotFound, NotRefundable
from portal.sandbox_gateway.outcomes import CLEARING_DURATION
from portal.sandbox_gateway.storage import SandboxDatabase, new_id
from portal.sandbox_gateway.tokens import get_token
from portal.sandbox_gateway.webhooks import record_event

FAILURE_CODE = "processing_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundParameters:
    """What a merchant refunds of `charge`, the charge's id; `reference` is the merchant's, unique in its account."""

    account: str
    reference: str
    charge: str
    amount: int


def create_refund(
    connection: sqlite3.Connection, parameters: RefundParameters, behaviour: Behaviour, now: int
) -> sqlite3.Row:
    """Refund at once, or to a bank account after two days. A refund that is simulated to fail later is pending until then.

    Raises DuplicateReference, NotFound, NotRefundable (the charge has not succeeded) and AmountTooLarge.
    """
    if list_refunds(connection, parameters.account, parameters.reference):
        raise DuplicateReference("There is a refund with this reference already.")
    row = get_charge(connection, parameters.charge, parameters.account)
    if row["status"] != "succeeded":
        raise NotRefundable(f"A charge that is {row['status']} cannot be refunded.")
    changed = connection.execute(
        "UPDATE charges SET amount_refunded = amount_refunded + ?1 WHERE id = ?2 AND amount_refunded + ?1 <= amount",
        (parameters.amount, parameters.charge),
    ).rowcount
    if not changed:
        raise AmountTooLarge(f"{row['amount'] - row['amount_refunded']} is left to refund.")
    due_at = now + CLEARING_DURATION if get_token(connection, row["token"])["type"] == "bank_account" else None
    fails_later = behaviour.answer == "fails_later"
    if fails_later:
        due_at = now + behaviour.fails_after_milliseconds
    refund = new_id("re")
    connection.execute(
        "INSERT INTO refunds (id, account, reference, charge, amount, currency, status, created_at, due_at,"
        " due_failure_code, webhooks, webhook_delay_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            refund,
            parameters.account,
            parameters.reference,
            parameters.charge,
            parameters.amount,
            row["currency"],
            "succeeded" if due_at is None else "pending",
            now,
            due_at,
            FAILURE_CODE if fails_later else None,
            behaviour.webhooks,
            behaviour.delay_seconds,
        ),
    )
    return _record_status_event(connection, refund, now)


def list_refunds(connection: sqlite3.Connection, account: str, reference: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT * FROM refunds WHERE account = ? AND reference = ?", (account, reference)
    ).fetchall()


def fail_refund(connection: sqlite3.Connection, account: str | None, reference: str, now: int) -> sqlite3.Row:
    """Let a refund fail, as when the bank returns it; its amount can be refunded again.

    `reference` is the merchant's; without `account` that of any account. Raises NotFound; a refund that has failed stays as it is.
    """
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM refunds WHERE reference = ?1 AND (?2 IS NULL OR account = ?2) ORDER BY sequence DESC LIMIT 1",
        (reference, account),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such refund.")
    return row if row["status"] == "failed" else _fail(connection, row, FAILURE_CODE, now)


def complete_due_refunds(database: SandboxDatabase, now: int) -> None:
    """Complete the pending refunds that are due; writes only when there is one."""
    with database.read() as connection:
        if connection.execute("SELECT 1 FROM refunds WHERE due_at <= ?", (now,)).fetchone() is None:
            return
    with database.write() as connection:
        for row in connection.execute("SELECT * FROM refunds WHERE due_at <= ? ORDER BY due_at", (now,)).fetchall():
            if row["due_failure_code"] is not None:
                _fail(connection, row, row["due_failure_code"], row["due_at"])
                continue
            connection.execute("UPDATE refunds SET status = 'succeeded', due_at = NULL WHERE id = ?", (row["id"],))
            _record_status_event(connection, row["id"], row["due_at"])


def serialize_refund(refund: sqlite3.Row) -> dict[str, Any]:
    return {
        **{name: refund[name] for name in ("id", "reference", "charge", "amount", "currency", "status")},
        "failure_code": refund["failure_code"],
        "created_at": format_instant(refund["created_at"]),
    }


def _fail(connection: sqlite3.Connection, refund: sqlite3.Row, failure_code: str, now: int) -> sqlite3.Row:
    connection.execute(
        "UPDATE refunds SET status = 'failed', failure_code = ?, due_at = NULL, due_failure_code = NULL WHERE id = ?",
        (failure_code, refund["id"]),
    )
    connection.execute(
        "UPDATE charges SET amount_refunded = amount_refunded - ? WHERE id = ?", (refund["amount"], refund["charge"])
    )
    return _record_status_event(connection, refund["id"], now)


def _record_status_event(connection: sqlite3.Connection, refund: str, now: int) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute("SELECT * FROM refunds WHERE id = ?", (refund,)).fetchone()
    if row["status"] != "pending":
        record_event(
            connection,
            row["account"],
            f"refund.{row['status']}",
            serialize_refund(row),
            now,
            row["webhooks"],
            row["webhook_delay_seconds"],
        )
    return row
