"""Hosted pages for paying: an order that is charged once at most. What they share with setups is in hosted_pages.py."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from portal.sandbox_gateway.amount_format import format_amount
from portal.sandbox_gateway.behaviours import Behaviour, take_behaviour_of_charge
from portal.sandbox_gateway.charges import ChargeParameters, create_charge, find_charge, serialize_charge
from portal.sandbox_gateway.errors import DuplicateReference
from portal.sandbox_gateway.hosted_pages import HostedPages, OrderSummary, PageParameters, PageStatus
from portal.sandbox_gateway.instruments import Instrument
from portal.sandbox_gateway.texts import TEXTS
from portal.sandbox_gateway.tokens import create_reusable_token, create_single_use_token, get_token


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPageParameters(PageParameters):
    """`amount` in minor units; `save` makes the token one that the merchant can charge again."""

    idempotency_key: str
    amount: int
    description: str
    save: bool


class PaymentPages(HostedPages):
    """A reference may have several pages, of which one at most is charged; that charge completes all of them."""

    collection, noun, path, id_prefix = "pages", "page", "pay", "pg"
    newest_first = "sequence DESC"

    def next_url(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> str | None:
        charge = find_charge(connection, page["charge"])
        if charge is None:
            return None
        return f"/challenge/{charge['id']}" if charge["status"] == "requires_action" else str(page["return_url"])

    def serialize(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> dict[str, Any]:
        charge = find_charge(connection, page["charge"])
        return {
            "id": page["id"],
            "url": self.url(connection, page),
            "reference": page["reference"],
            "status": self.status(page, now),
            "charge": None if charge is None else serialize_charge(connection, charge),
        }

    def texts(self, locale: str) -> dict[str, str]:
        return TEXTS[locale]

    def summary(self, page: sqlite3.Row, locale: str) -> OrderSummary:
        amount = format_amount(page["amount"], page["currency"], locale)
        return OrderSummary(page["payee"], amount, page["description"])

    def saves_method(self, page: sqlite3.Row) -> bool:
        return bool(page["save"])

    def find_by_charge(self, connection: sqlite3.Connection, charge: sqlite3.Row) -> sqlite3.Row | None:
        row: sqlite3.Row | None = connection.execute(
            "SELECT * FROM pages WHERE account = ? AND reference = ? AND charge = ?",
            (charge["account"], charge["reference"], charge["id"]),
        ).fetchone()
        return row

    def _check_reference(self, connection: sqlite3.Connection, account: str, reference: str) -> None:
        charged = connection.execute(
            "SELECT 1 FROM charges WHERE account = ? AND reference = ?", (account, reference)
        ).fetchone()
        if charged is not None:
            raise DuplicateReference("There is a charge with this reference already.")

    def _result(self, page: sqlite3.Row) -> PageStatus | None:
        return None if page["charge"] is None else "complete"

    def _not_cancelable(self, result: PageStatus) -> str:
        return "This page has been paid."

    def _take_behaviour(self, connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
        return take_behaviour_of_charge(connection, account, reference)

    def _use(
        self, connection: sqlite3.Connection, page: sqlite3.Row, instrument: Instrument, behaviour: Behaviour, now: int
    ) -> None:
        create_token = create_reusable_token if self.saves_method(page) else create_single_use_token
        token = get_token(connection, create_token(connection, page["account"], instrument, now))
        parameters = ChargeParameters(
            account=page["account"],
            reference=page["reference"],
            idempotency_key=page["idempotency_key"],
            amount=page["amount"],
            currency=page["currency"],
            description=page["description"],
            return_url=page["return_url"],
            locale=page["locale"],
        )
        create_charge(connection, parameters, token, behaviour, now)


PAYMENT_PAGES = PaymentPages()
