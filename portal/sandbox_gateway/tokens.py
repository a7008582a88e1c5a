"""Tokens: a way to pay under a name that may be kept elsewhere; the number behind it is stored nowhere."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime
from typing import Any

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.errors import UnknownToken
from portal.sandbox_gateway.instruments import Instrument
from portal.sandbox_gateway.outcomes import OUTCOMES, Outcome
from portal.sandbox_gateway.storage import find_setting, new_id

SHAPE = ("type", "brand", "last4", "exp_month", "exp_year", "holder", "fingerprint", "phone", "bank_name")


def create_reusable_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """A token that its account may charge again and again; answers its id."""
    return _create_token(connection, account, instrument, now, reusable=1)


def create_single_use_token(connection: sqlite3.Connection, account: str, instrument: Instrument, now: int) -> str:
    """A token for the one payment of a hosted page whose payer did not ask to be remembered."""
    return _create_token(connection, account, instrument, now, reusable=0)


def get_reusable_token(connection: sqlite3.Connection, account: str, token: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tokens WHERE id = ? AND account = ? AND reusable = 1", (token, account)
    ).fetchone()
    if row is None:
        raise UnknownToken("There is no such token, or it was for one payment only.")
    return row


def outcome_of_token(token: sqlite3.Row, now: int) -> Outcome:
    """What a charge of it does; a card that has run out since it was saved is refused as its issuer would."""
    if token["type"] == "card":
        today = datetime.fromtimestamp(now // SECOND, UTC)
        if (token["exp_year"], token["exp_month"]) < (today.year, today.month):
            return OUTCOMES["expired_card"]
    return OUTCOMES[token["outcome"]]


def token_shape(token: sqlite3.Row) -> dict[str, Any]:
    return {"token": token["id"], **{name: token[name] for name in SHAPE}}


def method_shape(token: sqlite3.Row) -> dict[str, Any]:
    """As a charge shows it: the token itself only when it can be used again."""
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
