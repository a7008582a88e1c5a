"""The account statement: the page, the same as a file, and all papers of its days as one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_scope, current_services, reading, root, today
from portal.database import Reader
from portal.documents.archives import Entry
from portal.documents.downloads import Papers, send_archive
from portal.documents.errors import TooManyInPeriod
from portal.documents.rules import MAX_IN_PERIOD, file_name
from portal.documents.wording.statements import movement_names
from portal.errors import NotFound
from portal.invoices.operations.papers import fix_credit_note_paper, fix_invoice_paper
from portal.invoices.queries.credit_notes import list_issued_between
from portal.invoices.queries.invoice_list import sum_owed
from portal.money import exponent, major_units
from portal.payments.operations.papers import fix_earlier_receipt
from portal.payments.queries.payments import list_captured
from portal.people.rules import Right
from portal.rendering.translations import translator
from portal.statement.operations import draft_statement
from portal.statement.page_builders import build_statement_page
from portal.statement.pages import StatementPage
from portal.statement.queries import list_currencies, read_statement
from portal.statement.rules import Statement, checked_period
from portal.web.csv_files import csv_pieces, stream_csv
from portal.web.downloads import send_file
from portal.web.policies import signed_in
from portal.web.render import render_page
from portal.web.runtime import current_runtime


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the statement."""
    blueprint.add_url_rule("/statement", "statement", statement)
    blueprint.add_url_rule("/statement.csv", "statement_csv", statement_csv)
    blueprint.add_url_rule("/statement.pdf", "statement_pdf", statement_pdf)
    blueprint.add_url_rule("/statement.zip", "statement_zip", statement_zip)


@signed_in(to=Right.READ, by_notice=True)
def statement() -> Response:
    """The account in one currency over a period: `from`, `to`, `currency`; what is missing or unknown is this quarter's."""
    with reading() as reader:
        currencies = list_currencies(reader, current_scope())
        found = _read(reader, currencies)
        sums, _ = sum_owed(reader, current_scope(), today())
    if found is None:
        return render_page("statement.html", StatementPage(None))
    under_way = sum(each.pending_amount for each in sums if each.currency == found.currency)
    page = build_statement_page(found, currencies, today=today(), root=root(), under_way=under_way)
    return render_page("statement.html", page)


@signed_in(to=Right.READ, by_notice=True)
def statement_csv() -> Response:
    """The same statement as a file: one line a movement, with the opening and the closing balance."""
    with reading() as reader:
        found = _read(reader, list_currencies(reader, current_scope()))
    if found is None:
        raise NotFound
    name = f"statement-{found.first_on}-{found.last_on}-{found.currency}"
    return stream_csv(name, _header(g.shell.locale), _lines(found, g.shell.locale))


@signed_in(to=Right.READ, by_notice=True)
def statement_pdf() -> Response:
    """The same statement as a paper, in the customer's language."""
    with reading() as reader:
        found = _read(reader, list_currencies(reader, current_scope()))
    if found is None:
        raise NotFound
    with current_services().database.unit_of_work() as session:
        paper = draft_statement(session, current_scope(), found)
    content = current_runtime().typesetter.draw(paper)
    name = file_name(paper.content["title"], str(found.first_on), str(found.last_on), found.currency)
    return send_file(content, name=name, content_type="application/pdf")


@signed_in(to=Right.READ, by_notice=True)
def statement_zip() -> Response:
    """All papers of the days of a statement, in every currency: the statements, and each invoice, receipt and credit note on them."""
    services, scope = current_services(), current_scope()
    papers = Papers(services, scope, current_runtime().typesetter)
    first_on, last_on = checked_period(_day("from"), _day("to"), today())
    zone, locale = ZoneInfo(g.merchant.timezone), g.shell.locale
    with reading() as reader:
        statements = [
            read_statement(reader, scope, currency, first_on=first_on, last_on=last_on, zone=zone)
            for currency in list_currencies(reader, scope)
        ]
        movements = [each for found in statements for each in found.movements]
        opened = {each.invoice_id: each for each in movements if each.kind == "invoice" and each.invoice_id}
        paid = {each.payment_id for each in movements if each.payment_id and each.kind.startswith("payment")}
        notes = list_issued_between(reader, scope, first_on, last_on)
        if len(opened) + len(paid) + len(notes) > MAX_IN_PERIOD:
            raise TooManyInPeriod
        payments = list_captured(reader, scope, paid)
    if not statements:
        raise NotFound
    _ = translator(locale).gettext
    entries = [entry for found in statements for entry in _statement_entries(papers, found, locale)]
    entries += [
        papers.entry(file_name(_("Invoice"), each.number), _noon(each.on), invoice_id, fix_invoice_paper)
        for invoice_id, each in opened.items()
    ]
    entries += [
        papers.entry(
            file_name(_("Receipt"), each.receipt_name),
            each.completed_at or each.updated_at,
            each.id,
            fix_earlier_receipt,
        )
        for each in payments
    ]
    entries += [
        papers.entry(file_name(_("Credit note"), each.number), _noon(each.issued_on), each.id, fix_credit_note_paper)
        for each in notes
    ]
    return send_archive(entries, name=f"documents-{first_on}-{last_on}.zip")


def _statement_entries(papers: Papers, found: Statement, locale: str) -> Iterator[Entry]:
    """Yield a statement as PDF and as CSV."""
    name = file_name(translator(locale).gettext("Statement"), str(found.first_on), str(found.last_on), found.currency)

    def draw() -> bytes:
        with papers.services.database.unit_of_work() as session:
            paper = draft_statement(session, papers.scope, found)
        return papers.typesetter.draw_next(paper)

    def write() -> bytes:
        return "".join(csv_pieces(_header(locale), _lines(found, locale))).encode()

    yield Entry(name, _noon(found.last_on), draw)
    yield Entry(f"{name.removesuffix('.pdf')}.csv", _noon(found.last_on), write)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12))


def _read(reader: Reader, currencies: list[str]) -> Statement | None:
    """Return the statement that the request asks for; None for a customer who never owed anything nor had credit."""
    if not currencies:
        return None
    usual = g.merchant.currency if g.merchant.currency in currencies else currencies[0]
    asked = request.args.get("currency", usual).upper()
    currency = asked if asked in currencies else usual
    first, last = checked_period(_day("from"), _day("to"), today())
    return read_statement(
        reader, current_scope(), currency, first_on=first, last_on=last, zone=ZoneInfo(g.merchant.timezone)
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _header(locale: str) -> list[str]:
    _ = translator(locale).gettext
    return [
        _("Date"),
        _("What"),
        _("Number"),
        _("Description"),
        _("Charged"),
        _("Paid or credited"),
        _("Balance"),
        _("Currency"),
    ]


def _lines(found: Statement, locale: str) -> Iterator[list[str]]:
    _, words = (
        translator(locale).gettext,
        movement_names(translator(locale)),
    )  # Not the request's: its lines are made while they are sent.

    def money(amount: int) -> str:
        return f"{major_units(amount, found.currency):.{exponent(found.currency)}f}"

    yield [str(found.first_on), _("Opening balance"), "", "", "", "", money(found.opening), found.currency]
    for each in found.movements:
        yield [
            str(each.on), words[each.kind], each.number or each.payment_id or "", each.title, money(each.charged), money(each.credited),
            money(each.balance), found.currency,
        ]  # fmt: skip
    yield [str(found.last_on), _("Closing balance"), "", "", "", "", money(found.closing), found.currency]
