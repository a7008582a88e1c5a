"""Hosted pages: an order and where to go afterwards, paid once at most; the only writer of page rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from portal.sandbox_gateway.behaviours import Behaviour, take_behaviour
from portal.sandbox_gateway.charges import Order, charge_shape, create_charge
from portal.sandbox_gateway.clock import HOUR
from portal.sandbox_gateway.errors import DuplicateReference, NotCancelable, NotFound
from portal.sandbox_gateway.instruments import Channel, Instrument
from portal.sandbox_gateway.storage import find_setting, new_id
from portal.sandbox_gateway.tokens import create_reusable_token, create_single_use_token, get_token

LIFETIME = HOUR
PageStatus = Literal["open", "complete", "canceled", "expired"]


@dataclass(frozen=True, slots=True)
class PageOrder:
    """What a merchant asks a page for."""

    order: Order
    payee: str
    return_url: str
    cancel_url: str
    locale: str
    channels: tuple[Channel, ...]
    save: bool


@dataclass(frozen=True, slots=True)
class Payment:
    """What came of paying on a page; no charge when the behaviour struck before it."""

    charge: sqlite3.Row | None
    behaviour: Behaviour


class PageClosed(Exception):
    """Nobody can pay on this page any more: it was cancelled or has expired."""


def create_page(connection: sqlite3.Connection, page_order: PageOrder, now: int) -> sqlite3.Row:
    """Raises DuplicateReference when this reference has been charged already."""
    order = page_order.order
    charged = connection.execute(
        "SELECT 1 FROM charges WHERE account = ? AND reference = ?", (order.account, order.reference)
    ).fetchone()
    if charged is not None:
        raise DuplicateReference("There is a charge with this reference already.")
    page = new_id("pg")
    connection.execute(
        "INSERT INTO pages (id, account, reference, idempotency_key, amount, currency, payee, description, return_url,"
        " cancel_url, locale, channels, save, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            page,
            order.account,
            order.reference,
            order.idempotency_key,
            order.amount,
            order.currency,
            page_order.payee,
            order.description,
            page_order.return_url,
            page_order.cancel_url,
            page_order.locale,
            ",".join(page_order.channels),
            int(page_order.save),
            now,
            now + LIFETIME,
        ),
    )
    return get_page(connection, page)


def get_page(connection: sqlite3.Connection, page: str) -> sqlite3.Row:
    """For the payer, who knows the page's id and no account."""
    row: sqlite3.Row | None = connection.execute("SELECT * FROM pages WHERE id = ?", (page,)).fetchone()
    if row is None:
        raise NotFound("There is no such page.")
    return row


def get_page_of_account(connection: sqlite3.Connection, page: str, account: str) -> sqlite3.Row:
    row = get_page(connection, page)
    if row["account"] != account:
        raise NotFound("There is no such page.")
    return row


def list_pages(connection: sqlite3.Connection, account: str, reference: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT * FROM pages WHERE account = ? AND reference = ? ORDER BY sequence DESC", (account, reference)
    ).fetchall()


def status_of_page(page: sqlite3.Row, now: int) -> PageStatus:
    if page["charge"] is not None:
        return "complete"
    if page["canceled_at"] is not None:
        return "canceled"
    return "expired" if now >= page["expires_at"] else "open"


def cancel_page(connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> sqlite3.Row:
    """From now on nobody can pay here; raises NotCancelable when somebody has. Repeating it changes nothing."""
    if page["charge"] is not None:
        raise NotCancelable("This page has been paid.")
    connection.execute(
        "UPDATE pages SET canceled_at = ? WHERE id = ? AND canceled_at IS NULL AND charge IS NULL", (now, page["id"])
    )
    return get_page(connection, page["id"])


def pay_page(connection: sqlite3.Connection, page: sqlite3.Row, instrument: Instrument, now: int) -> Payment:
    """Make the one charge of the page; pressed twice, it answers with that charge. Raises PageClosed.

    Read `page` in the transaction of `connection`, so that of two buttons pressed at once the second sees the first.
    """
    status = status_of_page(page, now)
    if status == "complete":
        return Payment(charge_of_page(connection, page), Behaviour())
    if status != "open":
        raise PageClosed(status)
    behaviour = take_behaviour(connection, page["account"], page["reference"])
    if behaviour.answer in ("error_before", "drop_before"):
        return Payment(None, behaviour)
    keep = create_reusable_token if page["save"] else create_single_use_token
    token = get_token(connection, keep(connection, page["account"], instrument, now))
    order = Order(
        page["account"],
        page["reference"],
        page["idempotency_key"],
        page["amount"],
        page["currency"],
        page["description"],
        page["return_url"],
        page["locale"],
    )
    return Payment(create_charge(connection, order, token, behaviour, now), behaviour)


def charge_of_page(connection: sqlite3.Connection, page: sqlite3.Row) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM charges WHERE id = ?", (page["charge"],)).fetchone()
    return row


def page_shape(connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> dict[str, Any]:
    charge = charge_of_page(connection, page)
    return {
        "id": page["id"],
        "url": f"{find_setting(connection, 'public_url')}/pay/{page['id']}",
        "reference": page["reference"],
        "status": status_of_page(page, now),
        "charge": None if charge is None else charge_shape(connection, charge),
    }
