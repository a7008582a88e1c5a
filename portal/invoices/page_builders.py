"""From rows to what the invoice pages are given: groups, sums, parties and links. No queries, no words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, tzinfo
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from portal.addresses import address_lines
from portal.invoices.pages import (
    CreditNoteRow,
    InvoiceGroup,
    InvoiceLine,
    InvoicePage,
    InvoicePayment,
    InvoiceRow,
    InvoicesPage,
    Owed,
    Party,
    TaxSum,
)
from portal.invoices.queries.invoice_list import InvoiceRecord, OwedSum, is_by_due_date
from portal.invoices.queries.invoice_page import InvoiceDetail
from portal.invoices.rules import MOST_IN_A_PAYMENT, OUTSTANDING, days_overdue, is_payable, taxes_by_rate
from portal.payment_methods.pages import MethodLabel, method_name
from portal.web.pages import Pager

if TYPE_CHECKING:
    from portal.payments.queries.payment_page import InvoiceShare


def build_invoices_page(
    status: str,
    records: Sequence[InvoiceRecord],
    owed: Sequence[OwedSum],
    pager: Pager,
    *,
    has_any: bool,
    today: date,
    root: str,
    can_pay: bool,
) -> InvoicesPage:
    """The list's page. `can_pay` is whether the merchant takes payments here; `root` the prefix of its pages."""
    rows = [build_invoice_row(record, today) for record in records]
    return InvoicesPage(
        status=status,
        groups=tuple(_groups(records, rows, by_month=not is_by_due_date(status))),
        owed=tuple(
            Owed(
                each.currency,
                each.amount,
                each.overdue_amount,
                *(pay_urls(each, owed, root) if can_pay else (None, None)),
            )
            for each in owed
            if each.amount
        ),
        pager=pager,
        has_any=has_any,
        counts={
            "outstanding": sum(each.outstanding_count for each in owed),
            "overdue": sum(each.overdue_total_count for each in owed),
        },
    )


def pay_urls(one: OwedSum, owed: Sequence[OwedSum], root: str) -> tuple[str | None, str | None]:
    """Addresses of the checkouts of all that is owed in one currency, and of what is overdue in it, of all that is `owed`.

    None for nothing, and for more invoices than one checkout takes: the button would name a sum that it does not pay.
    """
    can_all = one.amount > 0 and sum(each.outstanding_count for each in owed) <= MOST_IN_A_PAYMENT
    can_overdue = one.overdue_amount > 0 and sum(each.overdue_total_count for each in owed) <= MOST_IN_A_PAYMENT
    return (
        f"{root}/checkout?outstanding={one.currency}" if can_all else None,
        f"{root}/checkout?overdue={one.currency}" if can_overdue else None,
    )


def build_invoice_row(record: InvoiceRecord, today: date) -> InvoiceRow:
    """One invoice in a list: what is left of it while something is to pay, else its total."""
    id, number, status, currency, description, total, paid, credited, reserved, _, due_on = record
    has_title = description and description != number
    return InvoiceRow(
        id,
        description if has_title else number,
        number if has_title else "",
        due_on,
        status,
        total - paid - credited if status in OUTSTANDING else total,
        currency,
        days_overdue(status, due_on, today),
        reserved > 0,
    )


def build_invoice_page(
    invoice: InvoiceDetail,
    shares: Iterable[InvoiceShare],
    *,
    seller: Party,
    buyer_name: str,
    country_name: Callable[[str], str],
    zone: tzinfo,
    today: date,
    root: str,
    can_pay: bool,
) -> InvoicePage:
    """One invoice's page. `buyer_name` stands where the invoice froze none; `country_name` turns CM into a country's name."""
    record = invoice.record
    payments = [(share.is_active, _payment(share, zone)) for share in shares]
    may_pay = can_pay and is_payable(record.status, record.amount_due, record.amount_reserved)
    lines = [(_decimal(line.tax_rate), line.amount) for line in invoice.lines]
    return InvoicePage(
        id=record.id,
        number=record.number,
        title=record.description or record.number,
        status=record.status,
        currency=record.currency,
        issued_on=record.issued_on,
        due_on=record.due_on,
        days_overdue=days_overdue(record.status, record.due_on, today),
        seller=seller,
        buyer=_buyer(invoice.bill_to, buyer_name, country_name),
        lines=tuple(
            InvoiceLine(
                line.description or record.description,
                _decimal(line.quantity) or Decimal(0),
                _decimal(line.unit_amount_decimal),
                line.amount,
            )
            for line in invoice.lines
        ),
        taxes=tuple(TaxSum(rate, amount) for rate, amount in taxes_by_rate(invoice.tax, lines)),
        subtotal=invoice.subtotal,
        total=record.total,
        amount_paid=record.amount_paid,
        amount_credited=record.amount_credited,
        amount_due=record.amount_due,
        credit_notes=tuple(CreditNoteRow(note.number, note.issued_on, note.amount_applied) for note in invoice.notes),
        payments=tuple(payment for _, payment in payments),
        in_progress=next((payment for is_active, payment in payments if is_active), None),
        pay_url=f"{root}/checkout?invoice={record.id}" if may_pay else None,
        pay_with=_pay_with(invoice),
        paid_on=invoice.paid_at.astimezone(zone).date() if invoice.paid_at else None,
    )


def _groups(records: Sequence[InvoiceRecord], rows: Sequence[InvoiceRow], *, by_month: bool) -> Iterable[InvoiceGroup]:
    """Rows below the months in which they were issued, or below no heading where the order is that of due dates."""
    if not by_month:
        return [InvoiceGroup(None, tuple(rows))] if rows else []
    groups: list[tuple[date, list[InvoiceRow]]] = []
    for record, row in zip(records, rows, strict=True):
        month = record.issued_on.replace(day=1)
        if not groups or groups[-1][0] != month:
            groups.append((month, []))
        groups[-1][1].append(row)
    return [InvoiceGroup(month, tuple(of_month)) for month, of_month in groups]


def _payment(share: InvoiceShare, zone: tzinfo) -> InvoicePayment:
    brand = share.method_brand
    method = method_name(share.method_type, brand, share.method_last4, brand) if share.method_type else ""
    return InvoicePayment(
        share.payment_id, share.created_at.astimezone(zone).date(), method, share.status, share.amount
    )


def _buyer(bill_to: Mapping[str, Any], name: str, country_name: Callable[[str], str]) -> Party:
    """Whom the invoice is for, as it froze it: company before person, then the address, then the tax number."""

    def text(key: str) -> str:
        return str(bill_to.get(key) or "").strip()

    address: Mapping[str, Any] = bill_to.get("address") or bill_to.get("billing_address") or bill_to
    country = str(address.get("country") or "").strip()
    named = text("company_name") or text("name")
    lines = [
        text("name") if text("company_name") and text("name") != text("company_name") else "",
        *address_lines(address),
        country_name(country) if country else "",
        text("tax_number"),
    ]
    return Party(named or name, tuple(line for line in lines if line))


def _pay_with(invoice: InvoiceDetail) -> MethodLabel | None:
    if invoice.default_method is None:
        return None
    type, brand, last4, nickname, bank_name = invoice.default_method
    return MethodLabel(type=type, brand=brand, last4=last4, nickname=nickname, bank_name=bank_name)


def _decimal(text: str | None) -> Decimal | None:
    """A decimal as the merchant wrote it; None for none, and for what is not one (the page then leaves it out)."""
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
