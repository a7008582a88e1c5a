"""Builds the payment pages from rows: titles, months, steps and links. No queries, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from portal.gateways.contract import PromptChannel
from portal.payment_methods.pages import MethodLabel, method_name
from portal.payments.pages import (
    PaidInvoice,
    PaymentMonth,
    PaymentPage,
    PaymentRow,
    PaymentsPage,
    RefundRow,
    Step,
)
from portal.payments.queries.history import PaymentRecord, RefundRecord
from portal.payments.queries.payment_page import PaymentDetail, ShareRecord
from portal.payments.rules import sending
from portal.payments.rules.statuses import CAPTURED, ENDED_WITHOUT_MONEY, UNSETTLED
from portal.web.pages import Pager

if TYPE_CHECKING:
    from portal.refunds.queries import StoredRefund

MAX_INVOICES = 20
"""How many invoices the address of a checkout lists."""


def build_payments_page(status: str, rows: Sequence[PaymentRow], pager: Pager, *, has_any: bool) -> PaymentsPage:
    """Build the history's page: rows, newest first, grouped by the month in which they were made."""
    months: list[list[PaymentRow]] = []
    month = None
    for row in rows:
        if month != (month := (row.on.year, row.on.month)):
            months.append([])
        months[-1].append(row)
    return PaymentsPage(
        status=status,
        months=tuple(PaymentMonth(rows_of_month[0].on, tuple(rows_of_month)) for rows_of_month in months),
        pager=pager,
        has_any=has_any,
    )


def build_payment_rows(
    records: Iterable[PaymentRecord], refunds: Iterable[RefundRecord], *, zone: tzinfo, root: str, can_pay: bool
) -> list[PaymentRow]:
    """Build the rows of a list of payments, each with its refunds. `root` is the prefix of the merchant's pages; `can_pay`
    is whether the merchant accepts payments here at all."""
    refunds_of: dict[str, list[RefundRecord]] = {}
    for refund in refunds:
        refunds_of.setdefault(refund.payment_id, []).append(refund)
    rows = []
    # Unpacked rather than read by name: 25 rows of a page are most of what its view does.
    for (
        id, status, currency, amount, _, description, note, more_count, kind, method_type, brand, last4, failure_code, created_at,
        unpaid, _,
    ) in records:  # fmt: skip
        method = method_name(method_type, brand, last4, brand) if method_type else ""
        has_title = description and description != note
        rows.append(
            PaymentRow(
                id,
                description if has_title else note,
                note if has_title else "",
                created_at.astimezone(zone).date(),
                method,
                status,
                amount,
                currency,
                more_count,
                failure_code,
                retry_url(root, id, unpaid.split()) if unpaid and can_pay else None,
                _refund_rows(refunds_of[id], method, zone) if id in refunds_of else (),
                kind == "top_up",
            )
        )
    return rows


