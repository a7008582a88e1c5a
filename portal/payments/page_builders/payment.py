"""Builds the page of one payment from rows: how it stands, what happened, and what to do. No queries, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from portal.gateways.contract import PROMPT_WINDOW, PromptChannel
from portal.invoices.queries.invoice_list import OwedSum
from portal.payment_methods.pages import MethodLabel
from portal.payments.page_builders.addresses import retry_url
from portal.payments.page_builders.refunds import build_refund_rows
from portal.payments.pages import PaidInvoice, PaymentPage, Step, StillOpen
from portal.payments.queries.payment_page import PaymentDetail, ShareRecord
from portal.payments.rules.statuses import CAPTURED, ENDED_WITHOUT_MONEY, UNSETTLED, WAITING

if TYPE_CHECKING:
    from portal.refunds.queries import StoredRefund


NEW_FOR = timedelta(hours=1)
"""For how long after a payment its page is the moment after Pay: what is still open, and where the receipt went."""


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
    email: str | None,
    receipt: str | None = None,
    owed: OwedSum | None = None,
    has_tried_to_stop: bool = False,
) -> PaymentPage:
    """Build one payment's page. `can_cancel_at_gateway`: the gateway can stop what the customer has not answered yet;
    `prompt_channels` are its operators of prompts by telephone. `email` is the customer's address, `receipt` what became of the mail,
    and `owed` what they owe in the payment's currency, both None for a payment that is not new. `has_tried_to_stop`: the customer comes
    from there."""
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
    if method is not None and payment.pay_link_id is not None:
        # Who paid by the invoice's link is not the customer who reads this.
        method = MethodLabel(method.type, method.brand, bank_name=method.bank_name)
    is_open_checkout = payment.status == "incomplete" and payment.expires_at > now
    is_being_stopped = payment.is_being_stopped
    can_be_stopped = payment.status in WAITING and can_cancel_at_gateway and not is_being_stopped
    unpaid = _unpaid(payment) if can_pay else []
    retry_amount, retry_currency = _retry_sum(unpaid)
    leaves_a_rest = payment.is_first_of_two and can_pay and payment.status in CAPTURED | UNSETTLED
    rest = sum(share.left for share in payment.shares) if leaves_a_rest else 0
    returning = sum(refund.amount for refund in refunds if refund.status == "pending")
    is_being_sent = payment.is_being_sent(now)
    is_unsent = is_being_sent and payment.sent_at is None
    is_phone_prompt = payment.status == "pending" and method is not None and method.type == "mobile_money"
    prompt = _prompt(payment, prompt_channels, now) if is_phone_prompt and payment.sent_at else None
    is_late = prompt is not None and now >= prompt.answer_by
    is_new = is_just_paid(payment, now)
    return PaymentPage(
        id=payment.id,
        status=payment.status,
        state="returning" if returning else payment.shown_status(now),
        amount=payment.amount,
        currency=payment.currency,
        payee=payee,
        at=(payment.completed_at or payment.created_at).astimezone(zone),
        gateway_name=gateway_name,
        method=method,
        shares=tuple(
            PaidInvoice(
                share.invoice_id,
                share.number,
                share.description or share.number,
                share.amount,
                share.left,
                share.currency,
                share.is_paid,
            )
            for share in payment.shares
            if share.state == "settled" or payment.status not in CAPTURED
        ),
        steps=tuple(
            _steps(
                payment,
                refunds,
                zone,
                is_being_sent=is_being_sent,
                unanswered_at=prompt.answer_by if prompt and is_late else None,
            )
        ),
        refunds=build_refund_rows(refunds, method.name if method else "", zone),
        # The payment's sum includes pending refunds; an imported payment has the sum alone, and no rows of refunds.
        amount_refunded=payment.amount_refunded - returning,
        amount_returning=returning,
        failure_code=payment.failure_code,
        continue_url=_continue_url(payment, root, is_open_checkout=is_open_checkout),
        retry_url=retry_url(root, payment.id, [share.invoice_id for share in unpaid]) if unpaid else None,
        retry_amount=retry_amount,
        retry_currency=retry_currency,
        can_cancel=is_open_checkout or can_be_stopped or is_unsent,
        asked_at=payment.sent_at.astimezone(zone) if prompt and payment.sent_at else None,
        answer_by=prompt.answer_by.astimezone(zone) if prompt else None,
        window_seconds=prompt.window_seconds if prompt else 0,
        seconds_left=max(0, ceil((prompt.answer_by - now).total_seconds())) if prompt else 0,
        is_late=is_late,
        ends_at=payment.expires_at.astimezone(zone) if prompt else None,
        last_checked_at=_last_checked_at(payment, zone),
        zone=str(zone),
        could_not_stop=has_tried_to_stop and payment.status in UNSETTLED and not is_being_stopped,
        is_being_stopped=is_being_stopped,
        is_by_link=payment.pay_link_id is not None,
        dial=prompt.dial_code if prompt else None,
        receipt=(receipt or "") if is_new else "",
        receipt_to=email if is_new and receipt else None,
        is_new=is_new,
        still_open=_still_open(owed, root, can_pay) if is_new and owed and owed.amount else None,
        surplus=payment.surplus,
        credit_amount=payment.credit_amount,
        is_top_up=payment.kind == "top_up",
        rest_url=f"{root}/checkout?split={payment.id}" if rest else None,
        rest_amount=rest,
        has_mail=bool(email),
        is_unasked=payment.has_no_page and payment.status in UNSETTLED and not is_being_sent,
        is_being_sent=is_being_sent,
        is_unsent=is_unsent,
        left_at=_left_at(payment) if payment.status == "abandoned" else "",
    )


def _continue_url(payment: PaymentDetail, root: str, *, is_open_checkout: bool) -> str | None:
    if is_open_checkout:
        return f"{root}/checkout/{payment.id}"
    return None if payment.is_being_stopped else payment.action_url


def _unpaid(payment: PaymentDetail) -> list[ShareRecord]:
    """Return the shares that a failed payment leaves to pay, as far as they can be paid now."""
    return [share for share in payment.shares if share.payable] if payment.status in ENDED_WITHOUT_MONEY else []


def _retry_sum(unpaid: Sequence[ShareRecord]) -> tuple[int, str]:
    """Return amount and currency of a checkout of these invoices, which opens in their own currency; several currencies have no sum."""
    currencies = {share.currency for share in unpaid}
    if len(currencies) != 1:
        return 0, ""
    return sum(share.payable or 0 for share in unpaid), currencies.pop()


def _left_at(payment: PaymentDetail) -> str:
    if payment.sent_at is None:
        # An imported payment was never opened here: where it was left is unknown.
        return "here" if payment.opened_at else ""
    return "gateway" if payment.gateway_page_reference else ""


def _masked(phone: str | None) -> str | None:
    """Return a telephone number as a page shows it: enough for its owner to recognise it."""
    return f"{phone[:4]} •• {phone[-2:]}" if phone else None


def is_just_paid(payment: PaymentDetail, now: datetime) -> bool:
    """Whether the payment was made within the hour, so that its page is the moment after Pay."""
    return payment.status == "complete" and now - (payment.completed_at or payment.updated_at) < NEW_FOR


class _PromptOnPhone(NamedTuple):
    """A prompt on a telephone: when its operator takes it back, in how many seconds from the start, and the code that shows a lost one."""

    answer_by: datetime
    window_seconds: int
    dial_code: str | None


def _prompt(payment: PaymentDetail, channels: Iterable[PromptChannel], now: datetime) -> _PromptOnPhone:
    """Return what the operator of the prompted channel says, or that of the saved method's brand."""
    window, dial_code = PROMPT_WINDOW, None
    for channel in channels:
        if payment.channel in (channel.id, None) and (payment.channel or channel.brand == payment.method_brand):
            window, dial_code = channel.answer_within, channel.dial_code
            break
    sent_at = payment.sent_at or now
    answer_by = min(sent_at + window, payment.expires_at)
    return _PromptOnPhone(answer_by, max(1, int((answer_by - sent_at).total_seconds())), dial_code)


