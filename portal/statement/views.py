"""The account statement: the page, and the same as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_scope, current_services, reading, root, today
from portal.database import Reader
from portal.documents.rules import file_name
from portal.documents.wording import movement_names
from portal.errors import NotFound
from portal.invoices.queries.invoice_list import sum_owed
from portal.money import exponent, major_units
from portal.rendering.translations import translator
from portal.statement.operations import draft_statement
from portal.statement.page_builders import build_statement_page
from portal.statement.pages import StatementPage
from portal.statement.queries import list_currencies, read_statement
from portal.statement.rules import Statement, checked_period
from portal.web.csv_files import stream_csv
from portal.web.downloads import send_file
from portal.web.policies import signed_in
from portal.web.render import render_page
from portal.web.runtime import current_runtime


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the statement."""
    blueprint.add_url_rule("/statement", "statement", statement)
    blueprint.add_url_rule("/statement.csv", "statement_csv", statement_csv)
    blueprint.add_url_rule("/statement.pdf", "statement_pdf", statement_pdf)


@signed_in
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


@signed_in
def statement_csv() -> Response:
    """The same statement as a file: one line a movement, with the opening and the closing balance."""
    with reading() as reader:
        found = _read(reader, list_currencies(reader, current_scope()))
    if found is None:
        raise NotFound
    name = f"statement-{found.first_on}-{found.last_on}-{found.currency}"
    return stream_csv(name, _header(g.shell.locale), _lines(found, g.shell.locale))


@signed_in
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
