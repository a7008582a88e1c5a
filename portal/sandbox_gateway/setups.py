"""Setups: hosted pages that save a payment method and charge nothing. What they share with payment pages is in hosted_pages.py."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from portal.sandbox_gateway.behaviours import Behaviour, take_behaviour_of_reference
from portal.sandbox_gateway.clock import format_instant
from portal.sandbox_gateway.errors import DuplicateReference
from portal.sandbox_gateway.hosted_pages import HostedPages, OrderSummary, PageStatus
from portal.sandbox_gateway.instruments import Instrument, InvalidInstrument
from portal.sandbox_gateway.outcomes import OUTCOMES, REFUSED_WHEN_SAVING
from portal.sandbox_gateway.texts import SETUP_TEXTS, TEXTS
from portal.sandbox_gateway.tokens import create_reusable_token, get_token, serialize_method
from portal.sandbox_gateway.webhooks import record_event


class Setups(HostedPages):
    """A reference has one setup. Its token is stored as soon as 3-D Secure is required, and shown once it is saved."""

    collection, noun, path, id_prefix = "setups", "setup", "setup", "set"
    newest_first = "created_at DESC"

    def next_url(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> str | None:
        if self.requires_action(page, now):
            return f"{self.page_path(page)}/challenge"
        return None if self._result(page) is None else str(page["return_url"])

    def requires_action(self, setup: sqlite3.Row, now: int) -> bool:
        """Whether the payer has to confirm by 3-D Secure."""
        return setup["token"] is not None and self.status(setup, now) == "open"

    def confirm(self, connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> None:
        """Record that 3-D Secure confirmed the payer; does nothing when it is not required any more."""
        if self.requires_action(setup, now):
            self._end(connection, setup, "completed", now)

    def refuse(self, connection: sqlite3.Connection, setup: sqlite3.Row, now: int) -> None:
        """Record that 3-D Secure did not confirm the payer; does nothing when it is not required any more."""
        if self.requires_action(setup, now):
            self._end(connection, setup, "failed", now)

    def serialize(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> dict[str, Any]:
        """The setup as the API and its webhooks show it; the method only once it is saved."""
        status = self.status(page, now)
        return {
            "id": page["id"],
            "url": self.url(connection, page),
            "reference": page["reference"],
            "currency": page["currency"],
            "status": status,
            "failure_code": "authentication_failed" if status == "failed" else None,
            "method": serialize_method(get_token(connection, page["token"])) if status == "succeeded" else None,
            "created_at": format_instant(page["created_at"]),
        }

    def texts(self, locale: str) -> dict[str, str]:
        return TEXTS[locale] | SETUP_TEXTS[locale]

    def summary(self, page: sqlite3.Row, locale: str) -> OrderSummary:
        return OrderSummary(page["payee"])

    def saves_method(self, page: sqlite3.Row) -> bool:
        return True

    def _check_reference(self, connection: sqlite3.Connection, account: str, reference: str) -> None:
        if self.list_by_reference(connection, account, reference):
            raise DuplicateReference("There is a setup with this reference already.")

    def _result(self, page: sqlite3.Row) -> PageStatus | None:
        if page["completed_at"] is not None:
            return "succeeded"
        return "failed" if page["failed_at"] is not None else None

    def _not_cancelable(self, result: PageStatus) -> str:
        return f"A setup that has {result} cannot be cancelled."

    def _take_behaviour(self, connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
        return take_behaviour_of_reference(connection, account, reference)

    def _use(
        self, connection: sqlite3.Connection, page: sqlite3.Row, instrument: Instrument, behaviour: Behaviour, now: int
    ) -> None:
        if instrument.outcome in REFUSED_WHEN_SAVING or behaviour.answer == "decline":
            raise InvalidInstrument({"number": "card_refused"})
        token = create_reusable_token(connection, page["account"], instrument, now)
        connection.execute(
            "UPDATE setups SET token = ?, webhooks = ?, webhook_delay_seconds = ? WHERE id = ?",
            (token, behaviour.webhooks, behaviour.delay_seconds, page["id"]),
        )
        if behaviour.outcome(OUTCOMES[instrument.outcome]).status != "requires_action":
            self._end(connection, page, "completed", now)

    def _end(
        self,
        connection: sqlite3.Connection,
        page: sqlite3.Row,
        end: Literal["completed", "failed", "canceled"],
        now: int,
    ) -> sqlite3.Row:
        """The end of a setup is an event of its own, as there is no charge whose event would report it."""
        row = super()._end(connection, page, end, now)
        record_event(
            connection,
            row["account"],
            f"setup.{self.status(row, now)}",
            self.serialize(connection, row, now),
            now,
            row["webhooks"],
            row["webhook_delay_seconds"],
        )
        return row


SETUPS = Setups()
