"""Builds the invoice pages from rows: groups, sums, parties and links. No queries, no texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from portal.addresses import address_lines
from portal.documents.qr_codes import code_picture
from portal.documents.transfer_codes import bank_transfer, transfer_code, transfer_reference
from portal.invoices.pages import (
    CreditNotePage,
    CreditNoteRow,
    InvoiceGroup,
    InvoiceLine,
    InvoicePage,
    InvoicePayment,
    InvoiceRefund,
    InvoiceRow,
    InvoicesPage,
    Owed,
    Party,
    PayLater,
    TaxSum,
    TransferWay,
)
from portal.invoices.queries.invoice_list import InvoiceRecord, ListedInvoice, OwedSum, is_by_due_date
from portal.invoices.queries.invoice_page import InvoiceDetail
from portal.invoices.rules import (
    MAX_INVOICES_PER_PAYMENT,
    OUTSTANDING,
    days_overdue,
    is_payable,
    last_day,
    read_decimal,
    taxes_by_rate,
)
from portal.merchants.rules.merchant_settings import MerchantSettings
from portal.merchants.rules.transfer_settings import TransferAccount
from portal.payment_methods.pages import MethodLabel, method_name
from portal.web.pages import Pager

if TYPE_CHECKING:
    from portal.invoices.queries.credit_notes import StoredCreditNote
    from portal.invoices.queries.invoices import StoredInvoice
    from portal.payments.queries.payment_page import InvoiceShare
    from portal.refunds.queries import StoredRefund


def build_invoices_page(
    status: str,
    records: Sequence[ListedInvoice],
    owed: Sequence[OwedSum],
    pager: Pager,
    *,
    has_any: bool,
    today: date,
    root: str,
    can_pay: bool,
) -> InvoicesPage:
    """Build the list's page. `can_pay` is whether the merchant accepts payments here; `root` the prefix of its pages."""
    rows = [build_invoice_row(record, today) for record in records]
    return InvoicesPage(
        status=status,
        groups=tuple(_groups(records, rows, by_month=not is_by_due_date(status))),
        owed=tuple(
            Owed(
                each.currency,
                each.amount,
                each.free_overdue_amount,
                *(pay_urls(each, owed, root) if can_pay else (None, None)),
                each.payable_count,
                each.free_amount,
            )
            for each in owed
            if each.amount
        ),
        pager=pager,
        has_any=has_any,
        counts={
            "outstanding": sum(each.payable_count for each in owed),
            "overdue": sum(each.overdue_count for each in owed),
        },
        zip_url=_zip_url(records, root),
    )


def _zip_url(records: Sequence[ListedInvoice], root: str) -> str:
    if len(records) < 2:
        return ""
    return f"{root}/invoices.zip?" + "&".join(f"invoice={record.id}" for record in records)


def pay_urls(one: OwedSum, owed: Sequence[OwedSum], root: str) -> tuple[str | None, str | None]:
    """Addresses of the checkouts of all that is owed in one currency, and of what is overdue in it, of all that is `owed`.

    None for nothing, and for more invoices than one checkout may have: the button would name a sum that it does not pay.
    """
    can_all = one.free_amount > 0 and sum(each.outstanding_count for each in owed) <= MAX_INVOICES_PER_PAYMENT
    can_overdue = (
        one.free_overdue_amount > 0 and sum(each.overdue_total_count for each in owed) <= MAX_INVOICES_PER_PAYMENT
    )
    return (
        f"{root}/checkout?outstanding={one.currency}" if can_all else None,
        f"{root}/checkout?overdue={one.currency}" if can_overdue else None,
    )


def build_invoice_row(record: ListedInvoice, today: date) -> InvoiceRow:
    """One invoice in a list: what is free to be paid of it, what payments hold where that is all, else its total."""
    id, number, status, currency, description, total, paid, credited, reserved, _, due_on, standing = record
    has_title = description and description != number
    free = total - paid - credited - reserved
    return InvoiceRow(
        id,
        description if has_title else number,
        number if has_title else "",
        due_on,
        status,
        (free or reserved) if status in OUTSTANDING else total,
        currency,
        days_overdue(status, due_on, today),
        reserved > 0 and free <= 0,
        standing or ("pending" if reserved else ""),
    )


