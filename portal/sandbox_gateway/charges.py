"""Charges: one for each reference, completed by the clock, the payer or the merchant; the only writer of charge rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.clock import format_instant
from portal.sandbox_gateway.errors import DuplicateReference, NotCancelable, NotFound
from portal.sandbox_gateway.outcomes import FAILURE_MESSAGES
from portal.sandbox_gateway.storage import SandboxDatabase, find_setting, new_id
from portal.sandbox_gateway.tokens import get_token, outcome_of_token, serialize_method
from portal.sandbox_gateway.webhooks import record_event

MAX_LIST_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeParameters:
    """What a merchant charges: `amount` in minor units; `reference` is the merchant's, unique in its account."""

    account: str
    reference: str
    idempotency_key: str
    amount: int
    currency: str
    description: str
    return_url: str | None = None
    locale: str | None = None


def create_charge(
    connection: sqlite3.Connection, parameters: ChargeParameters, token: sqlite3.Row, behaviour: Behaviour, now: int
) -> sqlite3.Row:
    """Charge the token. Raises DuplicateReference when the account has a charge with this reference already."""
    outcome = behaviour.outcome(outcome_of_token(token, now))
    completed = outcome.status in ("succeeded", "failed")
    charge = new_id("ch")
    try:
        connection.execute(
            "INSERT INTO charges (id, account, reference, idempotency_key, amount, currency, description, status,"
            " failure_code, token, return_url, locale, webhooks, webhook_delay_seconds, created_at, completed_at,"
            " due_at, due_status, due_failure_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charge,
                parameters.account,
                parameters.reference,
                parameters.idempotency_key,
                parameters.amount,
                parameters.currency,
                parameters.description,
                outcome.status,
                outcome.failure_code,
                token["id"],
                parameters.return_url,
                parameters.locale,
                behaviour.webhooks,
                behaviour.delay_seconds,
                now,
                now if completed else None,
                None if outcome.due_after is None else now + outcome.due_after,
                outcome.due_status,
                outcome.due_failure_code,
            ),
        )
    except sqlite3.IntegrityError as error:
        if "charges.account, charges.reference" not in str(error):
            raise
        raise DuplicateReference("There is a charge with this reference already.") from error
    # However it was charged, the open pages of this reference cannot charge it again.
    connection.execute(
        "UPDATE pages SET charge = ? WHERE account = ? AND reference = ? AND charge IS NULL AND canceled_at IS NULL",
        (charge, parameters.account, parameters.reference),
    )
    return _record_status_event(connection, charge, now)


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
    """Which charges are listed; `created_after` is inclusive, `created_before` exclusive, `after` the id of a charge."""

    reference: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    after: str | None = None


def list_charges(
    connection: sqlite3.Connection, account: str, filters: ChargeFilter
) -> tuple[list[sqlite3.Row], str | None]:
    """Newest first, a hundred at most; with the cursor of the next page, None after the last."""
    query = "SELECT * FROM charges WHERE account = ?"
    values: list[str | int] = [account]
    if filters.reference is not None:
        query += " AND reference = ?"
        values.append(filters.reference)
    if filters.created_after is not None:
        query += " AND created_at >= ?"
        values.append(filters.created_after)
    if filters.created_before is not None:
        query += " AND created_at < ?"
        values.append(filters.created_before)
    if filters.after is not None:
        last = get_charge(connection, filters.after, account)
        query += " AND (created_at, sequence) < (?, ?)"
        values += [last["created_at"], last["sequence"]]
    query += " ORDER BY created_at DESC, sequence DESC LIMIT ?"
    rows = connection.execute(query, [*values, MAX_LIST_SIZE + 1]).fetchall()
    more = len(rows) > MAX_LIST_SIZE
    rows = rows[:MAX_LIST_SIZE]
    return rows, rows[-1]["id"] if more else None


def list_ledger(connection: sqlite3.Connection, account: str | None) -> list[dict[str, Any]]:
    """All charges, oldest first; one that requires 3-D Secure counts as pending.

    `reference` is the charge's own id, which the portal shows as `gateway_reference`.
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
            "at": format_instant(row["created_at"]),
        }
        for row in rows
    ]


def cancel_charge(connection: sqlite3.Connection, charge: str, account: str, now: int) -> sqlite3.Row:
    """Cancel a charge that is not completed. Raises NotFound, and NotCancelable when it is completed."""
    row = get_charge(connection, charge, account)
    if row["status"] not in ("pending", "requires_action"):
        raise NotCancelable(f"A charge that is {row['status']} cannot be cancelled.")
    connection.execute(
        "UPDATE charges SET status = 'canceled', completed_at = ?, due_at = NULL, due_status = NULL,"
        " due_failure_code = NULL WHERE id = ?",
        (now, charge),
    )
    return _record_status_event(connection, charge, now)


def confirm_charge(connection: sqlite3.Connection, charge: str, now: int) -> None:
    """Record that 3-D Secure confirmed the payer; does nothing when it is not required any more."""
    changed = connection.execute(
        "UPDATE charges SET status = 'succeeded', completed_at = ? WHERE id = ? AND status = 'requires_action'",
        (now, charge),
    ).rowcount
    if changed:
        _record_status_event(connection, charge, now)


def refuse_charge(connection: sqlite3.Connection, charge: str, now: int) -> None:
    """Record that 3-D Secure did not confirm the payer; does nothing when it is not required any more."""
    changed = connection.execute(
        "UPDATE charges SET status = 'failed', failure_code = 'authentication_failed', completed_at = ?"
        " WHERE id = ? AND status = 'requires_action'",
        (now, charge),
    ).rowcount
    if changed:
        _record_status_event(connection, charge, now)


def approve_late(connection: sqlite3.Connection, account: str | None, reference: str, now: int) -> sqlite3.Row:
    """Let a charge that was cancelled or has failed succeed, as when the payer approves a prompt late.

    `reference` is the merchant's; without `account` that of any account. Raises NotFound; a charge that has succeeded stays as it is.
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
    return _record_status_event(connection, row["id"], now)


def complete_due_charges(database: SandboxDatabase, now: int) -> None:
    """Complete the pending charges that are due, each as of its `due_at`; writes only when there is one."""
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
            _record_status_event(connection, row["id"], row["due_at"])


def serialize_charge(connection: sqlite3.Connection, charge: sqlite3.Row) -> dict[str, Any]:
    """The charge as the API and its webhooks show it."""
    requires_action = charge["status"] == "requires_action"
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
        "action_url": f"{find_setting(connection, 'public_url')}/challenge/{charge['id']}" if requires_action else None,
        "method": serialize_method(get_token(connection, charge["token"])),
        "amount_refunded": charge["amount_refunded"],
        "created_at": format_instant(charge["created_at"]),
        "completed_at": None if completed_at is None else format_instant(completed_at),
        "livemode": False,
    }


def _record_status_event(connection: sqlite3.Connection, charge: str, now: int) -> sqlite3.Row:
    """Queue the webhook of the charge's new status, and return its row; `requires_action` has no webhook."""
    row: sqlite3.Row = connection.execute("SELECT * FROM charges WHERE id = ?", (charge,)).fetchone()
    if row["status"] != "requires_action":
        record_event(
            connection,
            row["account"],
            f"charge.{row['status']}",
            serialize_charge(connection, row),
            now,
            row["webhooks"],
            row["webhook_delay_seconds"],
        )
    return row
