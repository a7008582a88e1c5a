"""Charges: made once a reference, ended by the clock, the payer or the merchant; the only writer of charge rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.clock import iso_instant
from portal.sandbox_gateway.errors import DuplicateReference, NotCancelable, NotFound
from portal.sandbox_gateway.outcomes import FAILURE_MESSAGES
from portal.sandbox_gateway.storage import Database, find_setting, new_id
from portal.sandbox_gateway.tokens import get_token, method_shape, outcome_of_token
from portal.sandbox_gateway.webhooks import record_event

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be charged; `amount` in minor units, `reference` the merchant's, one charge each."""

    account: str
    reference: str
    idempotency_key: str
    amount: int
    currency: str
    description: str
    return_url: str | None = None
    locale: str | None = None


def create_charge(
    connection: sqlite3.Connection, order: Order, token: sqlite3.Row, behaviour: Behaviour, now: int
) -> sqlite3.Row:
    """Charge the token. Raises DuplicateReference when this account has a charge of that reference already."""
    outcome = behaviour.outcome(outcome_of_token(token, now))
    ended = outcome.status in ("succeeded", "failed")
    charge = new_id("ch")
    try:
        connection.execute(
            "INSERT INTO charges (id, account, reference, idempotency_key, amount, currency, description, status,"
            " failure_code, token, return_url, locale, webhooks, webhook_delay_seconds, created_at, completed_at,"
            " due_at, due_status, due_failure_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charge,
                order.account,
                order.reference,
                order.idempotency_key,
                order.amount,
                order.currency,
                order.description,
                outcome.status,
                outcome.failure_code,
                token["id"],
                order.return_url,
                order.locale,
                behaviour.webhooks,
                behaviour.delay_seconds,
                now,
                now if ended else None,
                None if outcome.due_after is None else now + outcome.due_after,
                outcome.due_status,
                outcome.due_failure_code,
            ),
        )
    except sqlite3.IntegrityError as error:
        if "charges.account, charges.reference" not in str(error):
            raise
        raise DuplicateReference("There is a charge with this reference already.") from error
    # Whatever way it was paid, nobody may pay that reference on a page any more.
    connection.execute(
        "UPDATE pages SET charge = ? WHERE account = ? AND reference = ? AND charge IS NULL AND canceled_at IS NULL",
        (charge, order.account, order.reference),
    )
    return _told(connection, charge, now)


def get_charge(connection: sqlite3.Connection, charge: str, account: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM charges WHERE id = ? AND account = ?", (charge, account)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such charge.")
    return row


def find_charge(connection: sqlite3.Connection, charge: str | None) -> sqlite3.Row | None:
    """For the payer, who knows the charge's id and no account."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM charges WHERE id = ?", (charge,)).fetchone()
    return row


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """Which charges are listed; `created_after` includes its instant, `created_before` does not, `after` is a charge's id."""

    reference: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    after: str | None = None


def list_charges(
    connection: sqlite3.Connection, account: str, wanted: ChargeFilter
) -> tuple[list[sqlite3.Row], str | None]:
    """Newest first and a hundred at most, with the cursor of the next ones."""
    query = "SELECT * FROM charges WHERE account = ?"
    values: list[str | int] = [account]
    if wanted.reference is not None:
        query += " AND reference = ?"
        values.append(wanted.reference)
    if wanted.created_after is not None:
        query += " AND created_at >= ?"
        values.append(wanted.created_after)
    if wanted.created_before is not None:
        query += " AND created_at < ?"
        values.append(wanted.created_before)
    if wanted.after is not None:
        last = get_charge(connection, wanted.after, account)
        query += " AND (created_at, sequence) < (?, ?)"
        values += [last["created_at"], last["sequence"]]
    query += " ORDER BY created_at DESC, sequence DESC LIMIT ?"
    rows = connection.execute(query, [*values, LARGEST_PAGE + 1]).fetchall()
    more = len(rows) > LARGEST_PAGE
    rows = rows[:LARGEST_PAGE]
    return rows, rows[-1]["id"] if more else None


def list_ledger(connection: sqlite3.Connection, account: str | None) -> list[dict[str, Any]]:
    """What was really charged, oldest first; a charge that waits for its payer is pending.

    `reference` is the charge's own id, which a merchant keeps as the gateway's reference; the merchant's own is the key.
    """
    rows = connection.execute(
        "SELECT * FROM charges WHERE ?1 IS NULL OR account = ?1 ORDER BY created_at, sequence", (account,)
    ).fetchall()
    return [
        {
            "reference": row["id"],
            "idempotency_key": row["idempotency_key"],
            "token": row["token"],
            "amount": row["amount"],
            "currency": row["currency"],
            "status": "pending" if row["status"] == "requires_action" else row["status"],
            "at": iso_instant(row["created_at"]),
        }
        for row in rows
    ]


