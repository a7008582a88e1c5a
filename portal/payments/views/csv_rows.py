"""The rows of the CSV of payments, one a payment; its words are in the reader's language, all else is the same in every one."""

from __future__ import annotations

from datetime import tzinfo

from portal.money import major_units
from portal.payment_methods.pages import method_name
from portal.payments.queries.filtered_history import ExportRecord
from portal.payments.queries.history import PaymentRecord, read_refunds
from portal.payments.rules.statuses import CAPTURED
from portal.phrases import phrase
from portal.rendering.translations import translator

# The words of the page, which the catalogues have from its templates (a test compares); one is the file's own.
_HEADER = (
    "Date", phrase("Description"), "Invoices", "Payment method", "Status", "Amount", "Refunded", "Currency", "Reference",
)  # fmt: skip
STATUSES = {
    "complete": "Paid", "pending": "On its way", "processing": "Being checked", "sending": "Being sent",
    "requires_action": "To confirm", "incomplete": "Not finished", "failed": "Failed", "rejected": "Declined",
    "canceled": "Cancelled", "abandoned": "Left unfinished", "expired": "Expired", "returning": "Refund on its way",
    "refunded": "Refunded", "partially_refunded": "Partly refunded",
}  # fmt: skip
_BY_CREDIT, _ELSEWHERE, _TOP_UP = "Your credit", "Paid elsewhere", "Added credit"


def csv_header(locale: str) -> list[str]:
    """Return the names of the columns."""
    return [translator(locale).gettext(name) for name in _HEADER]


def csv_row(record: ExportRecord, zone: tzinfo, locale: str) -> list[str]:
    """Return the cells of a payment: the day it was made (ISO, in the merchant's timezone), amounts as decimals with a point.

    As on the page, what is on its way back is not refunded yet.
    """
    payment, translate = record.payment, translator(locale).gettext
    returning = sum(refund.amount for refund in read_refunds([payment]) if refund.status == "pending")
    return [
        payment.created_at.astimezone(zone).date().isoformat(),
        payment.description or (translate(_TOP_UP) if payment.kind == "top_up" else ""),
        ", ".join(record.numbers),
        _method(payment, locale),
        translate(STATUSES["returning" if returning else payment.status]),
        f"{major_units(payment.amount, payment.currency):f}",
        f"{major_units(payment.amount_refunded - returning, payment.currency):f}",
        payment.currency,
        payment.id,
    ]


def _method(payment: PaymentRecord, locale: str) -> str:
    translate = translator(locale).gettext
    if payment.method_type == "credit":
        return translate(_BY_CREDIT)
    name = method_name(payment.method_type or "", payment.method_brand, payment.method_last4, payment.method_brand)
    if not name and payment.status in CAPTURED:
        return translate(_ELSEWHERE)
    return name.replace("\u00a0", " ")
