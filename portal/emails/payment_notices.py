"""Composes the notices about payments: receipts, refunds, credit that was added, payments that failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from portal.database import Reader
from portal.emails.destinations import payment_url
from portal.emails.notices import Composed, Writing
from portal.emails.pages import PaymentFailedMail, ReceiptLine, ReceiptMail, RefundMail, SurplusMail
from portal.emails.sending import Paper
from portal.events.queries import find_person_of
from portal.events.rules import EventType
from portal.invoices.queries.invoices import StoredInvoice, find_invoices
from portal.invoices.rules import is_payable, title_without_number
from portal.notice_kinds import CREDIT_ADDED, PAYMENT_FAILED, RECEIPT, REFUND, REFUND_RETURNED
from portal.payment_methods.pages import method_name
from portal.payments.queries.payments import StoredPayment, find_newer_payment, get_payment, list_shares
from portal.refunds.queries import get_refund
from portal.tenancy import Scope

_CONFIRMED = frozenset({EventType.PAYMENT_PROCESSING, EventType.PAYMENT_COMPLETE})
"""The first event of these is that of whoever confirmed a payment; credit alone pays at once."""


def compose_receipt(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A payment is complete. A deleted customer gets no receipt."""
    payment = get_payment(writing.reader, writing.scope, _object_id(payload, "payment"))
    customer = writing.customer(payment.customer_id)
    if customer is None:
        return None
    page = ReceiptMail(
        brand=writing.brand(customer),
        payee=writing.merchant.legal_name,
        amount=payment.amount,
        currency=payment.currency,
        at=(payment.completed_at or payment.updated_at).astimezone(ZoneInfo(writing.merchant.timezone)),
        method=_method_of(payment),
        lines=_receipt_lines(writing.reader, Scope(writing.merchant.id, customer.id), payment),
        credit_amount=payment.credit_amount,
        is_top_up=payment.kind == "top_up",
        link=payment_url(writing.services, writing.merchant, payment.id),
        reference=payment.id,
    )
    number = payment.note if payment.note and not payment.more_count else payment.id
    return Composed(
        RECEIPT, "receipt", customer, page, Paper(payment.id, ("receipt", number)),
        opens=f"/payments/{payment.id}", acted=find_person_of(writing.reader, Scope(writing.merchant.id, customer.id), payment.id, _CONFIRMED),
    )  # fmt: skip


def compose_refund(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A refund is on its way, or the customer's bank returned it; None of the first once the second has happened."""
    refund_id = _object_id(payload, "refund")
    # "told" is in messages that were queued before events were recorded.
    is_returned = payload.get("type") == "refund.failed" or payload.get("told") == "came_back"
    refund = get_refund(writing.reader, writing.scope, refund_id)
    payment = get_payment(writing.reader, writing.scope, refund.payment_id)
    customer = writing.customer(payment.customer_id)
    if customer is None or (refund.status == "failed" and not is_returned):
        return None
    page = RefundMail(
        brand=writing.brand(customer),
        payee=writing.merchant.legal_name,
        amount=refund.amount,
        currency=refund.currency,
        method=_method_of(payment),
        link=payment_url(writing.services, writing.merchant, payment.id),
        reference=refund_id,
        has_come_back=is_returned,
    )
    kind = REFUND_RETURNED if is_returned else REFUND
    return Composed(kind, "refund", customer, page, opens=f"/payments/{payment.id}")


def compose_surplus(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A payment which no invoice could take was added to the customer's credit (threats, rule 23)."""
    payment = get_payment(writing.reader, writing.scope, str(payload["payment"]))
    customer = writing.customer(payment.customer_id)
    if customer is None:
        return None
    page = SurplusMail(
        brand=writing.brand(customer),
        payee=writing.merchant.legal_name,
        amount=int(payload["amount"]),
        currency=payment.currency,
        link=payment_url(writing.services, writing.merchant, payment.id),
        reference=payment.id,
    )
    return Composed(CREDIT_ADDED, "surplus", customer, page, opens=f"/payments/{payment.id}")


def compose_payment_failed(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A payment failed a while ago and nothing was done about it since: no newer payment was begun, and what it was to pay is still
    open, with no payment under way. None of a payment by a pay link either: that was somebody else, whose page says it."""
    payment = get_payment(writing.reader, writing.scope, str(payload["object"]))
    customer = writing.customer(payment.customer_id)
    if payment.status != "failed" or customer is None or customer.blocked or payment.pay_link_id is not None:
        return None
    scope = Scope(writing.merchant.id, customer.id)
    invoices = _invoices_of(writing.reader, scope, payment)
    if find_newer_payment(writing.reader, scope, payment.id, list(invoices)) is not None:
        return None
    if not all(is_payable(each.status, each.amount_due, each.amount_reserved) for each in invoices.values()):
        return None
    first = next(iter(invoices.values()), None)
    opens = f"/invoices/{first.id}" if first is not None and len(invoices) == 1 else "/"
    page = PaymentFailedMail(
        brand=writing.brand(customer),
        amount=payment.amount,
        currency=payment.currency,
        method=_method_of(payment),
        failure_code=payment.failure_code or "",
        lines=tuple(
            ReceiptLine(title_without_number(each.description, each.number), each.number, each.amount_due)
            for each in invoices.values()
        ),
        link=writing.url(opens),
        payment_link=payment_url(writing.services, writing.merchant, payment.id),
        reference=payment.id,
    )
    return Composed(PAYMENT_FAILED, "payment_failed", customer, page, opens=opens)


def _object_id(payload: Mapping[str, Any], former_key: str) -> str:
    """Return the id of the event's object; `former_key` has it in messages that were queued before events were recorded."""
    return str(payload.get("object") or payload[former_key])


def _method_of(payment: StoredPayment) -> str:
    # Who paid by the invoice's link is not the customer, whom these mails go to.
    last4 = payment.method_last4 if payment.pay_link_id is None else None
    return method_name(payment.method_type or "other", payment.method_brand, last4)


def _invoices_of(reader: Reader, scope: Scope, payment: StoredPayment) -> dict[str, StoredInvoice]:
    """Return what a payment was to pay, oldest due first."""
    shares = list_shares(reader, scope, [payment.id])[payment.id]
    found = find_invoices(reader, scope, [share.invoice_id for share in shares])
    return {each.id: each for each in sorted(found.values(), key=lambda each: (each.due_on, each.id))}


def _receipt_lines(reader: Reader, scope: Scope, payment: StoredPayment) -> tuple[ReceiptLine, ...]:
    """Return the lines of a receipt: the amount paid of each invoice, oldest due first, in the payment's currency; the description of
    a payment without an invoice; none of a top-up, which has its own title."""
    shares = [share for share in list_shares(reader, scope, [payment.id])[payment.id] if share.state == "settled"]
    invoices = find_invoices(reader, scope, [share.invoice_id for share in shares])
    shares.sort(key=lambda share: (invoices[share.invoice_id].due_on, share.invoice_id))
    if not shares and payment.kind != "top_up":
        return (ReceiptLine(payment.description, "", payment.amount),)
    return tuple(
        ReceiptLine(
            title_without_number(invoices[share.invoice_id].description, invoices[share.invoice_id].number),
            invoices[share.invoice_id].number,
            share.amount if share.price is None else share.price,
        )
        for share in shares
    )