def cancel_charge(connection: sqlite3.Connection, charge: str, account: str, now: int) -> sqlite3.Row:
    """Stop a charge that has not ended. Raises NotFound, and NotCancelable when it has."""
    row = get_charge(connection, charge, account)
    if row["status"] not in ("pending", "requires_action"):
        raise NotCancelable(f"A charge that is {row['status']} cannot be cancelled.")
    connection.execute(
        "UPDATE charges SET status = 'canceled', completed_at = ?, due_at = NULL, due_status = NULL,"
        " due_failure_code = NULL WHERE id = ?",
        (now, charge),
    )
    return _told(connection, charge, now)


def confirm_charge(connection: sqlite3.Connection, charge: str, now: int) -> None:
    """The payer was recognised by 3-D Secure; does nothing when the charge no longer asks."""
    changed = connection.execute(
        "UPDATE charges SET status = 'succeeded', completed_at = ? WHERE id = ? AND status = 'requires_action'",
        (now, charge),
    ).rowcount
    if changed:
        _told(connection, charge, now)


def refuse_charge(connection: sqlite3.Connection, charge: str, now: int) -> None:
    """The payer was not recognised; does nothing when the charge no longer asks."""
    changed = connection.execute(
        "UPDATE charges SET status = 'failed', failure_code = 'authentication_failed', completed_at = ?"
        " WHERE id = ? AND status = 'requires_action'",
        (now, charge),
    ).rowcount
    if changed:
        _told(connection, charge, now)


def approve_late(connection: sqlite3.Connection, account: str | None, reference: str, now: int) -> sqlite3.Row:
    """The payer approves although nobody waits any more: a charge that was cancelled, or had failed, succeeds all the same.

    `reference` is the merchant's; without `account` that of any. Raises NotFound; does nothing when it has succeeded already.
    """
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM charges WHERE reference = ?1 AND (?2 IS NULL OR account = ?2) ORDER BY sequence DESC LIMIT 1",
        (reference, account),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such charge.")
    if row["status"] == "succeeded":
        return row
    connection.execute(
        "UPDATE charges SET status = 'succeeded', failure_code = NULL, completed_at = ?, due_at = NULL,"
        " due_status = NULL, due_failure_code = NULL WHERE id = ?",
        (now, row["id"]),
    )
    return _told(connection, row["id"], now)


def settle_due_charges(database: Database, now: int) -> None:
    """End every pending charge whose time has come, each at its own instant; writes only when there is one."""
    with database.read() as connection:
        if connection.execute("SELECT 1 FROM charges WHERE due_at <= ?", (now,)).fetchone() is None:
            return
    with database.write() as connection:
        for row in connection.execute("SELECT * FROM charges WHERE due_at <= ? ORDER BY due_at", (now,)).fetchall():
            connection.execute(
                "UPDATE charges SET status = due_status, failure_code = due_failure_code, completed_at = due_at,"
                " due_at = NULL, due_status = NULL, due_failure_code = NULL WHERE id = ?",
                (row["id"],),
            )
            _told(connection, row["id"], row["due_at"])


def charge_shape(connection: sqlite3.Connection, charge: sqlite3.Row) -> dict[str, Any]:
    """The charge as the API and its webhooks show it."""
    asks = charge["status"] == "requires_action"
    completed_at = charge["completed_at"]
    return {
        "id": charge["id"],
        "reference": charge["reference"],
        "idempotency_key": charge["idempotency_key"],
        "amount": charge["amount"],
        "currency": charge["currency"],
        "description": charge["description"],
        "status": charge["status"],
        "failure_code": charge["failure_code"],
        "failure_message": FAILURE_MESSAGES.get(charge["failure_code"] or ""),
        "action_url": f"{find_setting(connection, 'public_url')}/challenge/{charge['id']}" if asks else None,
        "method": method_shape(get_token(connection, charge["token"])),
        "amount_refunded": charge["amount_refunded"],
        "created_at": iso_instant(charge["created_at"]),
        "completed_at": None if completed_at is None else iso_instant(completed_at),
        "livemode": False,
    }


def _told(connection: sqlite3.Connection, charge: str, now: int) -> sqlite3.Row:
    """Queue the event of the charge's present state; one that waits for its payer is no news."""
    row: sqlite3.Row = connection.execute("SELECT * FROM charges WHERE id = ?", (charge,)).fetchone()
    if row["status"] != "requires_action":
        record_event(
            connection,
            row["account"],
            f"charge.{row['status']}",
            charge_shape(connection, row),
            now,
            row["webhooks"],
            row["webhook_delay_seconds"],
        )
    return row