def build_payment_page(
    payment: PaymentDetail,
    refunds: Sequence[StoredRefund],
    *,
    payee: str,
    gateway_name: str,
    can_cancel_at_gateway: bool,
    prompt_channels: Sequence[PromptChannel],
    zone: tzinfo,
    root: str,
    now: datetime,
    can_pay: bool,
    has_mail: bool,
) -> PaymentPage:
    """Build one payment's page. `can_cancel_at_gateway`: the gateway can stop what the customer has not answered yet;
    `prompt_channels` are its operators of prompts by telephone; `has_mail`: a receipt can reach the customer."""
    method = None
    if payment.method_type:
        is_bank = payment.method_type == "bank_account"
        method = MethodLabel(
            type=payment.method_type, brand=None if is_bank else payment.method_brand, last4=payment.method_last4,
            nickname=payment.nickname, phone=payment.phone or _masked(payment.prompted_phone), bank_name=payment.method_brand if is_bank else None,
            exp_month=payment.exp_month, exp_year=payment.exp_year,
        )  # fmt: skip
    elif payment.channel:
        # A telephone that was prompted, before the gateway has returned its details.
        brand = next((channel.brand for channel in prompt_channels if channel.id == payment.channel), None)
        phone = payment.prompted_phone or ""
        method = MethodLabel("mobile_money", brand, phone[-4:] or None, phone=_masked(phone))
    is_open_checkout = payment.status == "incomplete" and payment.expires_at > now
    waits_for_customer = payment.status in ("requires_action", "pending") and can_cancel_at_gateway
    unpaid = _unpaid(payment) if can_pay else []
    retry_amount, retry_currency = _retry_sum(unpaid)
    leaves_a_rest = payment.is_first_of_two and can_pay and payment.status in CAPTURED | UNSETTLED
    rest = sum(share.left for share in payment.shares) if leaves_a_rest else 0
    returning = sum(refund.amount for refund in refunds if refund.status == "pending")
    is_being_sent = _is_being_sent(payment, now)
    is_unsent = is_being_sent and payment.sent_at is None
    is_phone_prompt = payment.status == "pending" and method is not None and method.type == "mobile_money"
    return PaymentPage(
        id=payment.id,
        status=payment.status,
        amount=payment.amount,
        currency=payment.currency,
        payee=payee,
        at=(payment.completed_at or payment.created_at).astimezone(zone),
        gateway_name=gateway_name,
        method=method,
        shares=tuple(
            PaidInvoice(share.invoice_id, share.number, share.description or share.number, share.amount)
            for share in payment.shares
            if share.state == "settled" or payment.status not in CAPTURED
        ),
        steps=tuple(_steps(payment, refunds, zone, is_being_sent=is_being_sent)),
        refunds=_refund_rows(refunds, method.name if method else "", zone),
        # The payment's sum includes pending refunds; an imported payment has the sum alone, and no rows of refunds.
        amount_refunded=payment.amount_refunded - returning,
        amount_returning=returning,
        failure_code=payment.failure_code,
        continue_url=f"{root}/checkout/{payment.id}" if is_open_checkout else payment.action_url,
        retry_url=retry_url(root, payment.id, [share.invoice_id for share in unpaid]) if unpaid else None,
        retry_amount=retry_amount,
        retry_currency=retry_currency,
        can_cancel=is_open_checkout or waits_for_customer or is_unsent,
        asked_at=payment.sent_at.astimezone(zone) if is_phone_prompt and payment.sent_at else None,
        answer_by=payment.expires_at.astimezone(zone) if is_phone_prompt and payment.sent_at else None,
        dial=_dial_code(payment, prompt_channels) if is_phone_prompt else None,
        surplus=payment.surplus,
        credit_amount=payment.credit_amount,
        is_top_up=payment.kind == "top_up",
        rest_url=f"{root}/checkout?split={payment.id}" if rest else None,
        rest_amount=rest,
        has_mail=has_mail,
        is_unasked=_has_no_page(payment) and payment.status in UNSETTLED and not is_being_sent,
        is_being_sent=is_being_sent,
        is_unsent=is_unsent,
        left_at=_left_at(payment) if payment.status == "abandoned" else "",
    )


def _is_being_sent(payment: PaymentDetail, now: datetime) -> bool:
    if payment.status != "processing" or payment.confirmed_at is None:
        return False
    return sending.is_being_sent(payment.last_sent_at or payment.sent_at, payment.updated_at, now)


def _unpaid(payment: PaymentDetail) -> list[ShareRecord]:
    """Return the shares that a failed payment leaves to pay, as far as they can be paid now."""
    return [share for share in payment.shares if share.payable] if payment.status in ENDED_WITHOUT_MONEY else []


def _retry_sum(unpaid: Sequence[ShareRecord]) -> tuple[int, str]:
    """Return amount and currency of a checkout of these invoices, which opens in their own currency; several currencies have no sum."""
    currencies = {share.currency for share in unpaid}
    if len(currencies) != 1:
        return 0, ""
    return sum(share.payable or 0 for share in unpaid), currencies.pop()


def _has_no_page(payment: PaymentDetail) -> bool:
    """Return whether the method was to be entered on the gateway's page whose address we do not have: the response was lost."""
    return _is_by_page(payment) and not (payment.action_url or payment.gateway_page_reference)


def _is_by_page(payment: PaymentDetail) -> bool:
    return payment.method_type is None and payment.channel is None and payment.status not in CAPTURED


