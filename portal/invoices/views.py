"""The customer's invoices: what is owed and what was paid, and one invoice with its lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    can_pay,
    can_use_methods,
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    root,
    today,
)
from portal.errors import NotFound
from portal.invoices.operations.promises import promise_payment
from portal.invoices.page_builders import (
    build_credit_note_page,
    build_invoice_page,
    build_invoices_page,
    build_pay_later,
)
from portal.invoices.pages import Party
from portal.invoices.queries.credit_notes import get_credit_note
from portal.invoices.queries.invoice_list import FILTERS, is_by_due_date, read_invoice_list, sum_owed
from portal.invoices.queries.invoice_page import read_invoice_page
from portal.invoices.queries.invoices import StoredInvoice, find_invoice, get_invoice
from portal.invoices.queries.promises import find_first_day
from portal.invoices.rules import PromiseKind, last_day, read_day
from portal.payments.queries.payment_page import list_invoice_shares
from portal.payments.queries.standing import standing_at, standing_of_invoice
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.refunds.queries import list_refunds_of
from portal.rendering.formats import formats_for
from portal.rendering.translations import translator
from portal.web.lists import build_pager, read_cursor, read_filter
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422
_MAX_ECHOED = 40
_MARK = "."
"""Between due date and id in a cursor of outstanding invoices; neither of them has one."""


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the invoices."""
    blueprint.add_url_rule("/invoices", "invoices", invoices)
    blueprint.add_url_rule("/invoices/<invoice_id>", "invoice", invoice)
    blueprint.add_url_rule("/invoices/<invoice_id>/transfer", "say_transferred", say_transferred, methods=["POST"])
    blueprint.add_url_rule("/invoices/<invoice_id>/promise", "promise_day", promise_day, methods=["POST"])
    blueprint.add_url_rule("/credit-notes/<note_id>", "credit_note", credit_note)


@signed_in(to=Right.READ, by_notice=True)
def invoices() -> Response:
    """Invoices by status, 25 a page, with what is owed in each currency over all of them."""
    scope = current_scope()
    status = read_filter(request.args, FILTERS, "outstanding")
    by_due_date = is_by_due_date(status)
    cursor = read_cursor(request.args, _read_due_key if by_due_date else _read_id)
    with reading() as reader:
        found = read_invoice_list(
            reader, scope, status, cursor, today(), standing=standing_of_invoice, standing_values=standing_at(now())
        )
        owed, has_any = sum_owed(reader, scope, today())
    page = build_invoices_page(
        status,
        found.rows,
        owed,
        build_pager(found, {"status": status}, lambda row: f"{row.due_on}{_MARK}{row.id}" if by_due_date else row.id),
        has_any=has_any,
        today=today(),
        root=root(),
        can_pay=can_pay(),
    )
    return render_page("invoices/list.html", page)


@signed_in(to=Right.READ, by_notice=True)
def invoice(invoice_id: str) -> Response:
    """One invoice."""
    return _show(invoice_id)


def _show(invoice_id: str, *, typed_day: str = "", fault: str = "", status: int = 200) -> Response:
    """Return the page of an invoice; with `typed_day` and `fault` where a day was promised that cannot be."""
    scope = current_scope()
    with reading() as reader:
        found = read_invoice_page(reader, scope, invoice_id)
        if not can_use_methods():
            found = replace(found, default_method=None)
        shares = list_invoice_shares(reader, scope, found.record.id, now=now())
        went_back = [share.payment_id for share in shares if share.status in ("partially_refunded", "refunded")]
        refunds = list_refunds_of(reader, scope, went_back)
    page = build_invoice_page(
        found,
        shares,
        refunds,
        seller=Party(g.merchant.legal_name, tuple(line for line in g.merchant.address_lines if line)),
        buyer_name=g.signed_in.company_name or g.signed_in.name or g.signed_in.email or "",
        country_name=_country_name,
        zone=ZoneInfo(g.merchant.timezone),
        today=today(),
        root=root(),
        can_pay=can_pay(),
        later=build_pay_later(
            found,
            g.merchant.settings,
            today=today(),
            zone=ZoneInfo(g.merchant.timezone),
            typed=typed_day,
            fault=fault,
        ),
    )
    return render_page("invoices/detail.html", page, status)


@signed_in(to=Right.PAY, by_notice=True)
def say_transferred(invoice_id: str) -> Response:
    """ "I have paid": the merchant is mailed, and the invoice stays open until the money is booked."""
    invoice = _own_invoice(invoice_id)
    if invoice.currency not in g.merchant.settings.transfer:
        raise NotFound
    texts, formats = translator(g.merchant.locale), formats_for(g.merchant.locale)
    amount = formats.money(invoice.amount_due - invoice.amount_reserved, invoice.currency)
    return _promise(invoice, "transfer", texts.gettext("I have paid %(amount)s by bank transfer.", amount=amount))


@signed_in(to=Right.MANAGE)
def promise_day(invoice_id: str) -> Response:
    """A day on which the customer will pay, within the merchant's rule."""
    invoice = _own_invoice(invoice_id)
    days = g.merchant.settings.promises.days
    if not days:
        raise NotFound
    with current_services().database.read() as reader:
        last = last_day(find_first_day(reader, current_scope(), invoice.id), today(), days)
    if last <= today():
        raise NotFound  # The page offers no day any more.
    typed = request.form.get("pay_on", "")
    day, fault = read_day(typed, today(), last)
    if day is None:
        return _show(invoice_id, typed_day=typed[:_MAX_ECHOED], fault=fault or "", status=_UNPROCESSABLE)
    texts, formats = translator(g.merchant.locale), formats_for(g.merchant.locale)
    return _promise(invoice, "day", texts.gettext("I will pay on %(day)s.", day=formats.day(day)), pay_on=day)


def _own_invoice(invoice_id: str) -> StoredInvoice:
    with current_services().database.read() as reader:
        return get_invoice(reader, current_scope(), invoice_id)


def _promise(invoice: StoredInvoice, kind: PromiseKind, text: str, *, pay_on: date | None = None) -> Response:
    current_services().database.run(
        lambda session: promise_payment(
            session, current_scope(), invoice.id, kind, text=text, pay_on=pay_on, today=today(),
            days=g.merchant.settings.promises.days, actor=current_actor(), at=now(),
        )
    )  # fmt: skip
    return redirect_to(f"/invoices/{invoice.id}")


@signed_in(to=Right.READ, by_notice=True)
def credit_note(note_id: str) -> Response:
    """One credit note: what it corrects, and what became of it."""
    scope = current_scope()
    with reading() as reader:
        note = get_credit_note(reader, scope, note_id)
        invoice = find_invoice(reader, scope, note.invoice_id) if note.invoice_id else None
    return render_page("invoices/credit_note.html", build_credit_note_page(note, invoice))


def _read_id(text: str) -> Any:
    return text if is_id("inv", text) else None


def _read_due_key(text: str) -> Any:
    day, _, invoice_id = text.partition(_MARK)
    try:
        due_on = date.fromisoformat(day)
    except ValueError:
        return None
    return (due_on, invoice_id) if is_id("inv", invoice_id) else None


def _country_name(code: str) -> str:
    name = Locale.parse(g.shell.locale, sep="-" if "-" in g.shell.locale else "_").territories.get(code.upper(), code)
    return str(name)
