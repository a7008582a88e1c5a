"""Tokens: a way to pay under a name that may be kept elsewhere; the number behind it is stored nowhere."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime
from typing import Any

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.errors import NotFound, UnknownToken
from portal.sandbox_gateway.instruments import Instrument
from portal.sandbox_gateway.outcomes import OUTCOMES, Outcome
from portal.sandbox_gateway.storage import find_setting, new_id

SHAPE = ("type", "brand", "last4", "exp_month", "exp_year", "holder", "fingerprint", "phone", "bank_name")


def create_reusable_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """A token that its account may charge again and again; answers its id."""
    return _create_token(connection, account, instrument, now, reusable=1)


def create_single_use_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """A token for the one payment of a payer who did not ask to be remembered."""
    return _create_token(connection, account, instrument, now, reusable=0)


def get_reusable_token(connection: sqlite3.Connection, account: str, token: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tokens WHERE id = ? AND account = ? AND reusable = 1 AND detached_at IS NULL", (token, account)
    ).fetchone()
    if row is None:
        raise UnknownToken("There is no such token, it was for one payment only, or it was detached.")
    return row


def get_token(connection: sqlite3.Connection, token: str) -> sqlite3.Row:
    """One that a charge or a setup names, whatever became of it since."""
    row: sqlite3.Row = connection.execute("SELECT * FROM tokens WHERE id = ?", (token,)).fetchone()
    return row


def detach_token(connection: sqlite3.Connection, account: str, token: str, now: int) -> sqlite3.Row:
    """From now on nobody can charge it; repeating it changes nothing. Raises NotFound.

    What was charged with it before goes its way: a pending charge of it still ends.
    """
    changed = connection.execute(
        "UPDATE tokens SET detached_at = coalesce(detached_at, ?) WHERE id = ? AND account = ? AND reusable = 1",
        (now, token, account),
    ).rowcount
    if not changed:
        raise NotFound("There is no such token.")
    return get_token(connection, token)


def outcome_of_token(token: sqlite3.Row, now: int) -> Outcome:
    """What a charge of it does; a card that has run out since it was saved is refused as its issuer would."""
    if token["type"] == "card":
        today = datetime.fromtimestamp(now // SECOND, UTC)
        if (token["exp_year"], token["exp_month"]) < (today.year, today.month):
            return OUTCOMES["expired_card"]
    return OUTCOMES[token["outcome"]]


def token_shape(token: sqlite3.Row) -> dict[str, Any]:
    return {"token": token["id"], **{name: token[name] for name in SHAPE}, "detached": token["detached_at"] is not None}


def method_shape(token: sqlite3.Row) -> dict[str, Any]:
    """As a charge or a setup shows it: the token itself only when it was made to be used again."""
    return {**{name: token[name] for name in SHAPE}, "token": token["id"] if token["reusable"] else None}


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
    """Equal for one number in one account and telling nothing to anybody else: keyed, and the account is part of it."""
    key = bytes.fromhex(find_setting(connection, "fingerprint_key") or "")
    text = f"{account}\n{instrument.type}\n{instrument.number}".encode()
    return "fp_" + hmac.new(key, text, hashlib.sha256).hexdigest()[:32]