def build_pay_later(
    invoice: InvoiceDetail,
    settings: MerchantSettings,
    *,
    today: date,
    zone: tzinfo,
    typed: str = "",
    fault: str = "",
) -> PayLater | None:
    """Return how an invoice is paid elsewhere or later; None where nothing is to pay, or the merchant admits neither."""
    record = invoice.record
    promise = invoice.promise
    account, days = settings.transfer.get(record.currency), settings.promises.days
    if not is_payable(record.status, record.amount_due, record.amount_reserved) or not (account or days or promise):
        return None
    first_on = (promise.first_on or promise.made_at.date()) if promise is not None else None
    last = last_day(first_on, today, days)
    return PayLater(
        transfer=build_transfer_way(record, account) if account is not None else None,
        said=promise.kind if promise is not None else "",
        said_on=promise.made_at.astimezone(zone).date() if promise is not None else None,
        pay_on=promise.pay_on if promise is not None else None,
        first_day=today + timedelta(days=1) if last > today else None,
        last_day=last if last > today else None,
        typed=typed,
        fault=fault,
    )


def build_transfer_way(record: InvoiceRecord, account: TransferAccount) -> TransferWay:
    """Return how what is left of an invoice is paid by transfer; its code does not say who pays, as several people may see it."""
    transfer = bank_transfer(account)
    code = transfer_code(transfer, record.amount_due - record.amount_reserved, record.currency, record.number)
    return TransferWay(
        account.holder,
        account.iban or account.account,
        bool(account.iban),
        account.bic,
        account.bank,
        transfer_reference(transfer, record.currency, record.number),
        code_picture(code) if code else "",
    )


def build_invoice_page(
    invoice: InvoiceDetail,
    shares: Sequence[InvoiceShare],
    refunds: Mapping[str, Sequence[StoredRefund]],
    *,
    seller: Party,
    buyer_name: str,
    country_name: Callable[[str], str],
    zone: tzinfo,
    today: date,
    root: str,
    can_pay: bool,
    later: PayLater | None = None,
) -> InvoicePage:
    """Build one invoice's page. `refunds` are by payment. `buyer_name` is shown where the invoice has none; `country_name` turns CM into a country's name."""
    record = invoice.record
    payments = [(share.is_active, _payment(share, refunds.get(share.payment_id, ()), zone)) for share in shares]
    holders = [payment for is_active, payment in payments if is_active]
    holders.sort(key=lambda payment: payment.status != "requires_action")
    left = record.amount_due - record.amount_reserved if record.status in OUTSTANDING else 0
    refunded = _refunded(
        payment for share, (_, payment) in zip(shares, payments, strict=True) if share.state == "settled"
    )
    may_pay = can_pay and is_payable(record.status, record.amount_due, record.amount_reserved)
    lines = [(read_decimal(line.tax_rate), line.amount) for line in invoice.lines]
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
                read_decimal(line.quantity) or Decimal(0),
                read_decimal(line.unit_amount_decimal),
                line.amount,
            )
            for line in invoice.lines
        ),
        taxes=_taxes(invoice.tax, lines),
        subtotal=invoice.subtotal,
        total=record.total,
        amount_paid=record.amount_paid,
        amount_credited=record.amount_credited,
        amount_due=record.amount_due,
        credit_notes=tuple(
            CreditNoteRow(note.number, note.issued_on, note.amount_applied, note.id) for note in invoice.notes
        ),
        payments=tuple(payment for _, payment in payments),
        in_progress=holders[0] if holders else None,
        pay_url=f"{root}/checkout?invoice={record.id}" if may_pay else None,
        pay_with=_pay_with(invoice),
        paid_on=invoice.paid_at.astimezone(zone).date() if invoice.paid_at else None,
        amount_left=left,
        rest_url=f"{root}/payments/{holders[-1].id}" if can_pay and holders and left > 0 else None,
        later=later,
        **refunded,
    )


