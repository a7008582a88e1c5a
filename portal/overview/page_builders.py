"""From rows to what the overview is given: a panel a currency, what wants attention, the newest payments. No queries, no words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, tzinfo

from portal.invoices.page_builders import pay_urls
from portal.invoices.queries.invoice_list import OwedSum
from portal.merchants.rules.payment_options import PaymentOptions
from portal.overview.pages import Attention, Credit, DueInvoice, OverviewPage, OwedPanel
from portal.overview.queries import Account, DueRecord
from portal.payment_methods.page_builders import build_method_label
from portal.payment_methods.rules import method_state, preferred_method
from portal.payments.page_builders import build_payment_rows

MOST_ATTENTION = 3
MOST_INVOICES = 3


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
    """The overview. `root` is the prefix of the merchant's pages, `can_pay` whether it takes payments here, `options` how."""
    proposed = preferred_method(account.methods, today)
    top_up = usual_currency if usual_currency in options.top_ups else next(iter(sorted(options.top_ups)), None)
    return OverviewPage(
        first_name=first_name,
        owed=tuple(
            _panel(each, due, today, pay_urls(each, owed, root) if can_pay else (None, None), options)
            for each in owed
            if each.amount
        ),
        attention=tuple(_attention(account, today, root)[:MOST_ATTENTION]),
        payments=tuple(build_payment_rows(account.newest, account.refunds, zone=zone, root=root, can_pay=can_pay)),
        pay_with=build_method_label(proposed) if proposed else None,
        credits=tuple(Credit(amount, currency) for amount, currency in account.credits),
        top_up_url=f"{root}/checkout?top_up={top_up}" if top_up and can_pay else None,
    )


def _panel(
    owed: OwedSum, due: Iterable[DueRecord], today: date, urls: tuple[str | None, str | None], options: PaymentOptions
) -> OwedPanel:
    records = [record for record in due if record.currency == owed.currency][:MOST_INVOICES]
    first_due_on = records[0].due_on if records else owed.first_due_on
    return OwedPanel(
        currency=owed.currency,
        amount=owed.amount,
        count=owed.payable_count,
        invoices=tuple(_due_invoice(record, today) for record in records),
        pay_all_url=urls[0],
        pay_overdue_url=urls[1],
        overdue_amount=owed.overdue_amount,
        overdue_count=owed.overdue_count,
        longest_overdue_days=max(0, (today - first_due_on).days),
        pending_amount=owed.pending_amount,
        pay_part_url=f"{urls[0]}&amount=other" if urls[0] and options.amount_mode == "editable" else None,
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


def _attention(account: Account, today: date, root: str) -> list[Attention]:
    """What went wrong and is not made good, what waits for the customer, then cards: the default that has run out, and
    any that soon will."""
    failed = [payment for payment in account.troubled if payment.unpaid_invoices]
    waiting = [payment for payment in account.troubled if payment.status == "requires_action"]
    found = [
        Attention("payment_failed", f"{root}/payments/{each.id}", each.amount, each.currency, each.failure_code)
        for each in failed[:1]
    ]
    found += [
        Attention(
            "action_needed" if each.method_type else "page_unfinished",
            f"{root}/payments/{each.id}",
            each.amount,
            each.currency,
        )
        for each in waiting[:1]
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
