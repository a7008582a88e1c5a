"""Tokens: references to payment instruments that merchants may store; the number itself is stored nowhere."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime
from typing import Any

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.errors import NotFound, UnknownToken
from portal.sandbox_gateway.instruments import Instrument
from portal.sandbox_gateway.outcomes import OUTCOMES, SimulatedOutcome
from portal.sandbox_gateway.storage import find_setting, new_id

METHOD_FIELDS = ("type", "brand", "last4", "exp_month", "exp_year", "holder", "fingerprint", "phone", "bank_name")


def create_reusable_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """Create a token that its account can charge repeatedly. Return its id."""
    return _create_token(connection, account, instrument, now, reusable=1)


def create_single_use_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """Create a token for one charge, for a payer whose payment method is not saved. Return its id."""
    return _create_token(connection, account, instrument, now, reusable=0)


def get_reusable_token(connection: sqlite3.Connection, account: str, token: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tokens WHERE id = ? AND account = ? AND reusable = 1 AND detached_at IS NULL", (token, account)
    ).fetchone()
    if row is None:
        raise UnknownToken("There is no such token, it was for one payment only, or it was detached.")
    return row


def get_token(connection: sqlite3.Connection, token: str) -> sqlite3.Row:
    """Return the token of a charge or a setup, even if it has been detached since."""
    row: sqlite3.Row = connection.execute("SELECT * FROM tokens WHERE id = ?", (token,)).fetchone()
    return row


def detach_token(connection: sqlite3.Connection, account: str, token: str, now: int) -> sqlite3.Row:
    """Make the token unusable for new charges. Raises NotFound. Repeating it changes nothing.

    Its pending charges are not affected.
    """
    changed = connection.execute(
        "UPDATE tokens SET detached_at = coalesce(detached_at, ?) WHERE id = ? AND account = ? AND reusable = 1",
        (now, token, account),
    ).rowcount
    if not changed:
        raise NotFound("There is no such token.")
    return get_token(connection, token)


def outcome_of_token(token: sqlite3.Row, now: int) -> SimulatedOutcome:
    """Return the outcome of charging the token; a card that has expired since it was saved is declined for that."""
    if token["type"] == "card":
        today = datetime.fromtimestamp(now // SECOND, UTC)
        if (token["exp_year"], token["exp_month"]) < (today.year, today.month):
            return OUTCOMES["expired_card"]
    return OUTCOMES[token["outcome"]]


def serialize_token(token: sqlite3.Row) -> dict[str, Any]:
    return {
        "token": token["id"],
        **{name: token[name] for name in METHOD_FIELDS},
        "detached": token["detached_at"] is not None,
    }


def serialize_method(token: sqlite3.Row) -> dict[str, Any]:
    """The payment method as a charge or a setup shows it; the token only when it is reusable."""
    return {**{name: token[name] for name in METHOD_FIELDS}, "token": token["id"] if token["reusable"] else None}


def _create_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int, reusable: int) -> str:
    token = new_id("tok")
    connection.execute(
        "INSERT INTO tokens (id, account, type, brand, last4, exp_month, exp_year, holder, phone, bank_name,"
        " fingerprint, outcome, reusable, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token,
            account,
            instrument.type,
            instrument.brand,
            instrument.last4,
            instrument.exp_month,
            instrument.exp_year,
            instrument.holder,
            instrument.phone,
            instrument.bank_name,
            _fingerprint(connection, account, instrument),
            instrument.outcome,
            reusable,
            now,
        ),
    )
    return token


def _fingerprint(connection: sqlite3.Connection, account: str, instrument: Instrument) -> str:
    """Return a keyed hash: equal for equal numbers of one account, and not comparable between accounts."""
    key = bytes.fromhex(find_setting(connection, "fingerprint_key") or "")
    text = f"{account}\n{instrument.type}\n{instrument.number}".encode()
    return "fp_" + hmac.new(key, text, hashlib.sha256).hexdigest()[:32]
