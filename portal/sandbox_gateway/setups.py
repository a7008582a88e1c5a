"""Setups: pages that keep a way to pay and take nothing, each ended once at most; the only writer of setup rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from portal.sandbox_gateway.behaviours import Behaviour, take_behaviour_of
from portal.sandbox_gateway.clock import iso_instant
from portal.sandbox_gateway.errors import DuplicateReference, NotCancelable, NotFound
from portal.sandbox_gateway.hosted_pages import LIFETIME, PageClosed
from portal.sandbox_gateway.instruments import Channel, Faulty, Instrument
from portal.sandbox_gateway.outcomes import OUTCOMES, REFUSED_FOR_KEEPING
from portal.sandbox_gateway.storage import find_setting, new_id
from portal.sandbox_gateway.tokens import create_reusable_token, get_token, method_shape
from portal.sandbox_gateway.webhooks import record_event

SetupStatus = Literal["open", "succeeded", "failed", "canceled", "expired"]


@dataclass(frozen=True, slots=True)
class SetupOrder:
    """What a merchant asks a setup for; `reference` is the merchant's, one setup each."""

    account: str
    reference: str
    payee: str
    currency: str
    return_url: str
    cancel_url: str
    locale: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What came of pressing Save: the setup as it is now, and how that is answered."""

    setup: sqlite3.Row
    behaviour: Behaviour


def create_setup(connection: sqlite3.Connection, order: SetupOrder, now: int) -> sqlite3.Row:
    """Raises DuplicateReference when this account has a setup of that reference already."""
    if list_setups(connection, order.account, order.reference):
        raise DuplicateReference("There is a setup with this reference already.")
    setup = new_id("set")
    connection.execute(
        "INSERT INTO setups (id, account, reference, payee, currency, return_url, cancel_url, locale, channels,"
        " created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            setup,
            order.account,
            order.reference,
            order.payee,
            order.currency,
            order.return_url,
            order.cancel_url,
            order.locale,
            ",".join(order.channels),
            now,
            now + LIFETIME,
        ),
    )
    return get_setup(connection, setup)


def get_setup(connection: sqlite3.Connection, setup: str) -> sqlite3.Row:
    """For the payer, who knows the setup's id and no account."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM setups WHERE id = ?", (setup,)).fetchone()
    if row is None:
        raise NotFound("There is no such setup.")
    return row


def get_setup_of_account(connection: sqlite3.Connection, setup: str, account: str) -> sqlite3.Row:
    row = get_setup(connection, setup)
    if row["account"] != account:
        raise NotFound("There is no such setup.")
    return row


def list_setups(connection: sqlite3.Connection, account: str, reference: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT * FROM setups WHERE account = ? AND reference = ?", (account, reference)
    ).fetchall()


def status_of_setup(setup: sqlite3.Row, now: int) -> SetupStatus:
    if setup["completed_at"] is not None:
        return "succeeded"
    if setup["failed_at"] is not None:
        return "failed"
    if setup["canceled_at"] is not None:
        return "canceled"
    return "expired" if now >= setup["expires_at"] else "open"


def is_challenged(setup: sqlite3.Row, now: int) -> bool:
    """Whether it waits for the payer to be recognised by 3-D Secure."""
    return setup["token"] is not None and status_of_setup(setup, now) == "open"


def cancel_setup(connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> sqlite3.Row:
    """From now on nothing can be kept here; raises NotCancelable when it has ended. Repeating it changes nothing."""
    status = status_of_setup(setup, now)
    if status in ("succeeded", "failed"):
        raise NotCancelable(f"A setup that has {status} cannot be cancelled.")
    if status == "canceled":
        return setup
    return _end(connection, setup, "canceled", now)


def keep_instrument(connection: sqlite3.Connection, setup: sqlite3.Row, instrument: Instrument, now: int) -> Keeping:
    """Keep it, or have 3-D Secure ask first; pressed twice, it is kept once. Raises PageClosed, and Faulty on `number`.

    Read `setup` in the transaction of `connection`, so that of two buttons pressed at once the second sees the first.
    """
    status = status_of_setup(setup, now)
    if status in ("succeeded", "failed"):
        return Keeping(setup, Behaviour())
    if status != "open":
        raise PageClosed(status)
    behaviour = take_behaviour_of(connection, setup["account"], setup["reference"])
    if behaviour.answer in ("error_before", "drop_before"):
        return Keeping(setup, behaviour)
    if instrument.outcome in REFUSED_FOR_KEEPING or behaviour.answer == "decline":
        raise Faulty({"number": "card_refused"})
    token = create_reusable_token(connection, setup["account"], instrument, now)
    connection.execute(
        "UPDATE setups SET token = ?, webhooks = ?, webhook_delay_seconds = ? WHERE id = ?",
        (token, behaviour.webhooks, behaviour.delay_seconds, setup["id"]),
    )
    if behaviour.outcome(OUTCOMES[instrument.outcome]).status == "requires_action":
        return Keeping(get_setup(connection, setup["id"]), behaviour)
    return Keeping(_end(connection, setup, "completed", now), behaviour)


def confirm_setup(connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> None:
    """The payer was recognised by 3-D Secure; does nothing when the setup no longer asks."""
    if is_challenged(setup, now):
        _end(connection, setup, "completed", now)


def refuse_setup(connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> None:
    """The payer was not recognised; does nothing when the setup no longer asks."""
    if is_challenged(setup, now):
        _end(connection, setup, "failed", now)


def setup_shape(connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> dict[str, Any]:
    """The setup as the API and its webhooks show it; the method only once it is kept."""
    status = status_of_setup(setup, now)
    return {
        "id": setup["id"],
        "url": f"{find_setting(connection, 'public_url')}/setup/{setup['id']}",
        "reference": setup["reference"],
        "currency": setup["currency"],
        "status": status,
        "failure_code": "authentication_failed" if status == "failed" else None,
        "method": method_shape(get_token(connection, setup["token"])) if status == "succeeded" else None,
        "created_at": iso_instant(setup["created_at"]),
    }


def _end(
    connection: sqlite3.Connection, setup: sqlite3.Row, end: Literal["completed", "failed", "canceled"], now: int
) -> sqlite3.Row:
    connection.execute(f"UPDATE setups SET {end}_at = ? WHERE id = ?", (now, setup["id"]))  # noqa: S608  One of three.
    row = get_setup(connection, setup["id"])
    record_event(
        connection,
        row["account"],
        f"setup.{status_of_setup(row, now)}",
        setup_shape(connection, row, now),
        now,
        row["webhooks"],
        row["webhook_delay_seconds"],
    )
    return row
