"""Hosted pages: what a page for paying and a page for saving a payment method share, from opening to expiry.

What differs is in payment_pages.py and setups.py: what submitting the form does, what the form says, and how the API
represents the page. The only writer of page rows, together with these two.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.clock import HOUR
from portal.sandbox_gateway.errors import NotCancelable, NotFound
from portal.sandbox_gateway.instruments import Channel, Instrument
from portal.sandbox_gateway.storage import find_setting, new_id

LIFETIME = HOUR
PageStatus = Literal["open", "complete", "succeeded", "failed", "canceled", "expired"]
"""A page for paying ends `complete`, one for saving `succeeded` or `failed`; both can be cancelled and expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """Where a page redirects to, its language, and the channels that it offers."""

    return_url: str
    cancel_url: str
    locale: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParameters:
    """What a merchant opens a page with; `reference` is the merchant's. Each field is a column of the page's row."""

    account: str
    reference: str
    payee: str
    currency: str
    options: PageOptions


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """Whom the payer pays, how much and for what, as the pages show it; without an amount where nothing is paid."""

    payee: str
    amount: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """The result of submitting a form: the page as it is now, and how the request is to be answered."""

    page: sqlite3.Row
    behaviour: Behaviour


class PageClosed(Exception):
    """The form cannot be submitted any more: the page was cancelled or has expired."""

    def __init__(self, status: PageStatus) -> None:
        super().__init__(status)
        self.status = status


class HostedPages(ABC):
    """The pages of one purpose; payment_pages.py and setups.py each define one subclass and its only instance."""

    collection: ClassVar[str]
    """The table, and the collection in the API."""

    noun: ClassVar[str]
    """What error messages call one of them."""

    path: ClassVar[str]
    """The first part of the address that a payer opens."""

    id_prefix: ClassVar[str]
    newest_first: ClassVar[str]

    def open(self, connection: sqlite3.Connection, parameters: PageParameters, now: int) -> sqlite3.Row:
        """Create a page that can be used once, within the hour. Raises DuplicateReference."""
        self._check_reference(connection, parameters.account, parameters.reference)
        columns = asdict(parameters)
        options = columns.pop("options")
        columns |= options | {
            "channels": ",".join(options["channels"]),
            "id": new_id(self.id_prefix),
            "created_at": now,
            "expires_at": now + LIFETIME,
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        connection.execute(
            f"INSERT INTO {self.collection} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own columns
            tuple(columns.values()),
        )
        return self.get(connection, columns["id"])

    def get(self, connection: sqlite3.Connection, page_id: str) -> sqlite3.Row:
        """For the payer, who has the page's id and no account. Raises NotFound."""
        row: sqlite3.Row | None = connection.execute(
            f"SELECT * FROM {self.collection} WHERE id = ?",  # noqa: S608 - one of two tables
            (page_id,),
        ).fetchone()
        if row is None:
            raise NotFound(f"There is no such {self.noun}.")
        return row

    def get_for_account(self, connection: sqlite3.Connection, page_id: str, account: str) -> sqlite3.Row:
        """Raises NotFound for the page of another account too."""
        row = self.get(connection, page_id)
        if row["account"] != account:
            raise NotFound(f"There is no such {self.noun}.")
        return row

    def list_by_reference(self, connection: sqlite3.Connection, account: str, reference: str) -> list[sqlite3.Row]:
        query = f"SELECT * FROM {self.collection} WHERE account = ? AND reference = ? ORDER BY {self.newest_first}"  # noqa: S608
        return connection.execute(query, (account, reference)).fetchall()

    def status(self, page: sqlite3.Row, now: int) -> PageStatus:
        result = self._result(page)
        if result is not None:
            return result
        if page["canceled_at"] is not None:
            return "canceled"
        return "expired" if now >= page["expires_at"] else "open"

    def cancel(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> sqlite3.Row:
        """Close the page for good; raises NotCancelable when it has been used. Repeating it changes nothing."""
        result = self._result(page)
        if result is not None:
            raise NotCancelable(self._not_cancelable(result))
        if page["canceled_at"] is not None:
            return page
        return self._end(connection, page, "canceled", now)

    def submit(self, connection: sqlite3.Connection, page: sqlite3.Row, instrument: Instrument, now: int) -> Submission:
        """Use the page with what the payer entered. Once used, it is not used again: the result stands.

        Read `page` in the transaction of `connection`, so that the second of two concurrent requests sees the first.
        Raises PageClosed, and InvalidInstrument when the instrument cannot be used here.
        """
        status = self.status(page, now)
        if status in ("canceled", "expired"):
            raise PageClosed(status)
        if status != "open":
            return Submission(page, Behaviour())
        behaviour = self._take_behaviour(connection, page["account"], page["reference"])
        if behaviour.answer not in ("error_before", "drop_before"):
            self._use(connection, page, instrument, behaviour, now)
        return Submission(self.get(connection, page["id"]), behaviour)

    @abstractmethod
    def next_url(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> str | None:
        """Where a payer who has submitted the form goes: to 3-D Secure or back to the merchant. None when nobody has."""

    @abstractmethod
    def serialize(self, connection: sqlite3.Connection, page: sqlite3.Row, now: int) -> dict[str, Any]:
        """The page as the API shows it."""

    @abstractmethod
    def texts(self, locale: str) -> dict[str, str]:
        """The texts of the page, by key."""

    @abstractmethod
    def summary(self, page: sqlite3.Row, locale: str) -> OrderSummary: ...

    @abstractmethod
    def saves_method(self, page: sqlite3.Row) -> bool:
        """Whether the merchant may charge the payment method again later."""

    def url(self, connection: sqlite3.Connection, page: sqlite3.Row) -> str:
        return f"{find_setting(connection, 'public_url')}{self.page_path(page)}"

    def page_path(self, page: sqlite3.Row) -> str:
        return f"/{self.path}/{page['id']}"

    @abstractmethod
    def _check_reference(self, connection: sqlite3.Connection, account: str, reference: str) -> None:
        """Raises DuplicateReference."""

    @abstractmethod
    def _result(self, page: sqlite3.Row) -> PageStatus | None:
        """The final status of a page that has been used."""

    @abstractmethod
    def _not_cancelable(self, result: PageStatus) -> str: ...

    @abstractmethod
    def _take_behaviour(self, connection: sqlite3.Connection, account: str, reference: str) -> Behaviour: ...

    @abstractmethod
    def _use(
        self, connection: sqlite3.Connection, page: sqlite3.Row, instrument: Instrument, behaviour: Behaviour, now: int
    ) -> None:
        """Charge or save the instrument."""

    def _end(
        self,
        connection: sqlite3.Connection,
        page: sqlite3.Row,
        end: Literal["completed", "failed", "canceled"],
        now: int,
    ) -> sqlite3.Row:
        connection.execute(
            f"UPDATE {self.collection} SET {end}_at = ? WHERE id = ?",  # noqa: S608 - one of two tables, one of three ends
            (now, page["id"]),
        )
        return self.get(connection, page["id"])
