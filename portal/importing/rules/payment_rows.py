"""From a row of a file to a payment that ended elsewhere. Pure: knows no database.

Amounts are decimals in major units, as in every kind of file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.customers.rules.profiles import email_key
from portal.importing.rules.amounts import read_amount, read_currency
from portal.importing.rules.groups import Built, Group, Keys, Reading
from portal.importing.rules.mapping import Fields
from portal.importing.rules.people import is_total
from portal.importing.rules.refusals import ValueRefused, attempt
from portal.importing.rules.results import Change, Context
from portal.importing.rules.statuses import read_channel, read_payment_status
from portal.importing.rules.values import key_text, read_email, read_phone, read_text
from portal.money import major_units

CAPTURED = ("complete", "partially_refunded", "refunded")
_TEXTS = ("description", "failure_code", "failure_message", "reference", "payment_method.brand", "payment_method.last4")
FIELDS = Fields(
    names=(
        "customer", "customer_email", "customer_phone", "amount", "currency", "status", "channel", "payment_method.type",
        "payment_method.brand", "payment_method.last4", "invoices", "amount_refunded", "failure_code", "failure_message",
        "reference", "gateway", "gateway_reference", "description", "created_at", "completed_at",
    ),
    needed=(
        ("customer", "customer_email", "customer_phone"), ("amount",), ("reference", "gateway_reference"),
        ("created_at", "completed_at"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid, by what the file has: our id or the merchant's reference, an email address, a telephone number (E.164)."""

    name: str | None
    email: str | None
    phone: str | None

    @property
    def email_key(self) -> str | None:
        return email_key(self.email) if self.email else None


@dataclass(frozen=True, slots=True)
class ImportedPayment:
    """A payment of the file. `shares` are (invoice's id or number, minor units or None for as much as fits)."""

    payer: Payer
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
    later_changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentRows:
    """Reads rows of payments."""

    context: Context

    def read(self, values: Mapping[str, str]) -> Reading:
        reasons: list[str] = []
        keys = _keys(values, reasons)
        payload: dict[str, Any] = {"gateway": keys.owner, "gateway_reference": keys.object, **_payer(values, reasons)}
        currency = attempt(reasons, read_currency, "currency", values.get("currency", self.context.merchant.currency))
        payload["currency"] = currency
        payload |= self._amounts(values, currency or self.context.merchant.currency, reasons)
        for field in _TEXTS:
            payload[field] = attempt(reasons, read_text, field, values[field]) if field in values else None
        channel = values.get("payment_method.type") or values.get("channel")
        payload["type"] = attempt(reasons, read_channel, "channel", channel) if channel else None
        shares = values.get("invoices", "")
        payload["shares"] = attempt(reasons, self._read_shares, "invoices", shares, currency) if currency else []
        created_at = self._times(values, payload, reasons)
        return Reading(keys, created_at, payload, reasons)

    def looks_like_row(self, values: Mapping[str, str]) -> bool:
        name = "created_at" if "created_at" in values else "completed_at"
        reasons: list[str] = []
        return name in values and attempt(reasons, self.context.calendar.day, name, values[name]) is not None

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

    def _amounts(self, values: Mapping[str, str], currency: str, reasons: list[str]) -> dict[str, Any]:
        style = self.context.style
        amount = refunded = None
        if "amount" not in values:
            reasons.append("amount is empty")
        else:
            amount = attempt(reasons, read_amount, "amount", values["amount"], currency, style)
        if amount == 0:
            reasons.append("amount is not positive")
        if "amount_refunded" in values:
            refunded = attempt(reasons, read_amount, "amount_refunded", values["amount_refunded"], currency, style)
        word = attempt(reasons, read_payment_status, "status", values["status"]) if "status" in values else "complete"
        if amount is None or word is None:
            return {"amount": amount, "status": word or "", "amount_refunded": 0}
        if amount < 0:
            return {"amount": amount, "status": _of_refund(word, reasons), "amount_refunded": 0}
        status, refunded = _settled(word, amount, abs(refunded) if refunded is not None else None, reasons)
        return {"amount": amount, "status": status, "amount_refunded": refunded}

    def _read_shares(self, field: str, text: str, currency: str) -> list[tuple[str, int | None]]:
        """The invoices that a payment paid: ids or numbers between semicolons, or the API's list of objects as JSON."""
        if not text.startswith("["):
            return [(key_text(part), None) for part in text.split(";") if part.strip()]
        try:
            shares = [(str(share["invoice"]), share["amount"]) for share in json.loads(text, parse_float=Decimal)]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueRefused(f"{field} is not a list of invoices and amounts") from None
        found: list[tuple[str, int | None]] = []
        for invoice, amount in shares:
            if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
                raise ValueRefused(f"{field} is not a list of invoices and amounts")
            minor = read_amount(f"{field}: amount", str(amount), currency, self.context.style)
            if minor <= 0:
                raise ValueRefused(f"{field} has an amount that is not positive")
            found.append((invoice, minor))
        return found