def build_credit_note_page(note: StoredCreditNote, invoice: StoredInvoice | None) -> CreditNotePage:
    """Build one credit note's page; `invoice` is the one that it corrects, where the customer sees it."""
    return CreditNotePage(
        id=note.id,
        number=note.number,
        description=note.description if note.description != note.number else "",
        issued_on=note.issued_on,
        currency=note.currency,
        amount=note.amount,
        amount_applied=note.amount_applied,
        invoice_id=invoice.id if invoice else None,
        invoice_number=invoice.number if invoice else "",
    )


def _refunded(payments: Iterable[InvoicePayment]) -> dict[str, Any]:
    """Return the fields about money that went back, from the payments that paid the invoice."""
    paid = list(payments)
    refunds = [refund for payment in paid for refund in payment.refunds]
    complete = [refund for refund in refunds if refund.status == "complete"]
    pending = [refund for refund in refunds if refund.status == "pending"]
    # A payment of several invoices that was refunded whole took each of its shares back; an imported one has no rows of refunds.
    whole = [payment for payment in paid if payment.status == "refunded" and not payment.refunds]
    last = max([*complete, *pending], key=lambda refund: refund.on, default=None)
    return {
        "amount_refunded": sum(refund.amount for refund in complete) + sum(payment.amount for payment in whole),
        "amount_returning": sum(refund.amount for refund in pending),
        "refunded_on": last.on if last else None,
        "refund_method": last.method if last else next((payment.method for payment in whole), ""),
        "is_refund_shared": any(
            payment.status in ("partially_refunded", "returning") and not payment.refunds for payment in paid
        ),
    }


def _groups(records: Sequence[ListedInvoice], rows: Sequence[InvoiceRow], *, by_month: bool) -> Iterable[InvoiceGroup]:
    """Rows below the months in which they were issued; where the order is that of due dates, what is to pay, then what is on its way."""
    if not by_month:
        kinds = [(row, _kind(row)) for row in rows]
        divided = (
            InvoiceGroup(None, tuple(row for row, its_kind in kinds if its_kind == kind), kind)
            for kind in ("to_pay", "waiting", "on_its_way")
        )
        return [group for group in divided if group.rows]
    groups: list[tuple[date, list[InvoiceRow]]] = []
    for record, row in zip(records, rows, strict=True):
        month = record.issued_on.replace(day=1)
        if not groups or groups[-1][0] != month:
            groups.append((month, []))
        groups[-1][1].append(row)
    return [InvoiceGroup(month, tuple(of_month)) for month, of_month in groups]


def _kind(row: InvoiceRow) -> str:
    if not row.is_being_paid:
        return "to_pay"
    return "waiting" if row.standing == "requires_action" else "on_its_way"


def _taxes(tax: int, lines: Iterable[tuple[Decimal | None, int]]) -> tuple[TaxSum, ...]:
    """The tax by rate; in one sum where no line has a rate, as in an invoice that was imported."""
    by_rate = taxes_by_rate(tax, lines)
    return tuple(TaxSum(rate, amount) for rate, amount in by_rate) if by_rate or not tax else (TaxSum(None, tax),)


def _payment(share: InvoiceShare, refunds: Sequence[StoredRefund], zone: tzinfo) -> InvoicePayment:
    brand = share.method_brand
    method = method_name(share.method_type, brand, share.method_last4, brand) if share.method_type else ""
    is_returning = any(refund.status == "pending" for refund in refunds)
    own = refunds if share.is_alone else ()
    return InvoicePayment(
        share.payment_id,
        share.created_at.astimezone(zone).date(),
        method,
        "returning" if is_returning else share.status,
        share.amount,
        tuple(
            InvoiceRefund(
                (refund.completed_at or refund.created_at).astimezone(zone).date(), refund.amount, refund.status, method
            )
            for refund in own
        ),
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
