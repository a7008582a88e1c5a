"""From rows to what the checkout's two steps are given. No queries, no words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo

from portal.checkout.pages import ChoosePage, InvoiceChoice, MethodChoice, ReviewPage
from portal.checkout.queries import Checkout, Payable
from portal.payment_methods.page_builders import build_method_row
from portal.payment_methods.pages import MethodLabel
from portal.payment_methods.queries import MethodRecord
from portal.payment_methods.rules import preferred_method
from portal.payments.amounts import Part
from portal.payments.checkouts import NEW_METHOD
from portal.payments.page_builders import checkout_url, retry_url
from portal.payments.pages import PaidInvoice
from portal.payments.shares import Share, shown_version

MOST_OTHERS = 10
MOST_CHANGEABLE = 50
"""Invoices up to which each can be left out and others added: such an address names all, and web servers take no longer one."""


def build_choose_page(
    chosen: Sequence[Payable],
    payable: Sequence[Payable],
    methods: Sequence[MethodRecord],
    *,
    payment_method: str | None,
    save_method: bool,
    payee: str,
    gateway_name: str,
    can_add: bool,
    can_save: bool,
    usual_currency: str,
    root: str,
    today: date,
    zone: tzinfo,
    faults: Mapping[str, str],
    in_progress_payment_id: str | None,
) -> ChoosePage:
    """Step one. `chosen` are the invoices to pay, `payable` all that could be; `payment_method` is None on a first visit."""
    currency = chosen[0].currency if chosen else (payable[0].currency if payable else usual_currency)
    ids = [invoice.id for invoice in chosen]
    can_change = len(ids) < MOST_CHANGEABLE
    others = [
        invoice for invoice in payable if invoice.id not in ids and invoice.currency == currency and not invoice.is_held
    ]
    proposed = preferred_method(methods, today)
    return ChoosePage(
        invoices=tuple(
            _choice(invoice, today, _without(root, ids, invoice.id) if can_change and len(ids) > 1 else None)
            for invoice in chosen
        ),
        others=tuple(
            _choice(invoice, today, checkout_url(root, [*ids, invoice.id]))
            for invoice in others[: MOST_OTHERS if can_change else 0]
        ),
        methods=tuple(
            MethodChoice(row.id, row.label, row.state, row.is_default)
            for row in (build_method_row(method, today=today, zone=zone) for method in methods)
        ),
        amount=sum(invoice.amount_due for invoice in chosen),
        currency=currency,
        payee=payee,
        gateway_name=gateway_name,
        chosen=payment_method
        if payment_method is not None
        else (proposed.id if proposed else NEW_METHOD if can_add else ""),
        can_add=can_add,
        can_save=can_add and can_save,
        save_method=save_method,
        faults=dict(faults),
        in_progress_payment_id=in_progress_payment_id,
    )


def build_review_page(
    checkout: Checkout,
    *,
    is_ended: bool,
    has_changed: bool,
    method: MethodLabel | None,
    payee: str,
    gateway_name: str,
    root: str,
    in_progress_payment_id: str | None,
) -> ReviewPage:
    """Step two, with the amounts as they are now; `has_changed` when they are not those that were shown before."""
    pricing = checkout.price_now()
    if is_ended:
        state = "expired"
    elif pricing is None:
        state = "settled"
    elif any(share.is_held and share.due for share in checkout.shares):
        state = "in_progress"
    elif has_changed or shown_version(checkout.id, pricing, None) != shown_version(checkout.id, checkout.chosen, None):
        state = "changed"
    else:
        state = "ready"
    shown = pricing or checkout.chosen
    shares = {share.invoice_id: share for share in checkout.shares}
    paid = [(part, shares[part.invoice_id]) for part in shown.parts] if pricing else []
    return ReviewPage(
        payment_id=checkout.id,
        state=state,
        amount=shown.charge if pricing else 0,
        currency=checkout.currency,
        payee=payee,
        shares=tuple(
            PaidInvoice(part.invoice_id, share.number, share.title, part.price, left=_left(share, part))
            for part, share in paid
        ),
        method=method,
        gateway_name=gateway_name,
        version=shown_version(checkout.id, shown, checkout.payment_method_id),
        change_url=retry_url(root, checkout.id, [part.invoice_id for part, _ in paid]) if paid else f"{root}/invoices",
        credit_amount=shown.credit,
        is_top_up=checkout.kind == "top_up",
        rest_amount=_rest(checkout) - shown.total if checkout.splits and pricing else 0,
        phone=checkout.phone,
        in_progress_payment_id=in_progress_payment_id,
    )


def _left(share: Share, part: Part) -> int:
    """What stays open of the invoice after this payment, in its own currency."""
    return share.due.left - part.share if share.due else 0


def _rest(checkout: Checkout) -> int:
    """All that is due of the invoices of the checkout, in its currency."""
    return sum(share.due.price_in(checkout.currency) or 0 for share in checkout.shares if share.due)


def _choice(invoice: Payable, today: date, change_url: str | None) -> InvoiceChoice:
    return InvoiceChoice(
        id=invoice.id,
        title=invoice.title,
        number=invoice.number if invoice.title != invoice.number else "",
        due_on=invoice.due_on,
        days_overdue=max(0, (today - invoice.due_on).days),
        amount=invoice.amount_due,
        change_url=change_url,
    )


def _without(root: str, ids: Sequence[str], left_out: str) -> str:
    return checkout_url(root, [invoice_id for invoice_id in ids if invoice_id != left_out])
