"""Refunds: never more than was captured, one a reference; the only writer of refund rows."""

from __future__ import annotations

import sqlite3
from typing import Any

from portal.sandbox_gateway.charges import get_charge
from portal.sandbox_gateway.clock import iso_instant
from portal.sandbox_gateway.errors import AmountTooLarge, DuplicateReference, NotRefundable
from portal.sandbox_gateway.outcomes import CLEARING
from portal.sandbox_gateway.storage import Database, new_id
from portal.sandbox_gateway.webhooks import record_event


def create_refund(
    connection: sqlite3.Connection, account: str, reference: str, charge: str, amount: int, now: int
) -> sqlite3.Row:
    """Give money back: at once, or to a bank account after two days.

    Raises NotFound, NotRefundable (the charge has not succeeded), AmountTooLarge and DuplicateReference.
    """
    row = get_charge(connection, charge, account)
    if row["status"] != "succeeded":
        raise NotRefundable(f"A charge that is {row['status']} cannot be refunded.")
    changed = connection.execute(
        "UPDATE charges SET amount_refunded = amount_refunded + ?1 WHERE id = ?2 AND amount_refunded + ?1 <= amount",
        (amount, charge),
    ).rowcount
    if not changed:
        raise AmountTooLarge(f"{row['amount'] - row['amount_refunded']} is left to refund.")
    (channel,) = connection.execute("SELECT type FROM tokens WHERE id = ?", (row["token"],)).fetchone()
    clears_later = channel == "bank_account"
    refund = new_id("re")
    try:
        connection.execute(
            "INSERT INTO refunds (id, account, reference, charge, amount, currency, status, created_at, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                refund,
                account,
                reference,
                charge,
                amount,
                row["currency"],
                "pending" if clears_later else "succeeded",
                now,
                now + CLEARING if clears_later else None,
            ),
        )
    except sqlite3.IntegrityError as error:
        if "refunds.account, refunds.reference" not in str(error):
            raise
        raise DuplicateReference("There is a refund with this reference already.") from error
    return _told(connection, refund, now)


def list_refunds(connection: sqlite3.Connection, account: str, reference: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT * FROM refunds WHERE account = ? AND reference = ?", (account, reference)
    ).fetchall()


def settle_due_refunds(database: Database, now: int) -> None:
    """Let the refunds to bank accounts arrive whose time has come."""
    with database.read() as connection:
        if connection.execute("SELECT 1 FROM refunds WHERE due_at <= ?", (now,)).fetchone() is None:
            return
    with database.write() as connection:
        for row in connection.execute("SELECT * FROM refunds WHERE due_at <= ? ORDER BY due_at", (now,)).fetchall():
            connection.execute("UPDATE refunds SET status = 'succeeded', due_at = NULL WHERE id = ?", (row["id"],))
            _told(connection, row["id"], row["due_at"])


def refund_shape(refund: sqlite3.Row) -> dict[str, Any]:
    return {
        **{name: refund[name] for name in ("id", "reference", "charge", "amount", "currency", "status")},
        "failure_code": refund["failure_code"],
        "created_at": iso_instant(refund["created_at"]),
    }


def _told(connection: sqlite3.Connection, refund: str, now: int) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute("SELECT * FROM refunds WHERE id = ?", (refund,)).fetchone()
    if row["status"] != "pending":
        record_event(connection, row["account"], f"refund.{row['status']}", refund_shape(row), now)
    return row
