"""Reads of Notch Pay: one payment or refund by its reference, and its lists, which are read completely or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from portal.gateways.contract import Lookup, RefundRequest
from portal.gateways.http import JsonClient, UnusableResponse
from portal.gateways.notchpay.parsing import Transaction, read_references, read_refund_reference, read_transaction

MAXIMUM_PAGES = 20
"""How far a list is read, at 100 rows a page: what is beyond is unknown, never absent."""
_DAY = timedelta(days=1)  # Lists are filtered by days, in a timezone that is not documented.

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountReader:
    """Reads of one account. Each raises UnusableResponse when the response does not settle what was looked up."""

    http: JsonClient
    private_headers: Mapping[str, str]

    def get_payment(self, reference: str) -> Transaction | None:
        """Return the payment at `GET /payments/{reference}`; None for a 404.

        Notch Pay's own reference works there. Ours should, by the documentation, and does not, by the reports of its users:
        a 404 for ours proves nothing.
        """
        response = self.http.get(payment_path(reference))
        if response.status == 404:
            return None
        if response.status not in (200, 201, 202):
            raise UnusableResponse(str(response.status))
        return read_transaction(response.body.get("transaction"))

    def find_payment(self, lookup: Lookup, now: datetime) -> Transaction | None:
        """Return the payment of our reference; None when it provably does not exist, neither by reference nor in the list."""
        if lookup.gateway_reference is None:
            return self.get_payment(lookup.reference) or self._find_listed(lookup, now)
        found = self.get_payment(lookup.gateway_reference) or self.get_payment(lookup.reference)
        if found is None:
            raise UnusableResponse("its own reference was not found")
        return found

    def list_payments(self, since: datetime, until: datetime) -> Sequence[Row]:
        """Return all payments of those days, and some around them."""
        days = {"date_start": f"{since - _DAY:%Y-%m-%d}", "date_end": f"{until + _DAY:%Y-%m-%d}"}
        return self._rows("/payments", days)

    def find_refund(self, request: RefundRequest) -> Row | None:
        """Return the refund of our reference; None when it provably does not exist. Another one of the same payment and amount
        without a reference raises UnusableResponse, since it may be this one.

        `accept-payments/refunds` has a list of one payment's refunds, but what we could read does not name its parameter; so
        refunds of other payments are skipped here too.
        """
        is_undecided = False
        for row in self._rows("/refunds", {"payment": request.charge}, self.private_headers):
            reference, charge = read_refund_reference(row), row.get("payment")
            if reference == request.reference:
                return row
            is_elsewhere = isinstance(charge, str) and charge.startswith("trx.") and charge != request.charge
            is_other = reference is not None or is_elsewhere or row.get("amount") not in (None, request.money.amount)
            is_undecided = is_undecided or not is_other
        if is_undecided:
            raise UnusableResponse("refund without a reference")
        return None

    def _find_listed(self, lookup: Lookup, now: datetime) -> Transaction | None:
        # `search` is documented as "by reference", without saying whose: if it finds nothing, the whole list is searched.
        for row in self._rows("/payments", {"search": lookup.reference}):
            if read_references(row).reference == lookup.reference:
                return read_transaction(row)
        rows = self.list_payments(lookup.sent_at, now)
        for row in rows:
            if read_references(row).reference == lookup.reference:
                return read_transaction(row)
        if not all(read_references(row).names_reference for row in rows):
            raise UnusableResponse("list without references")
        return None

    def _rows(self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> list[Row]:
        """Return all rows of a list (`get-started/responses`, "Collection response")."""
        rows: list[Row] = []
        page, last, total = 0, 1, 0
        while page < last:
            page += 1
            response = self.http.get(path, {**query, "limit": "100", "page": str(page)}, headers)
            if response.status != 200:
                raise UnusableResponse(f"list {response.status}")
            items = response.body.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise UnusableResponse("list")
            rows += items
            last, total = _count(response.body.get("last_page")), _count(response.body.get("totals"))
            if last > MAXIMUM_PAGES:
                raise UnusableResponse("list too long")
        if len(rows) < total:
            raise UnusableResponse("list incomplete")
        return rows


def payment_path(reference: str) -> str:
    return f"/payments/{quote(reference, safe='')}"


def _count(value: object) -> int:
    if type(value) is not int:
        raise UnusableResponse("list")
    return value