def build_payment(_: Context, group: Group) -> Built:
    """Return the payment of its row, less the refunds that have rows of their own: amounts below zero under the same reference.

    A second payment under one reference is refused, and so is a refund without its payment.
    """
    good = [row for row in group.rows if row.reason is None]
    refused = {row.line: "; ".join(row.payload["reasons"]) for row in good if row.payload.get("reasons")}
    kept = [row for row in good if row.line not in refused]
    paid = next((row for row in kept if row.payload["amount"] > 0), None)
    refunds = [row for row in kept if row.payload["amount"] < 0]
    if paid is None:
        reason = "amount is below zero, and the payment that it refunds is not in the file under this reference"
        return Built(None, refused | {row.line: reason for row in refunds})
    refused |= {row.line: f"line {paid.line} is of the same payment" for row in kept if row not in (paid, *refunds)}
    try:
        status, refunded = _after_refunds(paid.payload, [row.payload for row in refunds])
    except ValueRefused as fault:
        return Built(None, refused | {row.line: str(fault) for row in (paid, *refunds)})
    lines = tuple(sorted(row.line for row in (paid, *refunds)))
    return Built(_payment(paid.payload, status, refunded, lines), refused)


def _after_refunds(paid: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """Return status and refunded amount of a payment with its refunds. What its own row says has to be the same."""
    if not refunds:
        return paid["status"], paid["amount_refunded"]
    total = -sum(row["amount"] for row in refunds)
    if any(row["currency"] != paid["currency"] for row in refunds):
        raise ValueRefused("the payment and its refund differ in currency")
    if paid["status"] not in CAPTURED:
        raise ValueRefused("the payment was not complete, and has a refund")
    if paid["amount_refunded"] not in (0, total):
        raise ValueRefused("amount_refunded is not what the refunds of this payment come to")
    if total > paid["amount"]:
        raise ValueRefused("the refunds of this payment come to more than its amount")
    return "refunded" if total == paid["amount"] else "partially_refunded", total


def _payment(found: Mapping[str, Any], status: str, refunded: int, lines: tuple[int, ...]) -> ImportedPayment:
    return ImportedPayment(
        payer=Payer(found.get("customer"), found.get("email"), found.get("phone")),
        amount=found["amount"], currency=found["currency"], status=status,
        amount_refunded=refunded, gateway=found["gateway"], gateway_reference=found["gateway_reference"],
        reference=found["reference"], description=found["description"] or "", method_type=found["type"],
        method_brand=found["payment_method.brand"], method_last4=found["payment_method.last4"],
        failure_code=found["failure_code"], failure_message=found["failure_message"],
        shares=tuple((invoice, amount) for invoice, amount in found["shares"]),
        created_at=datetime.fromisoformat(found["created_at"]),
        completed_at=datetime.fromisoformat(found["completed_at"]) if found["completed_at"] else None,
        file_lines=lines,
    )  # fmt: skip


def preview(payment: ImportedPayment) -> tuple[str, ...]:
    """Return the payment in the cells of `PREVIEW_HEAD`."""
    payer = payment.payer
    return (
        payment.gateway_reference,
        payer.name or payer.email or payer.phone or "",
        payment.created_at.date().isoformat(),
        f"{major_units(payment.amount, payment.currency):f} {payment.currency}",
        payment.status,
    )


PREVIEW_HEAD = ("reference", "customer", "created_at", "amount", "status")


def _keys(values: Mapping[str, str], reasons: list[str]) -> Keys:
    """Gateway and its reference, or the merchant's own, by which the payment is found again."""
    text = values.get("gateway_reference") or values.get("reference")
    if not text:
        reasons.append("reference and gateway_reference are empty")
    elif is_total(text):
        reasons.append("this looks like the totals of a report, which are no payment")
    reference = attempt(reasons, read_text, "gateway_reference", key_text(text), 200) if text else None
    gateway = attempt(reasons, read_text, "gateway", key_text(values.get("gateway", "import")), 100)
    return Keys(object=reference, owner=gateway)


def _payer(values: Mapping[str, str], reasons: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    if "customer" in values:
        found["customer"] = key_text(values["customer"])
    if "customer_email" in values:
        found["email"] = attempt(reasons, read_email, "customer_email", values["customer_email"])
    if "customer_phone" in values:
        found["phone"] = attempt(reasons, read_phone, "customer_phone", values["customer_phone"], None)
    if not found:
        reasons.append("customer is empty")
    return found


def _of_refund(status: str, reasons: list[str]) -> str:
    """Return the status of a refund's own row; one that did not take place refunds nothing."""
    if status not in CAPTURED:
        reasons.append("amount is below zero, a refund, and its status says that it was not made")
    return "refunded"


def _settled(status: str, amount: int, stated: int | None, reasons: list[str]) -> tuple[str, int]:
    """Return status and refunded amount as they agree; the amounts decide between refunded in full and in part."""
    if status == "partially_refunded" and stated is None:
        reasons.append("status is partially_refunded, and nothing says how much: --map amount_refunded=Column")
    refunded = stated if stated is not None else (amount if status == "refunded" else 0)
    if status not in CAPTURED:
        if refunded:
            reasons.append("amount_refunded is given, but nothing was paid")
        return status, 0
    if refunded > amount:
        reasons.append("amount_refunded is more than the amount")
    if refunded == 0 and status != "complete" and stated is not None:
        reasons.append("status and amount_refunded contradict each other")
    return "complete" if refunded == 0 else "refunded" if refunded >= amount else "partially_refunded", refunded
