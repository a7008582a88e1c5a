"""From a row of a file to a payment that ended elsewhere. Pure: knows no database.

Amounts are whole minor units, as in the API's shape of a payment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.gateways.contract import METHOD_TYPES
from portal.importing.errors import RowRefused
from portal.importing.rules.groups import Group
from portal.importing.rules.mapping import Fields
from portal.importing.rules.results import Context
from portal.importing.rules.values import ValueRefused, attempt, key_text, read_currency, read_text, read_whole
from portal.money import MAX_AMOUNT

CAPTURED = ("complete", "partially_refunded", "refunded")
ENDED = (*CAPTURED, "failed", "canceled", "rejected", "abandoned", "expired")
_TEXTS = ("description", "failure_code", "failure_message", "reference", "payment_method.brand", "payment_method.last4")
FIELDS = Fields(
    names=(
        "customer", "amount", "currency", "status", "channel", "payment_method.type", "payment_method.brand",
        "payment_method.last4", "invoices", "amount_refunded", "failure_code", "failure_message", "reference", "gateway",
        "gateway_reference", "description", "created_at", "completed_at",
    ),
    needed=(("customer",), ("amount",), ("reference", "gateway_reference"), ("created_at", "completed_at")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportedPayment:
    """A payment of the file. `customer` is our id or the merchant's reference; `shares` are (invoice's id or number, minor
    units or None for as much as fits)."""

    customer: str
    amount: int
    currency: str
    status: str
    amount_refunded: int
    gateway: str
    gateway_reference: str
    reference: str | None
    description: str
    method_type: str | None
    method_brand: str | None
    method_last4: str | None
    failure_code: str | None
    failure_message: str | None
    shares: tuple[tuple[str, int | None], ...]
    created_at: datetime
    completed_at: datetime | None
    file_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PaymentRows:
    """Reads rows of payments."""

    context: Context

    def key_of(self, values: Mapping[str, str]) -> tuple[str, str] | None:
        """Gateway and its reference, or the merchant's own, by which the payment is found again."""
        reference = values.get("gateway_reference") or values.get("reference")
        return (key_text(values.get("gateway", "import")), key_text(reference)) if reference else None

    def read(self, values: Mapping[str, str]) -> tuple[datetime | None, dict[str, Any]]:
        key = self.key_of(values)
        reasons = [] if key else ["reference and gateway_reference are empty"]
        if "customer" not in values:
            reasons.append("customer is empty")
        payload: dict[str, Any] = {"customer": key_text(values.get("customer", ""))}
        payload["currency"] = attempt(
            reasons, read_currency, "currency", values.get("currency", self.context.merchant.currency)
        )
        payload |= _amounts(values, reasons)
        for field in _TEXTS:
            payload[field] = attempt(reasons, read_text, field, values[field]) if field in values else None
        payload["gateway"], payload["gateway_reference"] = key or ("", "")
        attempt(reasons, read_text, "gateway_reference", payload["gateway_reference"], 200)
        attempt(reasons, read_text, "gateway", payload["gateway"], 100)
        payload["type"] = values.get("payment_method.type") or values.get("channel")
        if payload["type"] is not None and payload["type"] not in METHOD_TYPES:
            reasons.append(f"channel is one of {', '.join(METHOD_TYPES)}")
        payload["shares"] = attempt(reasons, _read_shares, "invoices", values.get("invoices", ""))
        created_at = self._times(values, payload, reasons)
        if reasons:
            raise RowRefused(reasons)
        return created_at, payload

    def _times(self, values: Mapping[str, str], payload: dict[str, Any], reasons: list[str]) -> datetime | None:
        times = {
            field: attempt(reasons, self.context.calendar.instant, field, values[field])
            for field in ("created_at", "completed_at") if field in values
        }  # fmt: skip
        if not times:
            reasons.append("created_at is empty")
        if any(at is not None and at > self.context.now for at in times.values()):
            reasons.append("the payment is in the future")
        created_at = times.get("created_at") or times.get("completed_at")
        completed_at = times.get("completed_at") or created_at
        payload["created_at"] = created_at.isoformat() if created_at else None
        payload["completed_at"] = completed_at.isoformat() if completed_at and payload["status"] in CAPTURED else None
        return created_at


def build_payment(group: Group) -> ImportedPayment:
    """The payment of a single row."""
    (row,) = (row for row in group.rows if row.reason is None)
    found = row.payload
    return ImportedPayment(
        customer=found["customer"], amount=found["amount"], currency=found["currency"], status=found["status"],
        amount_refunded=found["amount_refunded"], gateway=found["gateway"], gateway_reference=found["gateway_reference"],
        reference=found["reference"], description=found["description"] or "", method_type=found["type"],
        method_brand=found["payment_method.brand"], method_last4=found["payment_method.last4"],
        failure_code=found["failure_code"], failure_message=found["failure_message"],
        shares=tuple((invoice, amount) for invoice, amount in found["shares"]),
        created_at=datetime.fromisoformat(found["created_at"]),
        completed_at=datetime.fromisoformat(found["completed_at"]) if found["completed_at"] else None,
        file_lines=(row.line,),
    )  # fmt: skip


def _amounts(values: Mapping[str, str], reasons: list[str]) -> dict[str, Any]:
    amount = attempt(reasons, read_whole, "amount", values["amount"]) if "amount" in values else None
    if "amount" not in values:
        reasons.append("amount is empty")
    if amount is not None and not 0 < amount <= MAX_AMOUNT:
        reasons.append("amount is not positive")
    status = values.get("status", "complete").lower()
    if status not in ENDED:
        reasons.append(f"status is not one of those in which a payment has ended: {', '.join(ENDED)}")
    stated = (
        attempt(reasons, read_whole, "amount_refunded", values["amount_refunded"])
        if "amount_refunded" in values
        else None
    )
    refunded = stated if stated is not None else ((amount or 0) if status == "refunded" else 0)
    if status in CAPTURED and amount is not None:
        if not 0 <= refunded <= amount:
            reasons.append("amount_refunded is not between nothing and the amount")
        expected = "complete" if refunded == 0 else "refunded" if refunded == amount else "partially_refunded"
        if status not in (expected, "complete"):
            reasons.append("status and amount_refunded contradict each other")
        status = expected
    elif refunded:
        reasons.append("amount_refunded is given, but nothing was paid")
    return {"amount": amount, "status": status, "amount_refunded": refunded}


def _read_shares(field: str, text: str) -> list[tuple[str, int | None]]:
    """The invoices that a payment paid: ids or numbers between semicolons, or the API's list of objects as JSON."""
    if not text.startswith("["):
        return [(key_text(part), None) for part in text.split(";") if part.strip()]
    try:
        shares = [(str(share["invoice"]), share["amount"]) for share in json.loads(text)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueRefused(f"{field} is not a list of invoices and amounts") from None
    if any(type(amount) is not int or amount <= 0 for _, amount in shares):
        raise ValueRefused(f"{field} has an amount that is not a positive number of minor units")
    return shares
