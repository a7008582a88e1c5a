"""Builds the overview from rows: a panel for each currency, what is under way, what needs attention, the newest payments. No queries,
no texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, tzinfo

from portal.invoices.page_builders import pay_urls
from portal.invoices.queries.invoice_list import OwedSum
from portal.merchants.rules.payment_options import PaymentOptions
from portal.overview.pages import Attention, Credit, DueInvoice, OverviewPage, OwedPanel, UnderWay
from portal.overview.queries import Account, DueRecord, MovingSum
from portal.payment_methods.page_builders import build_method_label
from portal.payment_methods.rules import method_state, preferred_method
from portal.payments.page_builders.history import build_payment_rows
from portal.payments.queries.history import PaymentRecord

MAX_ATTENTION = 3
MAX_INVOICES = 3
MAX_MOVING = 5
_WAITING = "requires_action"


def build_overview_page(
    first_name: str,
    owed: Sequence[OwedSum],
    due: Sequence[DueRecord],
    account: Account,
    *,
    zone: tzinfo,
    today: date,
    root: str,
    can_pay: bool,
    options: PaymentOptions,
    usual_currency: str,
) -> OverviewPage:
    """Build the overview. `root` is the prefix of the merchant's pages, `can_pay` whether it accepts payments here, `options` how."""
    proposed = preferred_method(account.methods, today)
    top_up = usual_currency if usual_currency in options.top_ups else next(iter(sorted(options.top_ups)), None)
    under_way = _under_way(account, root)
    waiting = [payment for payment in account.moving if payment.status == _WAITING]
    moving = [payment for payment in account.moving if payment.status != _WAITING]
    state = _state(owed, under_way)
    to_confirm = _waiting_attention(waiting[0], root) if state == "waiting" and waiting else None
    attention = [_waiting_attention(each, root) for each in waiting if to_confirm is None or each is not waiting[0]]
    return OverviewPage(
        first_name=first_name,
        state=state,
        owed=tuple(
            _panel(each, due, today, pay_urls(each, owed, root) if can_pay else (None, None), options, under_way)
            for each in owed
            if each.amount
        ),
        under_way=under_way,
        moving=tuple(build_payment_rows(moving[:MAX_MOVING], (), zone=zone, root=root, can_pay=can_pay)),
        to_confirm=to_confirm,
        attention=tuple((attention + _attention(account, today, root))[:MAX_ATTENTION]),
        payments=tuple(build_payment_rows(account.newest, account.refunds, zone=zone, root=root, can_pay=can_pay)),
        pay_with=build_method_label(proposed) if proposed else None,
        credits=tuple(Credit(amount, currency) for amount, currency in account.credits),
        top_up_url=f"{root}/checkout?top_up={top_up}" if top_up and can_pay else None,
    )


def _state(owed: Sequence[OwedSum], under_way: Sequence[UnderWay]) -> str:
    if any(each.amount for each in owed):
        return "owed"
    if any(each.waiting_count for each in under_way):
        return "waiting"
    is_held = any(each.pending_amount for each in owed)
    return "on_its_way" if is_held or any(each.count for each in under_way) else "settled"


def _under_way(account: Account, root: str) -> tuple[UnderWay, ...]:
    currencies = dict.fromkeys(each.currency for each in account.under_way)
    return tuple(_under_way_in(currency, account, root) for currency in sorted(currencies))


def _under_way_in(currency: str, account: Account, root: str) -> UnderWay:
    def total(sums: Sequence[MovingSum]) -> tuple[int, int]:
        return sum(each.amount for each in sums), sum(each.payment_count for each in sums)

    sums = [each for each in account.under_way if each.currency == currency]
    amount, count = total([each for each in sums if each.status != _WAITING])
    waiting_amount, waiting_count = total([each for each in sums if each.status == _WAITING])
    named = [each for each in account.moving if (each.status, each.currency) == (_WAITING, currency)]
    is_one = waiting_count == 1 and len(named) == 1
    waiting_url = f"{root}/payments/{named[0].id}" if is_one else f"{root}/payments?status={_WAITING}"
    return UnderWay(currency, amount, count, waiting_amount, waiting_count, waiting_url)


def _panel(
    owed: OwedSum,
    due: Iterable[DueRecord],
    today: date,
    urls: tuple[str | None, str | None],
    options: PaymentOptions,
    under_way: Iterable[UnderWay],
) -> OwedPanel:
    records = [record for record in due if record.currency == owed.currency][:MAX_INVOICES]
    first_due_on = records[0].due_on if records else owed.first_due_on
    return OwedPanel(
        currency=owed.currency,
        amount=owed.amount,
        count=owed.payable_count,
        invoices=tuple(_due_invoice(record, today) for record in records),
        pay_all_url=urls[0],
        pay_overdue_url=urls[1],
        overdue_amount=owed.free_overdue_amount,
        overdue_count=owed.overdue_count,
        longest_overdue_days=max(0, (today - first_due_on).days),
        pending_amount=sum(each.amount for each in under_way if each.currency == owed.currency),
        pay_part_url=f"{urls[0]}&amount=other" if urls[0] and options.amount_mode == "editable" else None,
        free_amount=owed.free_amount,
        more_amount=owed.amount - sum(record.left for record in records),
    )


def _due_invoice(record: DueRecord, today: date) -> DueInvoice:
    has_title = record.description and record.description != record.number
    return DueInvoice(
        id=record.id,
        title=record.description if has_title else record.number,
        number=record.number if has_title else "",
        due_on=record.due_on,
        amount=record.left,
        days_overdue=max(0, (today - record.due_on).days),
    )


def _waiting_attention(payment: PaymentRecord, root: str) -> Attention:
    return Attention(
        "action_needed" if payment.method_type else "page_unfinished",
        f"{root}/payments/{payment.id}",
        payment.amount,
        payment.currency,
        title=payment.description or payment.note,
    )


def _attention(account: Account, today: date, root: str) -> list[Attention]:
    """Return the newest failed payment whose invoices are still unpaid, then cards: an expired default, and any that expires soon."""
    failed = [payment for payment in account.troubled if payment.unpaid_invoices]
    found = [
        Attention(
            "payment_failed",
            f"{root}/payments/{each.id}",
            each.amount,
            each.currency,
            each.failure_code,
            title=each.description or each.note,
        )
        for each in failed[:1]
    ]
    states = [(method_state(method, today), method) for method in account.methods]
    for kind, state in (("method_expired", "expired"), ("method_expiring", "expiring")):
        for method in (method for its_state, method in states if its_state == state):
            if state == "expiring" or method.is_default:
                label = build_method_label(method)
                found.append(
                    Attention(kind, f"{root}/payment-methods/{method.id}", method=label.name, expiry=label.expiry)
                )
    return found
