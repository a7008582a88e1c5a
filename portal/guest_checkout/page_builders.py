"""Builds the pages below a pay link from those of the customer, by leaving out what is not the invoice's. No queries, no texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from portal.checkout.pages import ChoosePage, ReviewPage
from portal.guest_checkout.pages import PayLinkPage, PayLinkPaymentPage, PayLinkReviewPage
from portal.invoices.pages import InvoicePage, TransferWay
from portal.payment_methods.pages import MethodLabel
from portal.payments.pages import PaymentPage


def build_pay_link_page(
    invoice: InvoicePage,
    choice: ChoosePage | None,
    *,
    path: str,
    payee: str,
    shows_buyer: bool,
    transfer: TransferWay | None,
    payment_id: str | None,
    receipt_of: str | None,
    ends_on: date | None,
    has_mail: bool,
) -> PayLinkPage:
    """Build the page of the invoice. `payment_id` is the payment by this link that holds it, `receipt_of` the one that paid last.
    `transfer` is shown where the invoice can be paid so; that it was done nobody says here (docs/pay-links.md)."""
    state = _state(invoice, choice, is_ours=payment_id is not None)
    return PayLinkPage(
        path=path,
        state=state,
        invoice=replace(
            invoice, payments=(), in_progress=None, pay_with=None, refund_method="", rest_url=None, pay_url=None,
            credit_notes=tuple(replace(note, id="") for note in invoice.credit_notes),
        ),
        buyer=invoice.buyer if shows_buyer and invoice.buyer.name else None,
        payee=payee,
        choice=_without_addresses(choice, path) if choice is not None and state == "payable" else None,
        transfer=transfer if state in ("payable", "closed") else None,
        payment_url=f"{path}/payments/{payment_id}" if payment_id else None,
        pdf_url=f"{path}/invoice.pdf" if shows_buyer else None,
        receipt_url=receipt_path(path, receipt_of),
        ends_on=ends_on,
        has_mail=has_mail,
    )  # fmt: skip


def build_pay_link_review(review: ReviewPage, *, path: str, is_ours: bool, has_mail: bool) -> PayLinkReviewPage:
    """Build the review. `is_ours`: the other payment, which holds or paid the invoice, was made by this link too."""
    shown = replace(
        review,
        change_url=path,
        back_url=path,
        other_payment_id=review.other_payment_id if is_ours else None,
        receipt_to=None,
        open_after=0,
    )
    return PayLinkReviewPage(path, shown, has_mail)


def build_pay_link_payment(
    payment: PaymentPage, *, path: str, ends_on: date | None, has_mail: bool
) -> PayLinkPaymentPage:
    """Build a payment's page. Who else has the link sees it too: the digits of a card and of a telephone are left out."""
    is_captured = payment.status in ("complete", "partially_refunded", "refunded")
    shown = replace(
        payment,
        method=_without_digits(payment.method),
        refunds=tuple(replace(refund, method="") for refund in payment.refunds),
        retry_url=path if payment.retry_url else None,
        rest_url=None,
        receipt_to=None,
        still_open=None,
        has_mail=has_mail,
    )
    return PayLinkPaymentPage(path, shown, receipt_path(path, payment.id if is_captured else None), ends_on, has_mail)


def receipt_path(path: str, payment_id: str | None) -> str | None:
    """Return the path of a receipt by this link."""
    return f"{path}/receipt.pdf?payment={payment_id}" if payment_id else None


def _state(invoice: InvoicePage, choice: ChoosePage | None, *, is_ours: bool) -> str:
    if invoice.status not in ("open", "partially_paid"):
        return invoice.status
    if is_ours:
        return "ours"
    if invoice.in_progress is not None or (choice is not None and choice.faults.get("invoice") == "in_progress"):
        return "being_paid"
    return "payable" if choice is not None and not choice.nothing and choice.has_ways else "closed"


def _without_addresses(choice: ChoosePage, path: str) -> ChoosePage:
    """Return the choice with the addresses of its currencies below this link; the customer's own are no part of it."""
    offers = tuple(replace(offer, url=f"{path}?currency={offer.currency}") for offer in choice.currencies)
    return replace(choice, currencies=offers, others=(), methods=(), held_by=None, in_progress_payment_id=None)


def _without_digits(label: MethodLabel | None) -> MethodLabel | None:
    return MethodLabel(label.type, label.brand, bank_name=label.bank_name) if label is not None else None
