"""What stands in Notch Pay's books: one payment or refund by its reference, and its lists, read whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from portal.gateways.contract import Question, RefundOrder
from portal.gateways.http import JsonClient, Unreadable
from portal.gateways.notchpay.parsing import Transaction, our_refund, read_references, read_transaction

MOST_PAGES = 20
"""How far a list is read, at 100 rows a page: what lies beyond is unknown, never absent."""
_DAY = timedelta(days=1)  # Lists are cut by days, of a timezone that is not documented.

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """Reads of one account. Each raises Unreadable when the answer leaves the question open."""

    http: JsonClient
    grant: Mapping[str, str]

    def get_payment(self, reference: str) -> Transaction | None:
        """The payment at `GET /payments/{reference}`; None for its 404.

        Its own reference leads there. Ours should, by the documentation, and does not, as those who use it report: so that a
        404 for ours proves nothing.
        """
        answer = self.http.get(path_of(reference))
        if answer.status == 404:
            return None
        if answer.status not in (200, 201, 202):
            raise Unreadable(str(answer.status))
        return read_transaction(answer.body.get("transaction"))

    def find_payment(self, question: Question, now: datetime) -> Transaction | None:
        """The payment of our reference; None when it provably is not there: neither by reference nor in the list since then."""
        if question.gateway_reference is None:
            return self.get_payment(question.reference) or self._find_listed(question, now)
        found = self.get_payment(question.gateway_reference) or self.get_payment(question.reference)
        if found is None:
            raise Unreadable("its own reference is unknown to it")
        return found

    def list_payments(self, since: datetime, until: datetime) -> Sequence[Row]:
        """All payments of those days, and some around them."""
        days = {"date_start": f"{since - _DAY:%Y-%m-%d}", "date_end": f"{until + _DAY:%Y-%m-%d}"}
        return self._rows("/payments", days)

    def find_refund(self, order: RefundOrder) -> Row | None:
        """The refund of our reference; None when it provably is not there. One of the same payment and amount that does not
        say whose it is leaves the question open.

        `accept-payments/refunds` has a list of one payment's refunds, and does not tell the name of its parameter in what we
        could read; so other payments' are left out here too.
        """
        is_open = False
        for row in self._rows("/refunds", {"payment": order.charge}, self.grant):
            told, charge = our_refund(row), row.get("payment")
            if told == order.reference:
                return row
            is_elsewhere = isinstance(charge, str) and charge.startswith("trx.") and charge != order.charge
            is_other = told is not None or is_elsewhere or row.get("amount") not in (None, order.money.amount)
            is_open = is_open or not is_other
        if is_open:
            raise Unreadable("a refund without a reference")
        return None

    def _find_listed(self, question: Question, now: datetime) -> Transaction | None:
        # `search` is documented as "by reference", and does not say whose: what it misses is looked for in the whole list.
        for row in self._rows("/payments", {"search": question.reference}):
            if read_references(row).ours == question.reference:
                return read_transaction(row)
        rows = self.list_payments(question.sent_at, now)
        for row in rows:
            if read_references(row).ours == question.reference:
                return read_transaction(row)
        if not all(read_references(row).tells_ours for row in rows):
            raise Unreadable("a list without references")
        return None

    def _rows(self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> list[Row]:
        """All rows of a list (`get-started/responses`, "Collection response")."""
        rows: list[Row] = []
        page, last, total = 0, 1, 0
        while page < last:
            page += 1
            answer = self.http.get(path, {**query, "limit": "100", "page": str(page)}, headers)
            if answer.status != 200:
                raise Unreadable(f"list {answer.status}")
            items = answer.body.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise Unreadable("list")
            rows += items
            last, total = _count(answer.body.get("last_page")), _count(answer.body.get("totals"))
            if last > MOST_PAGES:
                raise Unreadable("a list that is too long")
        if len(rows) < total:
            raise Unreadable("a list that is not whole")
        return rows


def path_of(reference: str) -> str:
    return f"/payments/{quote(reference, safe='')}"


def _count(value: object) -> int:
    if type(value) is not int:
        raise Unreadable("list")
    return value