def _left_at(payment: PaymentDetail) -> str:
    if payment.sent_at is None:
        # An imported payment was never opened here: where it was left is unknown.
        return "here" if payment.opened_at else ""
    return "gateway" if payment.gateway_page_reference else ""


def _masked(phone: str | None) -> str | None:
    """Return a telephone number as a page shows it: enough for its owner to recognise it."""
    return f"{phone[:4]} •• {phone[-2:]}" if phone else None


def _dial_code(payment: PaymentDetail, channels: Iterable[PromptChannel]) -> str | None:
    """Return the code to dial when no prompt appears: that of the prompted channel, or of the saved method's brand."""
    for channel in channels:
        if payment.channel in (channel.id, None) and (payment.channel or channel.brand == payment.method_brand):
            return channel.dial_code
    return None


def retry_url(root: str, payment_id: str, invoice_ids: Sequence[str]) -> str:
    """Return the address of a checkout of what a payment would have paid; for more than twenty invoices by the payment's id."""
    if len(invoice_ids) > MAX_INVOICES:
        return f"{root}/checkout?payment={payment_id}"
    return checkout_url(root, invoice_ids)


def checkout_url(root: str, invoice_ids: Sequence[str]) -> str:
    """Return the address of a checkout of these invoices."""
    return f"{root}/checkout?" + "&".join(f"invoice={invoice_id}" for invoice_id in invoice_ids)


def _steps(payment: PaymentDetail, refunds: Sequence[StoredRefund], zone: tzinfo, *, is_being_sent: bool) -> list[Step]:
    """Return the steps of a payment, oldest first: past, current, and the one that is still to come."""

    def step(kind: str, at: datetime | None, amount: int | None = None) -> Step:
        return Step(kind, at.astimezone(zone) if at else None, amount)

    steps = [step("created", payment.created_at)]
    if is_being_sent:
        return [*steps, step("sending", payment.confirmed_at), Step("complete", None)]
    if payment.sent_at:
        steps.append(step(_sent_as(payment), payment.sent_at))
    if steps[-1].kind == "page_opened" and payment.status == "requires_action":
        # The customer was sent to the gateway's page, and may still be there.
        steps.append(Step("complete", None))
    elif payment.status in UNSETTLED:
        now_happening = _now_happening(payment)
        steps.append(step(now_happening, payment.checked_at or payment.updated_at))
        if now_happening != "page_missing":
            steps.append(Step("complete", None))
    elif payment.status in CAPTURED:
        steps.append(step("complete", payment.completed_at or payment.updated_at))
    elif payment.status == "incomplete":
        steps.append(Step("complete", None))
    else:
        steps.append(step(payment.status, payment.completed_at or payment.updated_at))
    steps = _in_time_order(steps)
    for refund in refunds:
        if refund.status == "complete":
            steps.append(step("refund", refund.completed_at or refund.created_at, refund.amount))
        elif refund.status == "failed":
            steps.append(step("refund_failed", refund.completed_at or refund.created_at, refund.amount))
    return steps


def _sent_as(payment: PaymentDetail) -> str:
    if not _is_by_page(payment):
        return "sent"
    return "page_wanted" if _has_no_page(payment) else "page_opened"


def _now_happening(payment: PaymentDetail) -> str:
    if payment.status == "pending":
        return "page_missing" if _has_no_page(payment) else "waiting"
    return "unknown" if payment.status == "processing" or _has_no_page(payment) else "action_needed"


def _in_time_order(steps: list[Step]) -> list[Step]:
    """Return the same steps, none later than the one after it: a gateway's clock may differ from ours."""
    in_order: list[Step] = []
    for step in reversed(steps):
        after = in_order[-1].at if in_order else None
        in_order.append(replace(step, at=after) if step.at and after and step.at > after else step)
    return in_order[::-1]


def _refund_rows(refunds: Iterable[RefundRecord | StoredRefund], method: str, zone: tzinfo) -> tuple[RefundRow, ...]:
    return tuple(
        RefundRow(
            (refund.completed_at or refund.created_at).astimezone(zone).date(), refund.amount, refund.currency,
            refund.status, method,
        )
        for refund in refunds
    )  # fmt: skip