def _last_checked_at(payment: PaymentDetail, zone: tzinfo) -> datetime | None:
    is_open = payment.status in UNSETTLED and payment.checked_at is not None
    return payment.checked_at.astimezone(zone) if is_open and payment.checked_at else None


def _still_open(owed: OwedSum, root: str, can_pay: bool) -> StillOpen:
    pay_url = f"{root}/checkout?outstanding={owed.currency}" if can_pay and owed.free_amount == owed.amount else None
    return StillOpen(owed.amount, owed.payable_count, owed.first_due_on, pay_url)


def _steps(
    payment: PaymentDetail,
    refunds: Sequence[StoredRefund],
    zone: tzinfo,
    *,
    is_being_sent: bool,
    unanswered_at: datetime | None,
) -> list[Step]:
    """Return the steps of a payment, oldest first, the last of which is what is so now. `unanswered_at` is when the
    telephone had not answered in its operator's time."""

    def step(kind: str, at: datetime | None, amount: int | None = None) -> Step:
        return Step(kind, at.astimezone(zone) if at else None, amount)

    steps = [step("created", payment.created_at)]
    if is_being_sent:
        return [*steps, Step("unknown", None)]
    if payment.sent_at:
        steps.append(step(_sent_as(payment), payment.sent_at))
    # The customer was sent to the gateway's page, and may still be there.
    is_on_page = steps[-1].kind == "page_opened" and payment.status == "requires_action"
    if unanswered_at is not None:
        steps.append(step("unanswered", unanswered_at))
    elif payment.status in UNSETTLED and not is_on_page:
        steps.append(Step(_now_happening(payment), None))
    elif payment.status in CAPTURED:
        steps.append(step("complete", payment.completed_at or payment.updated_at))
    elif payment.status in ENDED_WITHOUT_MONEY:
        steps.append(step(payment.status, payment.completed_at or payment.updated_at))
    steps = _in_time_order(steps)
    for refund in refunds:
        if refund.status == "complete":
            steps.append(step("refund", refund.completed_at or refund.created_at, refund.amount))
        elif refund.status == "failed":
            steps.append(step("refund_failed", refund.completed_at or refund.created_at, refund.amount))
    return steps


def _sent_as(payment: PaymentDetail) -> str:
    if not payment.is_by_page:
        return "sent"
    return "page_wanted" if payment.has_no_page else "page_opened"


def _now_happening(payment: PaymentDetail) -> str:
    if payment.is_being_stopped:
        return "unknown"
    if payment.status == "pending":
        return "page_missing" if payment.has_no_page else "waiting"
    return "unknown" if payment.status == "processing" or payment.has_no_page else "action_needed"


def _in_time_order(steps: list[Step]) -> list[Step]:
    """Return the same steps, none later than the one after it: a gateway's clock may differ from ours."""
    in_order: list[Step] = []
    for step in reversed(steps):
        after = in_order[-1].at if in_order else None
        in_order.append(replace(step, at=after) if step.at and after and step.at > after else step)
    return in_order[::-1]
